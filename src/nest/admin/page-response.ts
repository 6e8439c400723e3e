import type { AdminResponse } from './admin-response.js';
import { PAGE, SCRIPT_HASH, STYLE_HASH } from './page.generated.js';

/**
 * The page runs its own script and style, known by their hashes, and talks to its own origin. `require-trusted-types`
 * makes the browser refuse markup that a script makes of a text.
 */
const POLICY = [
  "default-src 'none'",
  `script-src '${SCRIPT_HASH}'`,
  `style-src '${STYLE_HASH}'`,
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Sends the dashboard, the same for everybody: the page asks the other routes for all that it shows. */
export function sendPage(response: AdminResponse): void {
  response.header('Content-Type', 'text/html; charset=utf-8');
  response.header('Content-Security-Policy', POLICY);
  response.send(PAGE);
}
