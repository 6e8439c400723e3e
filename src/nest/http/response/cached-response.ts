import type { HeaderValue } from '../exchange/exchange.js';

/** Distinguishes responses from application data in the same store, and from responses of another layout. */
const RESPONSE_FORMAT = 'nestjs-cache-kit/response/2';

/** One header of a stored response; a list for several lines. */
export type HeaderLine = readonly [name: string, value: HeaderValue];

/**
 * The requests that a response may answer, if the route declares no scope: those without an identity, also those with
 * `Authorization` (RFC 9111 section 3.5), or all.
 */
export type Sharing = 'unidentified' | 'authorized' | 'anybody';

/** A response as it is stored: plain data for any backend, with the body in the bytes that were sent. */
export interface CachedResponse {
  readonly format: typeof RESPONSE_FORMAT;
  readonly status: number;
  /** The reason phrase, if the handler has set one. */
  readonly reason: string | null;
  /** Headers that the handler has set or changed, without those that have a field below. */
  readonly headers: readonly HeaderLine[];
  /** Names of headers that the handler has removed. */
  readonly removed: readonly string[];
  readonly contentType: string | null;
  /** Names in `Vary` that select among variants. */
  readonly vary: readonly string[];
  readonly etag: string | null;
  /** True when the handler has set the tag, and can confirm it. */
  readonly hasOwnEtag: boolean;
  /** `Cache-Control` to send if nobody else sets one. */
  readonly cacheControl: string | null;
  /** HTTP date of its generation. */
  readonly date: string;
  readonly body: Buffer;
  /** Freshness from the time of storing; `Infinity` for no end, 0 for a response that is validated before every use. */
  readonly freshMs: number;
  /** Age at the time of storing. */
  readonly initialAgeMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** True when it may be served stale to a client that accepts that. */
  readonly mayBeStale: boolean;
  readonly sharing: Sharing;
  readonly tags: readonly string[];
  /** True when the handler threw it; a replay throws it again. */
  readonly isThrown: boolean;
}

export function cachedResponse(fields: Omit<CachedResponse, 'format'>): CachedResponse {
  return { format: RESPONSE_FORMAT, ...fields };
}

/**
 * The validators that the handler has set (RFC 9110 section 8.8). Without one the handler cannot confirm the response.
 */
export function ownValidators({ etag, hasOwnEtag, headers }: CachedResponse): { etag?: string; lastModified?: string } {
  const lastModified = headers.find(([name]) => name === 'last-modified')?.[1];
  return {
    ...(hasOwnEtag && etag !== null ? { etag } : {}),
    ...(lastModified === undefined ? {} : { lastModified: String(lastModified) }),
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Time in milliseconds for which a response is kept after it expires, to be served stale or validated.
 * @param obeysMaxStale true when a request may ask for stale responses by `max-stale`
 */
export function retentionMs(response: CachedResponse, obeysMaxStale: boolean): number {
  const { etag, lastModified } = ownValidators(response);
  const isUseful = etag !== undefined || lastModified !== undefined || (obeysMaxStale && response.mayBeStale);
  const keptMs = isUseful ? Math.min(Math.max(response.freshMs, HOUR_MS), DAY_MS) : 0;
  return Math.ceil(Math.max(response.staleWhileRevalidateMs, response.staleIfErrorMs, keptMs));
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex -- control characters are what it refuses
const FIELD_VALUE = /^[^\0-\x08\x0a-\x1f\x7f]*$/;

/** Responses that were checked before: an object in memory is read many times, and never changes. */
const known = new WeakSet();

/** True for a response that can be sent. Other programs, or an older version, may have written to the store. */
export function isCachedResponse(value: unknown): value is CachedResponse {
  if (typeof value !== 'object' || value === null) return false;
  if (known.has(value)) return true;
  const isSound = hasSoundLayout(value) && hasSoundHeaders(value);
  if (isSound) known.add(value);
  return isSound;
}

const NUMBERS = ['freshMs', 'initialAgeMs', 'staleWhileRevalidateMs', 'staleIfErrorMs'] as const;
const SHARINGS: readonly unknown[] = ['unidentified', 'authorized', 'anybody'] satisfies Sharing[];

function hasSoundLayout(value: Partial<CachedResponse>): boolean {
  const { format, status = 0, body, sharing, tags } = value;
  if (format !== RESPONSE_FORMAT || !Number.isInteger(status) || status < 200 || status > 999) return false;
  return (
    Buffer.isBuffer(body) &&
    NUMBERS.every((name) => typeof value[name] === 'number') &&
    SHARINGS.includes(sharing) &&
    Array.isArray(tags)
  );
}

/** Refuses header values that would end their line and begin another one. */
function hasSoundHeaders({
  headers,
  removed,
  vary,
  contentType,
  etag,
  date,
  reason,
  cacheControl,
}: Partial<CachedResponse>): boolean {
  const hasLines = Array.isArray(headers) && headers.every(isHeaderLine);
  return (
    hasLines &&
    isNames(removed) &&
    isNames(vary) &&
    [contentType ?? '', etag ?? '', reason ?? '', cacheControl ?? '', date].every(isFieldValue)
  );
}

function isHeaderLine(line: unknown): boolean {
  if (!Array.isArray(line) || !isNames([line[0]])) return false;
  const value: unknown = line[1];
  return Array.isArray(value) ? value.every(isFieldValue) : typeof value === 'number' || isFieldValue(value);
}

function isNames(names: unknown): boolean {
  return Array.isArray(names) && names.every((name) => typeof name === 'string' && FIELD_NAME.test(name));
}

function isFieldValue(value: unknown): boolean {
  return typeof value === 'string' && FIELD_VALUE.test(value);
}
