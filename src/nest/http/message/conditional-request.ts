import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { HeaderValue } from '../exchange/exchange.js';
import { parseHttpDate } from './http-date.js';

/** What a condition is judged against. */
export interface Validators {
  readonly etag: HeaderValue | undefined;
  readonly lastModified: HeaderValue | undefined;
}

/**
 * A weak entity tag of the bytes, in the form that Express makes, so that a route has the same tag on both platforms
 * and with and without the cache. Weak, because a compressed body of the same content may follow it.
 */
export function weakEtag(body: Buffer): string {
  return `W/"${body.length.toString(16)}-${createHash('sha1').update(body).digest('base64').slice(0, 27)}"`;
}

/**
 * Whether a GET or HEAD that would be answered 200 is to be answered 304 (RFC 9110 section 13.2.2): by `If-None-Match`
 * where it is given, and else by `If-Modified-Since`.
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

/** Tags are compared weakly (RFC 9110 section 8.8.3.2); members that are not quoted are no tags. */
function matchesEtag(noneMatch: string, etag: string): boolean {
  if (noneMatch.trim() === '*') return true;
  const opaque = withoutWeakness(etag);
  const members = noneMatch.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  return members.some((member) => /^(?:W\/)?"[^"]*"$/.test(member.trim()) && withoutWeakness(member.trim()) === opaque);
}

function withoutWeakness(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
