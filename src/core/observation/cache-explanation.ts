import { type CacheEntry, stateOf } from '../ports/cache-entry.js';
import type { StoredEntry, TierEntry } from '../ports/cache-adapter.port.js';

/** The reason why the next read of a key would hit or miss. */
export interface CacheExplanation {
  key: string;
  namespace?: string;
  /** The key in a backend outside the process, without its prefix. */
  storedKey: string;
  state: CacheEntry['state'] | 'absent';
  /** The result of the next `get`. `getOrSet` may also serve a stale value, if its options allow it. */
  nextRead: 'hit' | 'miss';
  reason: string;
  tiers: { name: string; state: CacheEntry['state'] | 'absent' }[];
  tags: string[];
  ageMs?: number;
  /** `null` means for ever. */
  ttlMs?: number | null;
  /** Time until the entry expires, negative after that. `null` means never. */
  remainingMs?: number | null;
  hitCount?: number;
  sizeBytes?: number;
}

/** @param tiers the tiers from near to far; the first one with an entry answers the next read */
export function explainEntry(
  address: { key: string; namespace: string | undefined; storedKey: string },
  tiers: readonly TierEntry[],
  times: { nowMs: number; wallMs: number },
): CacheExplanation {
  const { key, namespace, storedKey } = address;
  const entry = tiers.find((tier) => tier.entry !== undefined)?.entry;
  const state = entry === undefined ? 'absent' : stateOf(entry, times.nowMs);
  const remainingMs = entry === undefined ? undefined : finiteOrNull(entry.freshUntilMs - times.nowMs);
  return {
    key,
    ...(namespace === undefined ? {} : { namespace }),
    storedKey,
    state,
    nextRead: state === 'fresh' ? 'hit' : 'miss',
    reason: reasonOf(state, remainingMs),
    tiers: tiers.map((tier) => ({
      name: tier.name,
      state: tier.entry === undefined ? 'absent' : stateOf(tier.entry, times.nowMs),
    })),
    tags: [...(entry?.tags ?? [])],
    ...(entry === undefined ? {} : factsOf(entry, times.wallMs)),
    ...(remainingMs === undefined ? {} : { remainingMs }),
  };
}

function factsOf(
  entry: StoredEntry,
  wallMs: number,
): Pick<CacheExplanation, 'ageMs' | 'ttlMs' | 'hitCount' | 'sizeBytes'> {
  return {
    ageMs: wallMs - entry.createdAtMs,
    ttlMs: finiteOrNull(entry.ttlMs),
    hitCount: entry.hits,
    sizeBytes: entry.sizeBytes,
  };
}

function reasonOf(state: CacheExplanation['state'], remainingMs: number | null | undefined): string {
  switch (state) {
    case 'fresh':
      return remainingMs === null || remainingMs === undefined
        ? 'Stored, and never expires.'
        : `Stored, and fresh for another ${Math.ceil(remainingMs)} ms.`;
    case 'stale':
      return (
        `Expired ${Math.floor(-(remainingMs ?? 0))} ms ago or invalidated softly; ` +
        'kept for callers that accept a stale value.'
      );
    case 'expired':
      return 'Expired, and about to be freed.';
    case 'absent':
      return 'Never stored under this key and namespace, or invalidated, evicted or freed after it expired.';
  }
}

function finiteOrNull(ms: number): number | null {
  return ms === Infinity ? null : Math.round(ms);
}
