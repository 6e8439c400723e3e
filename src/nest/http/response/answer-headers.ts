import { requestedRange } from '../message/byte-range.js';
import { cacheStatusLine, type CacheStatus, type ForwardReason } from '../message/cache-status.js';
import type { CachedResponse } from './cached-response.js';
import { isNotModified } from '../message/conditional-request.js';
import { etagFor, mayBeEncoded } from '../message/content-coding.js';
import { EMPTY_BODY, type Exchange, type HeaderValue } from '../exchange/exchange.js';
import type { VaryHeader } from './vary-marker.js';
import { mergeVary } from './response-headers.js';
import { showTiming } from './server-timing.js';
import { emittedTags, TAG_FIELDS } from './response-tags.js';

/** Headers that the options switch on. */
export interface ShownHeaders {
  readonly showsXCache: boolean;
  readonly showsCacheStatus: boolean;
  readonly showsSurrogateKey: boolean;
  readonly isDebugging: boolean;
}

export type CacheState = 'HIT' | 'MISS' | 'STALE' | 'REVALIDATED' | 'BYPASS';

/** Where a response came from, as headers show it. */
export interface Provenance {
  readonly state: CacheState;
  /** Time since the response was generated; absent when it was generated for this request. */
  readonly ageMs?: number;
  /** Time until the response expires, negative for a stale one; absent when it was not stored. */
  readonly leftMs?: number;
  readonly status: CacheStatus;
}

/** The part of a route's policy that decides about headers. */
export interface HeaderRules extends ShownHeaders {
  readonly varyBy: readonly VaryHeader[];
  /** Request header that selects the API version; it is added to `Vary` for caches in front. */
  readonly versionHeader: string | undefined;
  readonly scope: unknown;
  readonly cacheControl: string;
}

/** Headers that describe the content, which a 304 and a 416 do not send (RFC 9110 section 15.4.5). */
const CONTENT_HEADERS = [
  'content-type',
  'content-length',
  'content-encoding',
  'content-language',
  'content-range',
  'transfer-encoding',
];

/** `max-age` of a response that never expires: one year, in seconds. */
const LONGEST_MAX_AGE_S = 31_536_000;

/**
 * Completes the headers of a response, in the same way for a miss and for the hits after it, and judges the client's
 * conditions and range.
 * @returns the body to send
 */
export function finishAnswer(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  provenance: Provenance,
): Buffer {
  exchange.setHeader('date', response.date);
  if (response.etag !== null) exchange.setHeader('etag', etagFor(exchange, response.etag));
  if (response.vary.length > 0) mergeVary(exchange, response.vary);
  if (rules.varyBy.length > 0)
    mergeVary(
      exchange,
      rules.varyBy.map(({ name }) => name),
    );
  if (rules.versionHeader !== undefined) mergeVary(exchange, [rules.versionHeader]);
  if (response.cacheControl !== null && exchange.header('cache-control') === undefined)
    exchange.setHeader('cache-control', response.cacheControl);
  if (rules.showsSurrogateKey) showTags(exchange, response.tags);
  showProvenance(exchange, response, rules, provenance);
  if (rules.isDebugging) showTiming(exchange, provenance.state);
  return answerFor(exchange, response.body);
}

/** Marks a response that neither comes from the cache nor is stored. */
export function showBypass(exchange: Exchange, rules: ShownHeaders, forward: ForwardReason, detail?: string): void {
  if (rules.showsXCache) exchange.setHeader('x-cache', 'BYPASS');
  if (rules.showsCacheStatus) showStatus(exchange, rules, { forward, ...(detail === undefined ? {} : { detail }) });
  if (rules.isDebugging) showTiming(exchange, 'BYPASS');
}

/**
 * The body that the client asks for: the whole, none if its copy is still valid, or a range. Only a 200 is judged (RFC
 * 9110 section 13.2.1).
 */
export function answerFor(exchange: Exchange, body: Buffer): Buffer {
  const { headers, method } = exchange.request;
  if (exchange.status() !== 200 || !asksForOther(headers)) return body;
  const validators = { etag: exchange.header('etag'), lastModified: exchange.header('last-modified') };
  if (isNotModified(headers, validators)) return notModified(exchange);
  // A range is a part of the content after encoding (RFC 9110 section 14).
  if (method !== 'GET' || headers.range === undefined || mayBeEncoded(exchange)) return body;
  const range = requestedRange(headers, {
    size: body.length,
    etag: validators.etag,
    lastModified: strongDate(exchange),
  });
  if (range === undefined) return body;
  return range === 'none' ? notSatisfiable(exchange, body.length) : partOf(exchange, body, range);
}

