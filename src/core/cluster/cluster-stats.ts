import type { CacheStats, LatencyBuckets } from '../observation/cache-stats.js';

/** Statistics of all processes that share the entries of a cache. */
export interface ClusterStats {
  /** This process first, then the others, the oldest first. */
  processes: ProcessStats[];
  /**
   * All of them together. Counters are sums. `status` is the worst one, `since` the earliest; quantiles are those of
   * all durations. `totalEntries`, `oldestEntry`, `newestEntry` and the entries and bytes of a shared tier are those of
   * the store; entries and bytes of `memory` tiers are sums. `coherence` is that of a process without proof, if there
   * is one.
   */
  total: CacheStats;
}

/** The report of one process. */
export interface ProcessStats {
  /** Random, new with each start. */
  id: string;
  host: string;
  pid: number;
  /** Time when its cache was made, in ISO 8601. */
  since: string;
  /** Age of `stats` when the store was read, in milliseconds; 0 for this process. */
  seenMsAgo: number;
  stats: CacheStats;
}

/** The statistics of one process, and the durations that the quantiles of all are made of. */
export interface ProcessReport {
  readonly host: string;
  readonly pid: number;
  readonly stats: CacheStats;
  readonly latencies: LatencyBuckets;
}
