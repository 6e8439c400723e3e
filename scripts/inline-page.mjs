/*
 * Bundles the dashboard (src/nest/admin/page/) into one module, src/nest/admin/page.generated.ts: the page with its
 * script and style inside, and the hashes by which the browser knows them (CSP 3, section 2.3.1).
 * The module is committed, so that the sources run without a build, as they do in the tests. `npm run build` writes it;
 * with `--check` the script writes nothing, and fails where the module is out of date.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const page = new URL('../src/nest/admin/page/', import.meta.url);
const generated = new URL('../src/nest/admin/page.generated.ts', import.meta.url);
const read = (name) => readFileSync(new URL(name, page), 'utf8');
const hashOf = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

async function script() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('view/main.ts', page))],
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    tsconfigRaw: '{}',
  });
  return outputFiles[0].text.trim();
}

async function moduleText() {
  const code = await script();
  const style = (await transform(read('style.css'), { loader: 'css', minify: true })).code.trim();
  for (const text of [code, style])
    if (/<\/(script|style)/i.test(text)) throw new Error('An inlined part would end its own element.');
  const html = read('index.html')
    .replace(/^ +/gm, '')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${code}</script>`);
  return `// Made by scripts/inline-page.mjs from src/nest/admin/page/. Change those files, then run \`npm run build\`.
export const SCRIPT_HASH = '${hashOf(code)}';
export const STYLE_HASH = '${hashOf(style)}';
export const PAGE = ${JSON.stringify(html)};
`;
}

const now = await moduleText();
const isCurrent = existsSync(generated) && readFileSync(generated, 'utf8') === now;
if (process.argv.includes('--check') && !isCurrent) {
  console.error('src/nest/admin/page.generated.ts is out of date: run `npm run build`, and commit it.');
  process.exit(1);
}
if (!isCurrent) writeFileSync(generated, now);
