import type { EntryDraft, StoredEntry } from './cache-adapter.port.js';

/** The latest time that a `Date` can hold. */
const LAST_DATE_MS = 8.64e15;

/** A stored entry, for users. */
export interface CacheEntry<T = unknown> {
  key: string;
  namespace?: string;
  tags: string[];
  value: T;
  createdAt: Date;
  /** `null` means never. */
  expiresAt: Date | null;
  /** Equal to `createdAt` until the first read. */
  lastAccessedAt: Date;
  hitCount: number;
  sizeBytes?: number;
  /** `stale`: expired, and kept for callers that accept a stale value. `expired`: about to be freed. */
  state: 'fresh' | 'stale' | 'expired';
}

/** Where the value of a load came from: one object for statistics, events and response headers. */
export interface LoadOutcome<T = unknown> {
  readonly value: T;
  /** `hit`: fresh from the store. `stale`: an expired value that the options allow. `miss`: the factory ran. */
  readonly status: 'hit' | 'stale' | 'miss';
  /** True when the load of another caller gave this caller its value. */
  readonly isCollapsed: boolean;
  /** The stored entry. Absent when the result was not stored. */
  readonly entry?: StoredEntry;
  /** The entry as it was to be stored. Only after a load whose options let its result be stored. */
  readonly draft?: EntryDraft;
}

/** An outcome from the store. Its value is copied when it is read: a caller that sends stored bytes needs no copy. */
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

/** @param times the time now on the monotonic and on the wall clock, taken together */
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
 * Creation plus TTL, or the measured time where the two differ by more than it takes to read two clocks in turn.
 */
function expiryOf(entry: StoredEntry, times: { nowMs: number; wallMs: number }): Date {
  const nominalMs = entry.createdAtMs + entry.ttlMs;
  const measuredMs = times.wallMs + entry.freshUntilMs - times.nowMs;
  return new Date(Math.min(Math.abs(nominalMs - measuredMs) <= 2 ? nominalMs : measuredMs, LAST_DATE_MS));
}
