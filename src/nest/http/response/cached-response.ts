import type { HeaderValue } from '../exchange/exchange.js';

/** Told apart from application data in the same store, and from responses of another layout. */
const RESPONSE_FORMAT = 'nestjs-cache-kit/response/2';

export type HeaderLine = readonly [name: string, value: HeaderValue];

/** For whom a response may be reused that was not made for a scope: RFC 9111 section 3.5 for `Authorization`. */
export type Sharing = 'unidentified' | 'authorized' | 'anybody';

/** An answer as it is stored: plain data that every backend keeps, with the body as the bytes that were sent. */
export interface CachedResponse {
  readonly format: typeof RESPONSE_FORMAT;
  readonly status: number;
  /** The reason phrase, where the handler has set one. */
  readonly reason: string | null;
  /** What the handler has set or changed, but for the fields below. */
  readonly headers: readonly HeaderLine[];
  /** What was there before the handler and not after it. */
  readonly removed: readonly string[];
  readonly contentType: string | null;
  /** The names in `Vary` that select among variants. */
  readonly vary: readonly string[];
  readonly etag: string | null;
  /** The tag is the handler's: it may be asked whether it still holds. */
  readonly hasOwnEtag: boolean;
  /** What to send as `Cache-Control` where nobody has set one. */
  readonly cacheControl: string | null;
  /** When it was generated, as an HTTP date. */
  readonly date: string;
  readonly body: Buffer;
  /** For how long it is fresh from when it was stored; `Infinity` for ever, 0: it is validated before every use. */
  readonly freshMs: number;
  /** How old it was when it came. */
  readonly initialAgeMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** Whether it allows to be served stale to a client that accepts that. */
  readonly mayBeStale: boolean;
  readonly sharing: Sharing;
  readonly tags: readonly string[];
  /** It was an exception, and is one again when it is replayed. */
  readonly isThrown: boolean;
}

export function cachedResponse(fields: Omit<CachedResponse, 'format'>): CachedResponse {
  return { format: RESPONSE_FORMAT, ...fields };
}

/**
 * The validators of the handler (RFC 9110 section 8.8); only with one of them it can be asked whether the response
 * still holds.
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
 * How long a response is kept beyond its freshness: as long as it may be served stale, is worth validating, or may be
 * asked for.
 * @param obeysMaxStale whether a client may ask for what is stale
 */
export function retentionMs(response: CachedResponse, obeysMaxStale: boolean): number {
  const { etag, lastModified } = ownValidators(response);
  const isOfUse = etag !== undefined || lastModified !== undefined || (obeysMaxStale && response.mayBeStale);
  const keptMs = isOfUse ? Math.min(Math.max(response.freshMs, HOUR_MS), DAY_MS) : 0;
  return Math.ceil(Math.max(response.staleWhileRevalidateMs, response.staleIfErrorMs, keptMs));
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex -- the control characters are what must not be there
const FIELD_VALUE = /^[^\0-\x08\x0a-\x1f\x7f]*$/;

/** Stored objects that were looked at already: one in memory is read many times, and never changes. */
const known = new WeakSet();

/**
 * Whether a stored value is a response that can be sent: a store may be shared, or hold what an older version wrote.
 */
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

/** Nothing that could end a header line and begin another is sent. */
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
