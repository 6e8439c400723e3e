import type { Stats } from './shapes.js';

/** Time that the plots show. */
export const WINDOW_MS = 5 * 60_000;
/** Time over which a rate is measured: short enough to follow, long enough to be calm. */
const RATE_MS = 10_000;

export interface Sample {
  readonly atMs: number;
  /** Start of the counters: they begin again where it changes. */
  readonly since: string;
  readonly hits: number;
  readonly misses: number;
  readonly loads: number;
  readonly loadP99Ms: number;
}

/** Value at a time; `null` where there is nothing to measure. */
export interface Point {
  readonly atMs: number;
  readonly value: number | null;
}

export interface Rates {
  readonly hitRate: readonly Point[];
  readonly requests: readonly Point[];
  readonly loadP99: readonly Point[];
  /** Loads per second, now. */
  readonly loadsPerSecond: number;
}

export function sampleOf(stats: Stats, atMs: number): Sample {
  return {
    atMs,
    since: stats.since,
    hits: stats.totalHits,
    misses: stats.totalMisses,
    loads: stats.loads.count,
    loadP99Ms: stats.loads.p99Ms,
  };
}

/** Adds a sample. Drops those that are too old, and all where another process answers or its counters fell. */
export function extended(history: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = history.at(-1);
  if (last !== undefined && (last.since !== sample.since || last.hits > sample.hits || last.misses > sample.misses))
    return [sample];
  return [...history.filter(({ atMs }) => atMs > sample.atMs - WINDOW_MS - RATE_MS), sample];
}

export function ratesOf(history: readonly Sample[]): Rates {
  const spans = history.map((sample, at) => ({ sample, before: startOfSpan(history, at) }));
  const measured = spans.filter(({ sample, before }) => before !== sample);
  const at = (read: (sample: Sample, before: Sample) => number | null): Point[] =>
    measured.map(({ sample, before }) => ({ atMs: sample.atMs, value: read(sample, before) }));
  const last = measured.at(-1);
  return {
    hitRate: at(hitRateBetween),
    requests: at((now, before) => perSecond(now, before, ({ hits, misses }) => hits + misses)),
    loadP99: at(({ loads, loadP99Ms }) => (loads === 0 ? null : loadP99Ms)),
    loadsPerSecond: last === undefined ? 0 : perSecond(last.sample, last.before, ({ loads }) => loads),
  };
}

/** Returns the oldest sample of the span that ends at an index. */
function startOfSpan(history: readonly Sample[], at: number): Sample {
  const sample = history[at] as Sample;
  let start = at;
  while (start > 0 && (history[start - 1] as Sample).atMs >= sample.atMs - RATE_MS) start--;
  return history[start] as Sample;
}

function hitRateBetween(now: Sample, before: Sample): number | null {
  const hits = now.hits - before.hits;
  const reads = hits + now.misses - before.misses;
  return reads === 0 ? null : hits / reads;
}

function perSecond(now: Sample, before: Sample, read: (sample: Sample) => number): number {
  return (1_000 * (read(now) - read(before))) / (now.atMs - before.atMs);
}
