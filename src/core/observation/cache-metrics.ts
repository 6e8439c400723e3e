import type { CacheErrorCode } from '../vocabulary/cache.errors.js';
import type { CacheStats, InvalidationKind, StatsRecorder } from './cache-stats.js';

/** Bounds of the buckets of load durations, in milliseconds. */
export const LOAD_BOUNDS_MS: readonly number[] = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/** Counts of a cache since it was made, for systems that collect metrics. They only grow, except those of `stats`. */
export interface CacheMetrics {
  readonly stats: CacheStats;
  readonly loads: {
    readonly succeeded: number;
    readonly failed: number;
    /** Callers that waited in vain for as long as their `hardTimeout` allows. */
    readonly timedOut: number;
    /** Callers that shared the load of another one. */
    readonly coalesced: number;
  };
  /** Durations of loads: `counts[i]` of them took up to `LOAD_BOUNDS_MS[i]`. */
  readonly durations: { readonly counts: readonly number[]; readonly total: number; readonly sumMs: number };
  readonly invalidations: Readonly<Record<InvalidationKind, number>>;
  readonly errors: ReadonlyMap<CacheErrorCode, number>;
  /** Requests of cached routes, by their answer; `misses` ran the handler, `bypasses` too, and are not for sharing. */
  readonly routes: readonly {
    readonly route: string;
    readonly hits: number;
    readonly stale: number;
    readonly misses: number;
    readonly bypasses: number;
  }[];
}

export function metricsOf(recorder: StatsRecorder, stats: CacheStats): CacheMetrics {
  return {
    stats,
    loads: {
      succeeded: recorder.loads - recorder.loadFailures,
      failed: recorder.loadFailures,
      timedOut: recorder.timeouts,
      coalesced: recorder.coalesced,
    },
    durations: recorder.loadLatency.cumulative(LOAD_BOUNDS_MS),
    invalidations: { ...recorder.invalidated },
    errors: new Map(recorder.errorsOf),
    routes: recorder.users.routes().map(([route, { hits, staleHits, misses, bypasses }]) => ({
      route,
      hits: hits - staleHits,
      stale: staleHits,
      misses,
      bypasses,
    })),
  };
}
