import { ForbiddenException, UnsupportedMediaTypeException } from '@nestjs/common';

/** What Express and Fastify have in common. */
export interface AdminRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** What a browser says of requests that its user's own doing, or a page of the same origin, has caused. */
const OWN = new Set(['same-origin', 'none']);
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i;

/**
 * Refuses what would change something and may come from a page of another site: a browser adds the cookies of whoever
 * looks at that page, so no guard can tell. A browser says where a request comes from (`Sec-Fetch-Site`, or else
 * `Origin`); what says neither comes from a command line. Only a JSON body is read: other sites may send forms and text
 * without being asked (Fetch, section 2.2.2).
 * @throws ForbiddenException, UnsupportedMediaTypeException
 */
export function refuseOtherSites({ method, headers }: AdminRequest): void {
  if (READING.has(method)) return;
  if (isForeign(text(headers['sec-fetch-site']), text(headers['origin']), text(headers['host']))) {
    throw new ForbiddenException(
      'The cache is not changed by requests from other sites. Send this one from a page of the same origin, or without `Origin` and `Sec-Fetch-Site`.',
    );
  }
  const type = text(headers['content-type']);
  if (hasBody(headers) && (type === undefined || !JSON_TYPE.test(type))) {
    throw new UnsupportedMediaTypeException(
      `Expected a JSON body, got ${type === undefined ? 'one without a type' : `\`${type}\``}. Send \`Content-Type: application/json\`.`,
    );
  }
}

function isForeign(site: string | undefined, origin: string | undefined, host: string | undefined): boolean {
  // A proxy may have another host in front of it than it asks here; the browser knows better.
  if (site !== undefined) return !OWN.has(site);
  return origin !== undefined && hostOf(origin) !== host?.toLowerCase();
}

/** `null`, as a page without an origin sends it, has none. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function hasBody(headers: AdminRequest['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(text(headers['content-length']) ?? 0) > 0;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
