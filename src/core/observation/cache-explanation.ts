import { type CacheEntry, stateOf } from '../ports/cache-entry.js';
import type { StoredEntry, TierEntry } from '../ports/cache-adapter.port.js';
import type { RecentRemovals, Removal } from './recent-removals.js';

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
  /** The last removal by this process, of its last 1,000; an entry that was stored again is not touched by it. */
  lastRemoval?: Removal;
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
  removals: RecentRemovals,
): CacheExplanation {
  const { key, namespace, storedKey } = address;
  const entry = tiers.find((tier) => tier.entry !== undefined)?.entry;
  const state = entry === undefined ? 'absent' : stateOf(entry, times.nowMs);
  const remainingMs = entry === undefined ? undefined : finiteOrNull(entry.freshUntilMs - times.nowMs);
  const lastRemoval = removals.lastOf(key, namespace, entry?.tags);
  return {
    key,
    ...(namespace === undefined ? {} : { namespace }),
    storedKey,
    state,
    nextRead: state === 'fresh' ? 'hit' : 'miss',
    reason: reasonOf(state, remainingMs, lastRemoval),
    ...(lastRemoval === undefined ? {} : { lastRemoval }),
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

function reasonOf(
  state: CacheExplanation['state'],
  remainingMs: number | null | undefined,
  removal: Removal | undefined,
): string {
  switch (state) {
    case 'fresh':
      return remainingMs === null || remainingMs === undefined
        ? 'Stored, and never expires.'
        : `Stored, and fresh for another ${Math.ceil(remainingMs)} ms.`;
    case 'stale':
      return `${staleInWords(-(remainingMs ?? 0), removal)}; kept for callers that accept a stale value.`;
    case 'expired':
      return 'Expired, and about to be freed.';
    case 'absent':
      return removal === undefined
        ? 'Never stored under this key and namespace, or invalidated, evicted or freed after it expired.'
        : `${removalInWords(removal)}, and not stored since.`;
  }
}

function staleInWords(staleMs: number, removal: Removal | undefined): string {
  // A soft invalidation ends the freshness when it comes, an earlier end has another reason.
  return removal?.soft === true && removal.agoMs <= staleMs + 1
    ? removalInWords(removal)
    : `Expired ${Math.floor(staleMs)} ms ago or invalidated softly`;
}

function removalInWords({ by, what, soft, agoMs }: Removal): string {
  const when = `${inUnits(agoMs)} ago`;
  if (by === 'eviction') return `Evicted ${when} to stay within the limits of the store`;
  const how = by === 'clear' ? 'when everything was removed' : `by the ${by} \`${what}\``;
  return `${soft ? 'Invalidated softly' : 'Removed'} by this process ${when}, ${how}`;
}

function inUnits(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return ms < 600_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

function finiteOrNull(ms: number): number | null {
  return ms === Infinity ? null : Math.round(ms);
}
