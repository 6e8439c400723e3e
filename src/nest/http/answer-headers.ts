import type { CachedResponse } from './cached-response.js';
import { isNotModified } from './conditional-request.js';
import type { Exchange, ReplyForm } from './exchange.js';
import { mergeVary } from './response-headers.js';

export type CacheState = 'HIT' | 'MISS' | 'STALE';

/** How an answer was come by. */
export interface Provenance {
  readonly state: CacheState;
  /** Since the answer was generated; absent when it was generated for this request. */
  readonly ageMs?: number;
  /** For how long it stays fresh; absent when it was not stored. */
  readonly leftMs?: number;
}

/** What of a route's policy shows in headers. */
export interface HeaderRules {
  readonly varyBy: readonly string[];
  readonly scope: unknown;
  readonly cacheControl: string;
  readonly showsXCache: boolean;
}

/** What no header of a 304 says, because it belongs to the content that is not sent (RFC 9110 section 15.4.5). */
const CONTENT_HEADERS = ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-range', 'transfer-encoding'];

/** `max-age` of what is fresh for ever: a year, as is the custom. */
const LONGEST_MAX_AGE_S = 31_536_000;

/**
 * Completes the headers of an answer of the cache, the same for the request that ran the handler as for all that come
 * after it, and judges the client's conditions on it.
 */
export function finishAnswer(exchange: Exchange, response: CachedResponse, rules: HeaderRules, how: Provenance): ReplyForm {
  exchange.setHeader('date', response.date);
  if (response.etag !== null) exchange.setHeader('etag', response.etag);
  mergeVary(exchange, [...response.vary, ...rules.varyBy]);
  if (rules.cacheControl !== 'none' && exchange.header('cache-control') === undefined) exchange.setHeader('cache-control', cacheControlOf(response, rules));
  showProvenance(exchange, rules, how);
  return applyConditions(exchange);
}

/** Marks an answer that the cache had no part in. */
export function showBypass(exchange: Exchange, rules: Pick<HeaderRules, 'showsXCache'>): void {
  if (rules.showsXCache) exchange.setHeader('x-cache', 'BYPASS');
}

/** Turns the answer into a 304 where the client has it already; only a 200 can be (RFC 9110 section 13.2.1). */
export function applyConditions(exchange: Exchange): ReplyForm {
  const validators = { etag: exchange.header('etag'), lastModified: exchange.header('last-modified') };
  if (exchange.status() !== 200 || !isNotModified(exchange.request.headers, validators)) return 'full';
  exchange.setStatus(304);
  for (const name of CONTENT_HEADERS) exchange.removeHeader(name);
  return 'empty';
}

function showProvenance(exchange: Exchange, { showsXCache }: HeaderRules, { state, ageMs, leftMs }: Provenance): void {
  if (ageMs !== undefined) exchange.setHeader('age', String(Math.floor(ageMs / 1000)));
  if (!showsXCache) return;
  exchange.setHeader('x-cache', state);
  if (leftMs !== undefined && leftMs !== Infinity) exchange.setHeader('x-cache-ttl', String(Math.max(0, Math.ceil(leftMs / 1000))));
}

function cacheControlOf({ ttlMs }: CachedResponse, { cacheControl, scope }: HeaderRules): string {
  if (cacheControl !== 'auto') return cacheControl;
  const maxAge = Math.min(Math.floor(ttlMs / 1000), LONGEST_MAX_AGE_S);
  return `${scope === 'public' ? 'public' : 'private'}, max-age=${maxAge}`;
}
