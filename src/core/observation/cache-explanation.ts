import { type CacheEntry, stateOf } from '../ports/cache-entry.js';
import type { StoredEntry, TierEntry } from '../ports/cache-adapter.port.js';

/** Why the next read of a key would hit or miss. */
export interface CacheExplanation {
  key: string;
  namespace?: string;
  /** The key as backends outside the process write it, without their prefix. */
  storedKey: string;
  state: CacheEntry['state'] | 'absent';
  /** What `get` would do next; `getOrSet` may also serve what is stale, if its options say so. */
  nextRead: 'hit' | 'miss';
  reason: string;
  tiers: { name: string; state: CacheEntry['state'] | 'absent' }[];
  tags: string[];
  ageMs?: number;
  /** `null`: for ever. */
  ttlMs?: number | null;
  /** Until the entry expires, negative since; `null`: never. */
  remainingMs?: number | null;
  hitCount?: number;
  sizeBytes?: number;
}

/** @param tiers what there is, from near to far: the first that has something answers the next read */
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
      return `Expired ${Math.floor(-(remainingMs ?? 0))} ms ago or invalidated softly; kept for callers that accept a stale value.`;
    case 'expired':
      return 'Expired, and about to be freed.';
    case 'absent':
      return 'Never stored under this key and namespace, or invalidated, evicted or freed after it expired.';
  }
}

function finiteOrNull(ms: number): number | null {
  return ms === Infinity ? null : Math.round(ms);
}
