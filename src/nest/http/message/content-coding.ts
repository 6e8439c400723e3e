import type { Exchange, HeaderValue } from '../exchange/exchange.js';

/**
 * Whether the body may get a content coding after the cache has sent it, as by compression in middleware or in a hook.
 * What a client that names no coding accepts is anything (RFC 9110 section 12.5.3), but compressors leave it alone.
 */
export function mayBeEncoded(exchange: Exchange): boolean {
  if (!acceptsCoding(exchange.request.headers['accept-encoding'])) return false;
  return !isEncoded(exchange.header('content-encoding')) && exchange.hasBodyFilter();
}

/** Whether a `Content-Encoding` names a coding that changes the bytes. */
export function isEncoded(coding: HeaderValue | undefined): boolean {
  return coding !== undefined && coding !== 'identity';
}

/**
 * Whether a client accepts any coding but `identity`: a weight of 0 means that it does not (RFC 9110 section 12.4.2).
 */
function acceptsCoding(accepted: string | string[] | undefined): boolean {
  if (accepted === undefined) return false;
  return String(accepted)
    .toLowerCase()
    .split(',')
    .some((member) => {
      const [coding = '', ...parameters] = member.split(';').map((part) => part.trim());
      return (
        coding !== '' && coding !== 'identity' && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))
      );
    });
}

/** The tag to send: two codings of one content must not share a strong one (RFC 9110 section 8.8.3.3). */
export function etagFor(exchange: Exchange, etag: string): string {
  return etag.startsWith('"') && mayBeEncoded(exchange) ? `W/${etag}` : etag;
}
