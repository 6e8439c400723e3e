import { ForbiddenException, UnsupportedMediaTypeException } from '@nestjs/common';

/** The properties that requests of Express and of Fastify share. */
export interface AdminRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Values of `Sec-Fetch-Site` for requests of the user, such as a typed address, and of pages of the same origin. */
const OWN = new Set(['same-origin', 'none']);
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i;

/**
 * Refuses a request that would change something and might come from a page of another site: the browser adds the user's
 * cookies to it, so no guard can recognize it. A browser says where a request comes from (`Sec-Fetch-Site`, or else
 * `Origin`); a request without both headers comes from a command line. Only a JSON body is read: pages of other sites
 * can send forms and text without a preflight (Fetch, section 2.2.2).
 * @throws ForbiddenException, UnsupportedMediaTypeException
 */
export function refuseOtherSites({ method, headers }: AdminRequest): void {
  if (READING.has(method)) return;
  if (isForeign(text(headers['sec-fetch-site']), text(headers['origin']), text(headers['host']))) {
    throw new ForbiddenException(
      'The cache is not changed by requests from other sites. Send this one from a page of the same origin, or ' +
        'without `Origin` and `Sec-Fetch-Site`.',
    );
  }
  const type = text(headers['content-type']);
  if (hasBody(headers) && (type === undefined || !JSON_TYPE.test(type))) {
    throw new UnsupportedMediaTypeException(
      `Expected a JSON body, got ${type === undefined ? 'one without a type' : `\`${type}\``}. Send ` +
        '`Content-Type: application/json`.',
    );
  }
}

function isForeign(site: string | undefined, origin: string | undefined, host: string | undefined): boolean {
  // Behind a proxy `Host` might differ from the host that the browser used, so the browser's own header decides.
  if (site !== undefined) return !OWN.has(site);
  return origin !== undefined && hostOf(origin) !== host?.toLowerCase();
}

/** Returns the host of an origin; `undefined` for `null`, which a page without an origin sends. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function hasBody(headers: AdminRequest['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(text(headers['content-length']) ?? 0) > 0;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
