import { cacheControlFor, type HeaderRules } from './answer-headers.js';
import { cachedResponse, type CachedResponse } from './cached-response.js';
import { weakEtag } from '../message/conditional-request.js';
import { EMPTY_BODY, type HeaderMap, type HeaderValue } from '../exchange/exchange.js';
import { changedHeaders, hasChanged, listOf, removedHeaders } from './response-headers.js';
import { type HandlerResponse, judge, type Refusal, type StorageRules } from './storability.js';

/** A response that is about to be sent, and what is known about its making. */
export interface Capture extends HandlerResponse {
  readonly method: string;
  readonly reason: string | undefined;
}

/** The response to store, or the reason why nothing can be stored. */
export type Captured = { readonly response: CachedResponse } | { readonly refusal: Refusal };

export function captureResponse(capture: Capture, rules: StorageRules & HeaderRules, nowMs: number): Captured {
  const verdict = judge(capture, rules, nowMs);
  if ('refusal' in verdict) return verdict;
  const { before, own, headers } = capture;
  const { isDeclared, ...stored } = verdict;
  const response = cachedResponse({
    ...stored,
    ...etagOf(capture),
    status: capture.status,
    reason: capture.reason ?? null,
    headers: changedHeaders(before, own),
    removed: removedHeaders(before, own),
    contentType: headers['content-type'] === undefined ? null : String(headers['content-type']),
    cacheControl: cacheControlFor({ freshMs: stored.freshMs, isDeclared }, rules),
    date: headers.date === undefined ? new Date(nowMs).toUTCString() : String(headers.date),
    body: capture.status === 204 ? EMPTY_BODY : capture.body,
    // `judge` has checked them.
    tags: capture.tags as readonly string[],
    isThrown: capture.isThrown,
  });
  return { response };
}

/** The tag of the handler or the platform, or else one of the bytes. The body of a HEAD has no bytes to make one of. */
function etagOf({
  headers: { etag },
  own,
  method,
  body,
  status,
}: Capture): Pick<CachedResponse, 'etag' | 'hasOwnEtag'> {
  if (etag !== undefined) return { etag: String(etag), hasOwnEtag: own.etag !== undefined };
  const isUnknown = method === 'HEAD' && body.length === 0;
  return { etag: isUnknown || status !== 200 ? null : weakEtag(body), hasOwnEtag: false };
}

/** Headers that a 304 does not update, because they describe the 304 itself (RFC 9111 section 3.2). */
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
 * The headers of a stored response after a 304 has confirmed it: those of the handler's 304 replace the stored ones.
 * `Age` and `Date` come from the 304 alone.
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
