import { StatsRecorder, type CacheStats } from '../observation/cache-stats.js';
import { LatencyHistogram } from '../observation/latency-histogram.js';
import type { ProcessReport } from './cluster-stats.js';

export const EMPTY_STATS: CacheStats = new StatsRecorder().report(
  { name: 'default', backend: 'redis', since: new Date(Date.UTC(2030, 0, 1)), wallMs: Date.UTC(2030, 0, 1) },
  { entries: 0, bytes: null, evictions: 0, oldestMs: null, newestMs: null, status: 'up', tiers: [] },
);

/** A report with these statistics. @param loadMs durations of its loads */
export function reportWith(stats: Partial<CacheStats> = {}, loadMs: readonly number[] = []): ProcessReport {
  const histogram = new LatencyHistogram();
  for (const ms of loadMs) histogram.record(ms);
  return {
    host: 'here',
    pid: 1,
    stats: { ...EMPTY_STATS, ...stats },
    latencies: { loads: histogram.buckets(), reads: [] },
  };
}
