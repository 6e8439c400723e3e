import { type CacheMetrics, LOAD_BOUNDS_MS } from '../../core/observation/cache-metrics.js';
import type { CacheErrorCode } from '../../core/vocabulary/cache.errors.js';

/*
 * The metrics of the kit. Labels are bounded: names of caches, tiers and routes, and words of the kit. A key or a tag
 * is never a label.
 */

/** The counts of one cache at one moment; `undefined` where its backend did not give them. */
export interface CacheReading {
  readonly cache: string;
  readonly metrics: CacheMetrics | undefined;
}

/** One line of a scrape. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** The name of the line where it is not that of the family. */
  readonly metricName?: string;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  samplesOf(cache: string, metrics: CacheMetrics): readonly Sample[];
}

const DURATION = 'cache_kit_load_duration_seconds';

const KINDS: Readonly<Record<CacheErrorCode, string>> = {
  CACHE_CONFIG_INVALID: 'config_invalid',
  CACHE_KEY_INVALID: 'key_invalid',
  CACHE_VALUE_UNSERIALIZABLE: 'value_unserializable',
  CACHE_LOAD_TIMEOUT: 'load_timeout',
  CACHE_BACKEND_UNAVAILABLE: 'backend_unavailable',
};

export const BACKEND_UP = {
  name: 'cache_kit_backend_up',
  help: '1 while the backend of the cache answers, else 0.',
  type: 'gauge',
} as const;

/** All metrics but `cache_kit_backend_up`, which a cache has that gives no counts, too. */
export const FAMILIES: readonly MetricFamily[] = [
  {
    name: 'cache_kit_requests_total',
    help: 'Reads of entries, by the tier that was asked.',
    type: 'counter',
    samplesOf: (cache, { stats }) => [
      ...stats.tiers.flatMap(({ name: tier, hits, misses }) => [
        { labels: { cache, tier, result: 'hit' }, value: hits },
        { labels: { cache, tier, result: 'miss' }, value: misses },
      ]),
      ...stats.tiers
        .slice(-1)
        .map(({ name: tier }) => ({ labels: { cache, tier, result: 'stale' }, value: stats.staleHits })),
    ],
  },
  {
    name: 'cache_kit_loads_total',
    help: 'Loads of values, and callers that shared one or waited in vain.',
    type: 'counter',
    samplesOf: (cache, { loads }) =>
      byLabel(cache, 'result', {
        ok: loads.succeeded,
        error: loads.failed,
        timeout: loads.timedOut,
        coalesced: loads.coalesced,
      }),
  },
  { name: DURATION, help: 'Durations of loads.', type: 'histogram', samplesOf: durationsOf },
  {
    name: 'cache_kit_invalidations_total',
    help: 'Invalidations, by what they named.',
    type: 'counter',
    samplesOf: (cache, { invalidations }) => byLabel(cache, 'kind', invalidations),
  },
  {
    name: 'cache_kit_evictions_total',
    help: 'Entries that were removed to make room.',
    type: 'counter',
    samplesOf: (cache, { stats }) => [{ labels: { cache }, value: stats.evictions }],
  },
  {
    name: 'cache_kit_entries',
    help: 'Stored entries, by tier.',
    type: 'gauge',
    samplesOf: (cache, { stats }) =>
      stats.tiers.map(({ name: tier, entries }) => ({ labels: { cache, tier }, value: entries })),
  },
  {
    name: 'cache_kit_bytes',
    help: 'Size of the stored entries, of tiers that know it.',
    type: 'gauge',
    samplesOf: (cache, { stats }) =>
      stats.tiers.flatMap(({ name: tier, bytes }) =>
        bytes === null ? [] : [{ labels: { cache, tier }, value: bytes }],
      ),
  },
  {
    name: 'cache_kit_saved_seconds_total',
    help: 'Time that loads would have taken in place of hits.',
    type: 'counter',
    samplesOf: (cache, { stats }) => [{ labels: { cache }, value: stats.loads.savedMs / 1_000 }],
  },
  {
    name: 'cache_kit_errors_total',
    help: 'Faults of the cache, by the code of the error.',
    type: 'counter',
    samplesOf: (cache, { errors }) =>
      Object.entries(KINDS).map(([code, kind]) => ({
        labels: { cache, kind },
        value: errors.get(code as CacheErrorCode) ?? 0,
      })),
  },
  {
    name: 'cache_kit_http_requests_total',
    help: 'Requests of cached routes, by their answer.',
    type: 'counter',
    samplesOf: (cache, { routes }) =>
      routes.flatMap(({ route, hits, stale, misses, bypasses }) =>
        Object.entries({ hit: hits, stale, miss: misses, bypass: bypasses }).map(([result, value]) => ({
          labels: { cache, route, result },
          value,
        })),
      ),
  },
];

function byLabel(cache: string, label: 'result' | 'kind', counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { cache, [label]: name }, value }));
}

function durationsOf(cache: string, { durations }: CacheMetrics): Sample[] {
  const metricName = `${DURATION}_bucket`;
  return [
    ...LOAD_BOUNDS_MS.map((boundMs, i) => ({
      metricName,
      labels: { cache, le: String(boundMs / 1_000) },
      value: durations.counts[i] ?? 0,
    })),
    { metricName, labels: { cache, le: '+Inf' }, value: durations.total },
    { metricName: `${DURATION}_sum`, labels: { cache }, value: durations.sumMs / 1_000 },
    { metricName: `${DURATION}_count`, labels: { cache }, value: durations.total },
  ];
}

/** 1 for a backend that answers, also for one that is degraded. */
export function isUp({ metrics }: CacheReading): 0 | 1 {
  return metrics === undefined || metrics.stats.status === 'down' ? 0 : 1;
}
