import type { Finding } from '../vocabulary/finding.js';
import type { CacheStats } from './cache-stats.js';
import type { UsageCounts } from './usage.js';
import type { TagCounts, WriteLedger } from './write-ledger.js';

/*
 * What the counts of one process say about its cache. A finding that is wrong costs more than one that is missing: each
 * needs a number of events below which chance decides, and is silent where another process may have done the rest.
 */

/** What is wrong with a cache. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** True when the store was asked just now, so that what it said at its start is out of date. */
  readonly isStoreAsked: boolean;
}

/** The counts to judge. */
export interface Symptoms {
  readonly stats: CacheStats;
  readonly writes: Pick<WriteLedger, 'families' | 'endless' | 'endlessKey'>;
  /** True when other processes may store, read and invalidate the same entries. */
  readonly isShared: boolean;
}

/** Reads of a method or route from which its counts are judged. */
const LEAST_READS = 1_000;
/** Invalidations that have all removed nothing. */
const LEAST_INVALIDATIONS = 10;
/** Entries stored with a tag that nothing invalidates, or without an end. */
const LEAST_STORED = 1_000;
/** Evictions from which a near tier is judged. */
const LEAST_EVICTIONS = 1_000;
/** A near tier is too small where it answers less than this part of its reads, */
const LEAST_NEAR = 0.5;
/** and the far tier more than this part of the rest. */
const MOST_FAR = 0.8;

export function diagnose(symptoms: Symptoms): Finding[] {
  return [
    ...stateOf(symptoms.stats),
    ...usersThatLose(symptoms.stats),
    ...smallNearTier(symptoms.stats),
    ...tagsOfOneSide(symptoms),
    ...endlessEntries(symptoms),
  ];
}

function stateOf({ status, backend }: CacheStats): Finding[] {
  if (status !== 'down') return [];
  return [
    {
      level: 'error',
      problem: `The store (${backend}) cannot be reached: every read is a miss, and nothing is stored.`,
      fix: 'Read the last line of the log about the connection, which says why.',
    },
  ];
}

/** Finds methods and routes for which the cache costs time in all. */
function usersThatLose({ methods, routes, latency }: CacheStats): Finding[] {
  const users: readonly (UsageCounts & { readonly place: string })[] = [
    ...methods.map((counts) => ({ ...counts, place: counts.method })),
    ...routes.map((counts) => ({ ...counts, place: counts.route })),
  ];
  return users.flatMap(({ place, hits, misses, savedMs }): Finding[] => {
    const reads = hits + misses;
    if (reads < LEAST_READS) return [];
    if (hits === 0)
      return [
        {
          level: 'hint',
          problem: `${place} was read ${reads} times, and no time from the cache.`,
          fix: 'Take out of its key what differs with each call, give it a longer TTL, or do not cache it.',
        },
      ];
    const costMs = reads * latency.getP50Ms;
    if (savedMs >= costMs) return [];
    return [
      {
        level: 'warning',
        problem:
          `${place} is slower with the cache: its ${hits} hits have saved ${savedMs} ms, and its ${reads} reads of ` +
          `the store have taken about ${Math.round(costMs)} ms.`,
        fix: 'Do not cache it, or keep it in the process: the backends `memory` and `hybrid` need no round trip.',
      },
    ];
  });
}

/** Finds a near tier that evicts what it will need again. */
function smallNearTier({ tiers, evictions }: CacheStats): Finding[] {
  const [near, far] = tiers;
  if (near === undefined || far === undefined || evictions < LEAST_EVICTIONS) return [];
  const isSmall = rateOf(near) < LEAST_NEAR && rateOf(far) > MOST_FAR && evictions > far.hits / 2;
  if (!isSmall) return [];
  return [
    {
      level: 'warning',
      problem:
        `The near tier is smaller than what is read often: it holds ${near.entries} entries, has answered ` +
        `${percent(rateOf(near))} of its reads and evicted ${evictions} entries, and ${percent(rateOf(far))} of the ` +
        'rest were found in the far tier.',
      fix: 'Give it more room with `memory: { maxEntries, maxBytes }`.',
    },
  ];
}

function tagsOfOneSide({ writes, isShared }: Symptoms): Finding[] {
  const families = writes.families();
  const unwritten = families.filter(
    ({ stored, invalidated, hasRemoved }) => stored === 0 && !hasRemoved && invalidated >= LEAST_INVALIDATIONS,
  );
  // Where the tags of others are invalidated here, it is here that these should be.
  const isInvalidating = families.some(({ invalidated }) => invalidated > 0);
  const uninvalidated = families.filter(({ stored, invalidated }) => invalidated === 0 && stored >= LEAST_STORED);
  return [...unwritten.map(unwrittenTag), ...(isInvalidating && !isShared ? uninvalidated.map(uninvalidatedTag) : [])];
}

function unwrittenTag({ family, invalidated }: TagCounts): Finding {
  return {
    level: 'warning',
    problem: `${nameOf(family)} was invalidated ${invalidated} times: nothing was ever removed or stored with it.`,
    fix: 'Compare its spelling with the `tags` of what it should remove.',
  };
}

function uninvalidatedTag({ family, stored }: TagCounts): Finding {
  return {
    level: 'hint',
    problem: `${stored} entries were stored with ${nameOf(family, 'the tag')}, which nothing invalidates.`,
    fix: 'Invalidate it where its data changes, or leave the tag out.',
  };
}

function nameOf(family: string, article = 'The tag'): string {
  return `${article} '${family.endsWith(':') ? `${family}…` : family}'`;
}

/** Finds entries that neither time nor an invalidation removes. */
function endlessEntries({ stats, writes, isShared }: Symptoms): Finding[] {
  const { endless, endlessKey } = writes;
  if (endless < LEAST_STORED || endlessKey === undefined || isShared) return [];
  if (stats.deletes > 0 || stats.invalidations > 0) return [];
  return [
    {
      level: 'hint',
      problem: `${endless} entries without tags were stored for ever, such as '${endlessKey}', and none was removed.`,
      fix: 'Give them a `ttl`, or `tags` that are invalidated when their data changes.',
    },
  ];
}

function rateOf({ hits, misses }: { readonly hits: number; readonly misses: number }): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses);
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`;
}
