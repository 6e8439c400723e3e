import type { CacheStats } from '../observation/cache-stats.js';
import { type Buckets, LatencyHistogram } from '../observation/latency-histogram.js';
import { hitRateOf } from '../observation/usage.js';
import type { CoherenceUsage, TierUsage } from '../ports/cache-adapter.port.js';
import type { ProcessReport } from './cluster-stats.js';

type Report = Pick<ProcessReport, 'stats' | 'latencies'>;

const NAMESPACES_SHOWN = 256;
const KEYS_SHOWN = 20;
const STATUS_FROM_WORST = ['down', 'degraded', 'up'] as const;

/**
 * Adds the statistics of several processes. Each field is listed here, so that a new one cannot be forgotten.
 * @param reports that of this process first: it describes the store
 */
export function mergedStats(reports: readonly [Report, ...Report[]]): CacheStats {
  const [{ stats: own }] = reports;
  const all = reports.map(({ stats }) => stats);
  const sum = (read: (stats: CacheStats) => number): number => sumOf(all.map(read));
  const totalHits = sum((stats) => stats.totalHits);
  const totalMisses = sum((stats) => stats.totalMisses);
  const loads = histogramOf(reports.map(({ latencies }) => latencies.loads));
  const reads = histogramOf(reports.map(({ latencies }) => latencies.reads));
  const coherence = leastProven(all);
  return {
    name: own.name,
    backend: own.backend,
    status: STATUS_FROM_WORST.find((status) => all.some((stats) => stats.status === status)) ?? own.status,
    since: all.reduce((first, { since }) => (Date.parse(since) < Date.parse(first) ? since : first), own.since),
    totalEntries: own.totalEntries,
    totalHits,
    totalMisses,
    hitRate: hitRateOf({ hits: totalHits, misses: totalMisses }),
    memoryUsageBytes: sumOrNull([own.memoryUsageBytes, ...all.slice(1).map(bytesInMemory)]),
    oldestEntry: own.oldestEntry,
    newestEntry: own.newestEntry,
    staleHits: sum((stats) => stats.staleHits),
    sets: sum((stats) => stats.sets),
    deletes: sum((stats) => stats.deletes),
    invalidations: sum((stats) => stats.invalidations),
    evictions: sum((stats) => stats.evictions),
    errors: sum((stats) => stats.errors),
    loads: {
      count: sum((stats) => stats.loads.count),
      failures: sum((stats) => stats.loads.failures),
      coalesced: sum((stats) => stats.loads.coalesced),
      p50Ms: loads.quantileMs(0.5),
      p99Ms: loads.quantileMs(0.99),
      savedMs: sum((stats) => stats.loads.savedMs),
    },
    savedTodayMs: sum((stats) => stats.savedTodayMs),
    latency: { getP50Ms: reads.quantileMs(0.5), getP99Ms: reads.quantileMs(0.99) },
    tiers: tiersOf(all),
    ...(coherence === undefined ? {} : { coherence }),
    namespaces: mergedBy('namespace', all, (stats) => stats.namespaces).slice(0, NAMESPACES_SHOWN),
    hotKeys: mergedBy('key', all, (stats) => stats.hotKeys)
      .sort((one, other) => other.hits + other.misses - one.hits - one.misses)
      .slice(0, KEYS_SHOWN),
    methods: mergedBy('method', all, (stats) => stats.methods).sort(bySavedTime),
    routes: mergedBy('route', all, (stats) => stats.routes).sort(bySavedTime),
  };
}

/** Adds the rows of one name: each number of a row is a count, except its hit rate. */
function mergedBy<Name extends string, Row extends { hits: number; misses: number } & Record<Name, string>>(
  name: Name,
  all: readonly CacheStats[],
  rowsOf: (stats: CacheStats) => readonly Row[],
): Row[] {
  const merged = new Map<string, Row>();
  for (const row of all.flatMap(rowsOf)) {
    const known = merged.get(row[name]);
    merged.set(row[name], known === undefined ? { ...row } : sumOfRows(known, row));
  }
  return [...merged.values()];
}

function sumOfRows<Row extends { hits: number; misses: number }>(one: Row, other: Row): Row {
  const sums = Object.entries(one).map(([field, value]: [string, unknown]) => {
    const added = (other as Record<string, unknown>)[field];
    return [field, typeof value === 'number' && typeof added === 'number' ? value + added : value];
  });
  const row = Object.fromEntries(sums) as Row;
  return 'hitRate' in row ? { ...row, hitRate: hitRateOf(row) } : row;
}

/** The tiers from near to far. A tier in memory belongs to its process, any other one to all of them. */
function tiersOf(all: readonly CacheStats[]): TierUsage[] {
  const tiers = all.flatMap((stats) => stats.tiers);
  const names = [...new Set(tiers.map(({ name }) => name))];
  return names
    .sort((one, other) => Number(other === 'memory') - Number(one === 'memory'))
    .map((name) => {
      const same = tiers.filter((tier) => tier.name === name);
      const stored = name === 'memory' ? same : same.slice(0, 1);
      return {
        name,
        entries: sumOf(stored.map(({ entries }) => entries)),
        hits: sumOf(same.map(({ hits }) => hits)),
        misses: sumOf(same.map(({ misses }) => misses)),
        bytes: sumOrNull(stored.map(({ bytes }) => bytes)),
        ...boundOf('maxEntries', stored),
        ...boundOf('maxBytes', stored),
      };
    });
}

/** The bound of all tiers together; absent when one of them has none. */
function boundOf(name: 'maxEntries' | 'maxBytes', tiers: readonly TierUsage[]): Partial<TierUsage> {
  const bounds = tiers.flatMap((tier) => tier[name] ?? []);
  return bounds.length < tiers.length ? {} : { [name]: sumOf(bounds) };
}

function bySavedTime(one: { savedMs: number }, other: { savedMs: number }): number {
  return other.savedMs - one.savedMs;
}

function bytesInMemory({ tiers }: CacheStats): number | null {
  return sumOrNull(tiers.filter(({ name }) => name === 'memory').map(({ bytes }) => bytes));
}

function leastProven(all: readonly CacheStats[]): CoherenceUsage | undefined {
  const known = all.flatMap(({ coherence }) => coherence ?? []);
  return known.find(({ isProven }) => !isProven) ?? known[0];
}

function histogramOf(all: readonly Buckets[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const buckets of all) histogram.add(buckets);
  return histogram;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

function sumOrNull(numbers: readonly (number | null)[]): number | null {
  const known = numbers.filter((each) => each !== null);
  return known.length === 0 ? null : sumOf(known);
}
