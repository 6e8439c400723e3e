import type { CachedResponse } from './cached-response.js';
import type { HeaderMap, HeaderValue } from '../exchange/exchange.js';
import { hasChanged, listOf } from './response-headers.js';

/** What a 304 says of these is about itself, or nothing (RFC 9111 section 3.2). */
const NOT_UPDATED = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'vary',
  'transfer-encoding',
  'connection',
  'set-cookie',
  'x-cache',
  'x-cache-ttl',
  'cache-status',
]);

/**
 * The headers of a stored response after a 304 that confirms it: its own, and over them those that the handler has set
 * with the 304. `Age` and `Date` are those of the 304 alone.
 */
export function mergedHeaders(stored: CachedResponse, before: HeaderMap, confirming: HeaderMap): HeaderMap {
  const merged: Record<string, HeaderValue | undefined> = { ...before };
  for (const name of stored.removed) Reflect.deleteProperty(merged, name);
  for (const [name, value] of stored.headers) merged[name] = value;
  for (const name of Object.keys(confirming)) {
    if (!NOT_UPDATED.has(name) && hasChanged(name, before, confirming)) merged[name] = confirming[name];
  }
  const vary = [...new Set([...listOf(before.vary), ...stored.vary, ...listOf(confirming.vary)])];
  if (vary.length > 0) merged.vary = vary.join(', ');
  if (stored.contentType !== null) merged['content-type'] = stored.contentType;
  if (stored.hasOwnEtag && stored.etag !== null) merged.etag = stored.etag;
  return merged;
}
