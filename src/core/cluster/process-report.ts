import type { CacheStats, LatencyBuckets } from '../observation/cache-stats.js';
import { isBuckets } from '../observation/latency-histogram.js';
import type { UsageCounts } from '../observation/usage.js';
import type { CoherenceUsage, TierUsage } from '../ports/cache-adapter.port.js';
import type { ProcessReport } from './cluster-stats.js';

/*
 * The text of a report, which processes of another version of the kit may read: JSON with the number of the format. A
 * report of another format is not understood, and left out. A check of each field keeps a damaged report out of sums.
 */

/** Raised when a field of the statistics gets another meaning; a new field makes old reports unreadable anyway. */
const FORMAT = 1;
/** Limit of a report, in characters: names of keys and namespaces may be long. */
const MOST_CHARACTERS = 65_536;
/** Limit of each list in a report. */
const MOST_ROWS = 256;

/** Writes a report. Lists are cut, the least used rows first, until it has at most 65,536 characters. */
export function writeReport({ stats, ...report }: ProcessReport): string {
  for (let rows = MOST_ROWS; ; rows = Math.floor(rows / 2)) {
    const text = JSON.stringify({ format: FORMAT, ...report, stats: withRows(stats, rows) });
    if (text.length <= MOST_CHARACTERS || rows === 0) return text;
  }
}

/** Reads a report; `undefined` for one of another format, or a damaged one. */
export function readReport(text: string): ProcessReport | undefined {
  try {
    const report: unknown = JSON.parse(text);
    return isReport(report) ? (report as ProcessReport) : undefined;
  } catch {
    return undefined;
  }
}

function withRows(stats: CacheStats, most: number): CacheStats {
  return {
    ...stats,
    namespaces: mostUsed(stats.namespaces, most),
    hotKeys: stats.hotKeys.slice(0, most),
    methods: stats.methods.slice(0, most),
    routes: stats.routes.slice(0, most),
  };
}

function mostUsed<Row extends { hits: number; misses: number }>(rows: readonly Row[], most: number): Row[] {
  if (rows.length <= most) return [...rows];
  return [...rows].sort((one, other) => other.hits + other.misses - one.hits - one.misses).slice(0, most);
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isCount: Check = (value) => typeof value === 'number' && value >= 0;
const isBoolean: Check = (value) => typeof value === 'boolean';
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));

function oneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function orAbsent(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** @param checks one for each field, so that none can be forgotten */
function fields<T extends object>(checks: { readonly [Field in keyof Required<T>]: Check }): Check {
  const each = Object.entries<Check>(checks);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    each.every(([name, check]) => check((value as Record<string, unknown>)[name]));
}

const USAGE: { readonly [Field in keyof UsageCounts]: Check } = {
  hits: isCount,
  staleHits: isCount,
  misses: isCount,
  hitRate: isCount,
  loads: isCount,
  loadFailures: isCount,
  savedMs: isCount,
  savedTodayMs: isCount,
};

const isStats = fields<CacheStats>({
  name: isText,
  backend: isText,
  status: oneOf('up', 'degraded', 'down'),
  since: isTime,
  totalEntries: isCount,
  totalHits: isCount,
  totalMisses: isCount,
  hitRate: isCount,
  memoryUsageBytes: orNull(isCount),
  oldestEntry: orNull(isTime),
  newestEntry: orNull(isTime),
  staleHits: isCount,
  sets: isCount,
  deletes: isCount,
  invalidations: isCount,
  evictions: isCount,
  errors: isCount,
  loads: fields<CacheStats['loads']>({
    count: isCount,
    failures: isCount,
    coalesced: isCount,
    p50Ms: isCount,
    p99Ms: isCount,
    savedMs: isCount,
  }),
  savedTodayMs: isCount,
  latency: fields<CacheStats['latency']>({ getP50Ms: isCount, getP99Ms: isCount }),
  tiers: listOf(
    fields<TierUsage>({
      name: oneOf('memory', 'redis', 'file'),
      entries: isCount,
      hits: isCount,
      misses: isCount,
      bytes: orNull(isCount),
      maxEntries: orAbsent(isCount),
      maxBytes: orAbsent(isCount),
    }),
  ),
  coherence: orAbsent(
    fields<CoherenceUsage>({ mode: oneOf('tracking', 'bus', 'ttl'), reason: isText, isProven: isBoolean }),
  ),
  namespaces: listOf(
    fields<CacheStats['namespaces'][number]>({ namespace: isText, hits: isCount, misses: isCount, hitRate: isCount }),
  ),
  hotKeys: listOf(fields<CacheStats['hotKeys'][number]>({ key: isText, hits: isCount, misses: isCount })),
  methods: listOf(fields<CacheStats['methods'][number]>({ method: isText, ...USAGE })),
  routes: listOf(fields<CacheStats['routes'][number]>({ route: isText, ...USAGE })),
});

const isReport = fields<ProcessReport & { format: number }>({
  format: oneOf(FORMAT),
  host: isText,
  pid: isNumber,
  stats: isStats,
  latencies: fields<LatencyBuckets>({ loads: isBuckets, reads: isBuckets }),
});
