import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { HeaderValue } from '../exchange/exchange.js';
import { parseHttpDate } from './http-date.js';

/** The validators of the response that a condition is compared with. */
export interface Validators {
  readonly etag: HeaderValue | undefined;
  readonly lastModified: HeaderValue | undefined;
}

/**
 * An entity tag of the bytes in the form of Express, so that a route has the same tag on both platforms, with and
 * without the cache. It is weak, because the same content may be sent compressed.
 */
export function weakEtag(body: Buffer): string {
  return `W/"${body.length.toString(16)}-${createHash('sha1').update(body).digest('base64').slice(0, 27)}"`;
}

/**
 * True when a GET or HEAD gets a 304 in place of a 200 (RFC 9110 section 13.2.2): by `If-None-Match` if it is present,
 * or else by `If-Modified-Since`.
 */
export function isNotModified(headers: IncomingHttpHeaders, { etag, lastModified }: Validators): boolean {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) return etag !== undefined && matchesEtag(noneMatch, String(etag));
  const since = headers['if-modified-since'];
  if (since === undefined || lastModified === undefined) return false;
  const sinceMs = parseHttpDate(since);
  const modifiedMs = parseHttpDate(String(lastModified));
  return sinceMs !== undefined && modifiedMs !== undefined && modifiedMs <= sinceMs;
}

/** Compares weakly (RFC 9110 section 8.8.3.2). A member without quotes is no tag. */
function matchesEtag(noneMatch: string, etag: string): boolean {
  if (noneMatch.trim() === '*') return true;
  const opaque = withoutWeakness(etag);
  const members = noneMatch.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  return members.some((member) => /^(?:W\/)?"[^"]*"$/.test(member.trim()) && withoutWeakness(member.trim()) === opaque);
}

function withoutWeakness(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
