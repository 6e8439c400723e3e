import type { HeaderValue } from './exchange.js';

/** Told apart from application data in the same store, and from responses of another layout. */
const RESPONSE_FORMAT = 'nestjs-cache-kit/response/1';

export type HeaderLine = readonly [name: string, value: HeaderValue];

/** An answer as it is stored: plain data that every backend keeps, with the body as the bytes that were sent. */
export interface CachedResponse {
  readonly format: typeof RESPONSE_FORMAT;
  readonly status: number;
  /** What the handler has set or changed, but for the fields below. */
  readonly headers: readonly HeaderLine[];
  /** What was there before the handler and not after it. */
  readonly removed: readonly string[];
  readonly contentType: string | null;
  /** The names that the handler has added to `Vary`. */
  readonly vary: readonly string[];
  readonly etag: string | null;
  /** When it was generated, as an HTTP date: RFC 9111 section 4.2.3 measures `Age` from there. */
  readonly date: string;
  readonly body: Buffer;
  /** For how long it is fresh; `Infinity` for ever. */
  readonly ttlMs: number;
  /** Whether the handler's own `Cache-Control` says `public`. */
  readonly isPublic: boolean;
  /** Whether the handler's own `Cache-Control` allows it to be served stale. */
  readonly mayBeStale: boolean;
}

export function cachedResponse(fields: Omit<CachedResponse, 'format'>): CachedResponse {
  return { format: RESPONSE_FORMAT, ...fields };
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// eslint-disable-next-line no-control-regex -- the control characters are what must not be there
const FIELD_VALUE = /^[^\0-\x08\x0a-\x1f\x7f]*$/;

/** Stored objects that were looked at already: one in memory is read many times, and never changes. */
const known = new WeakSet();

/** Whether a stored value is a response that can be sent: a store may be shared, or hold what an older version wrote. */
export function isCachedResponse(value: unknown): value is CachedResponse {
  if (typeof value !== 'object' || value === null) return false;
  if (known.has(value)) return true;
  const isSound = hasSoundLayout(value) && hasSoundHeaders(value);
  if (isSound) known.add(value);
  return isSound;
}

function hasSoundLayout({ format, status, body, ttlMs }: Partial<CachedResponse>): boolean {
  return format === RESPONSE_FORMAT && Number.isInteger(status) && Buffer.isBuffer(body) && typeof ttlMs === 'number';
}

/** Nothing that could end a header line and begin another is sent. */
function hasSoundHeaders({ headers, removed, vary, contentType, etag, date }: Partial<CachedResponse>): boolean {
  const hasLines = Array.isArray(headers) && headers.every(isHeaderLine);
  return hasLines && isNames(removed) && isNames(vary) && [contentType ?? '', etag ?? '', date].every(isFieldValue);
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
