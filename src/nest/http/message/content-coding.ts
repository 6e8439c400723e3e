import type { Exchange, HeaderValue } from '../exchange/exchange.js';

/**
 * True when middleware or a hook may encode the body after the cache has sent it, for example compress it. A client
 * that names no coding accepts any (RFC 9110 section 12.5.3), but compressors do not encode for it.
 */
export function mayBeEncoded(exchange: Exchange): boolean {
  if (!acceptsCoding(exchange.request.headers['accept-encoding'])) return false;
  return !isEncoded(exchange.header('content-encoding')) && exchange.hasBodyFilter();
}

/** True when a `Content-Encoding` names a coding that changes the bytes. */
export function isEncoded(coding: HeaderValue | undefined): boolean {
  return coding !== undefined && coding !== 'identity';
}

/** True when a client accepts a coding other than `identity`; a weight of 0 refuses one (RFC 9110 section 12.4.2). */
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

/** The tag to send. Two codings of one content must not share a strong tag (RFC 9110 section 8.8.3.3). */
export function etagFor(exchange: Exchange, etag: string): string {
  return etag.startsWith('"') && mayBeEncoded(exchange) ? `W/${etag}` : etag;
}