/**
 * `undefined` if two codings of the content may share the date: it is no strong validator (RFC 9110 section 8.8.2.2).
 */
function strongDate(exchange: Exchange): HeaderValue | undefined {
  return exchange.hasBodyFilter() ? undefined : exchange.header('last-modified');
}

function asksForOther(headers: Exchange['request']['headers']): boolean {
  return (
    headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined || headers.range !== undefined
  );
}

function notModified(exchange: Exchange): Buffer {
  exchange.setStatus(304);
  for (const name of CONTENT_HEADERS) exchange.removeHeader(name);
  return EMPTY_BODY;
}

function partOf(exchange: Exchange, body: Buffer, { start, end }: { start: number; end: number }): Buffer {
  exchange.setStatus(206);
  exchange.setHeader('content-range', `bytes ${start}-${end - 1}/${body.length}`);
  return body.subarray(start, end);
}

function notSatisfiable(exchange: Exchange, size: number): Buffer {
  exchange.setStatus(416);
  for (const name of CONTENT_HEADERS) exchange.removeHeader(name);
  exchange.setHeader('content-range', `bytes */${size}`);
  return EMPTY_BODY;
}

function showTags(exchange: Exchange, tags: readonly string[]): void {
  const emitted = emittedTags(tags);
  if (emitted.length === 0) return;
  for (const name of TAG_FIELDS) exchange.setHeader(name, emitted.join(name === 'cache-tag' ? ',' : ' '));
}

function showProvenance(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  provenance: Provenance,
): void {
  const { state, ageMs, leftMs } = provenance;
  const hasEnd = leftMs !== undefined && leftMs !== Infinity;
  const texts = textsOf(
    response,
    ageMs === undefined ? -1 : Math.floor(ageMs / 1000),
    hasEnd ? Math.ceil(leftMs / 1000) : 0,
  );
  if (ageMs !== undefined) exchange.setHeader('age', texts.age);
  if (rules.showsXCache) {
    exchange.setHeader('x-cache', state);
    if (hasEnd) exchange.setHeader('x-cache-ttl', texts.left);
  }
  if (rules.showsCacheStatus) showProvenanceStatus(exchange, rules, provenance, hasEnd ? texts : undefined);
}

/** @param texts `undefined` for a response that never expires */
function showProvenanceStatus(
  exchange: Exchange,
  rules: ShownHeaders,
  { status }: Provenance,
  texts: Texts | undefined,
): void {
  if (status.forward !== undefined || texts === undefined) return showStatus(exchange, rules, status);
  if (rules.isDebugging || exchange.header('cache-status') !== undefined)
    return showStatus(exchange, rules, { ...status, ttlS: texts.leftS });
  exchange.setHeader('cache-status', texts.hit);
}

/** Header values of one stored response, which change once a second at most. */
interface Texts {
  readonly ageS: number;
  readonly leftS: number;
  readonly age: string;
  readonly left: string;
  readonly hit: string;
}

/** The last values for each response, because all hits of one second send the same. */
const lastTexts = new WeakMap<CachedResponse, Texts>();

function textsOf(response: CachedResponse, ageS: number, leftS: number): Texts {
  const last = lastTexts.get(response);
  if (last?.ageS === ageS && last.leftS === leftS) return last;
  const texts = {
    ageS,
    leftS,
    age: String(ageS),
    left: String(Math.max(0, leftS)),
    hit: cacheStatusLine(undefined, { ttlS: leftS }, false),
  };
  lastTexts.set(response, texts);
  return texts;
}

function showStatus(exchange: Exchange, { isDebugging }: ShownHeaders, status: CacheStatus): void {
  const earlier = exchange.header('cache-status');
  exchange.setHeader(
    'cache-status',
    cacheStatusLine(earlier === undefined ? undefined : String(earlier), status, isDebugging),
  );
}

/**
 * The `Cache-Control` to send if the handler sets none; `null` for none. A response that declares its freshness in
 * another header needs none.
 */
export function cacheControlFor(
  { freshMs, isDeclared }: { freshMs: number; isDeclared: boolean },
  { cacheControl, scope }: HeaderRules,
): string | null {
  if (cacheControl === 'none') return null;
  if (cacheControl !== 'auto') return cacheControl;
  if (isDeclared || freshMs === 0) return null;
  const maxAgeS = Math.min(Math.floor(freshMs / 1000), LONGEST_MAX_AGE_S);
  return `${scope === 'public' ? 'public' : 'private'}, max-age=${maxAgeS}`;
}
