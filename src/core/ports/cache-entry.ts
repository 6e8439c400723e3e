import type { StoredEntry } from './cache-adapter.port.js';

/** No `Date` is later. */
const LAST_DATE_MS = 8.64e15;

/** An entry as users see it. */
export interface CacheEntry<T = unknown> {
  key: string;
  namespace?: string;
  tags: string[];
  value: T;
  createdAt: Date;
  /** `null`: never. */
  expiresAt: Date | null;
  /** Equal to `createdAt` while it was never read. */
  lastAccessedAt: Date;
  hitCount: number;
  sizeBytes?: number;
  /** `stale`: expired, and kept for callers that accept it. `expired`: expired, and about to be freed. */
  state: 'fresh' | 'stale' | 'expired';
}

/** How the value of a load was come by: one object for statistics, events and response headers. */
export interface LoadOutcome<T = unknown> {
  readonly value: T;
  /** `hit`: fresh from the store. `stale`: an expired value that the options allow. `miss`: the factory ran. */
  readonly status: 'hit' | 'stale' | 'miss';
  /** True when another caller's factory call, or another caller's fill, answered this one. */
  readonly isCollapsed: boolean;
  /** The stored entry; absent when the result was not stored. */
  readonly entry?: StoredEntry;
}

/** An outcome that was in the store. Its value is made when it is asked for: who sends stored bytes needs no copy. */
export class StoredOutcome<T> implements LoadOutcome<T> {
  constructor(
    readonly entry: StoredEntry,
    readonly status: 'hit' | 'stale',
    readonly isCollapsed: boolean,
  ) {}

  get value(): T {
    return this.entry.read() as T;
  }
}

export function stateOf(entry: StoredEntry, nowMs: number): CacheEntry['state'] {
  if (nowMs < entry.freshUntilMs) return 'fresh';
  return nowMs < entry.staleUntilMs ? 'stale' : 'expired';
}

/** @param times `now` on the monotonic and on the wall clock, taken together */
export function toCacheEntry<T>(entry: StoredEntry, times: { nowMs: number; wallMs: number }): CacheEntry<T> {
  return {
    key: entry.key,
    ...(entry.namespace === undefined ? {} : { namespace: entry.namespace }),
    tags: [...entry.tags],
    value: entry.read() as T,
    createdAt: new Date(entry.createdAtMs),
    expiresAt: entry.freshUntilMs === Infinity ? null : expiryOf(entry, times),
    lastAccessedAt: new Date(Math.max(entry.lastReadAtMs, entry.createdAtMs)),
    hitCount: entry.hits,
    sizeBytes: entry.sizeBytes,
    state: stateOf(entry, times.nowMs),
  };
}

/**
 * The two clocks are read one after the other: what differs from creation plus TTL by no more than that is just that.
 */
function expiryOf(entry: StoredEntry, times: { nowMs: number; wallMs: number }): Date {
  const nominalMs = entry.createdAtMs + entry.ttlMs;
  const measuredMs = times.wallMs + entry.freshUntilMs - times.nowMs;
  return new Date(Math.min(Math.abs(nominalMs - measuredMs) <= 2 ? nominalMs : measuredMs, LAST_DATE_MS));
}
