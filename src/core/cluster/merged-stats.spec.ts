import { describe, expect, it } from '@jest/globals';
import type { CoherenceUsage } from '../ports/cache-adapter.port.js';
import { mergedStats } from './merged-stats.js';
import { reportWith } from './report.fixture.js';

const usage = { staleHits: 1, misses: 5, hitRate: 0.5, loads: 5, loadFailures: 1, savedTodayMs: 3 };

describe('the statistics of several processes', () => {
  it('are sums of the counters', () => {
    const loads = { count: 7, failures: 2, coalesced: 3, p50Ms: 9, p99Ms: 9, savedMs: 100 };
    const counts = { totalHits: 10, totalMisses: 30, staleHits: 4, sets: 5, deletes: 6, invalidations: 7, errors: 8 };
    const one = reportWith({ ...counts, evictions: 9, savedTodayMs: 50, loads });

    expect(mergedStats([one, one, one])).toMatchObject({
      totalHits: 30,
      totalMisses: 90,
      hitRate: 0.25,
      staleHits: 12,
      sets: 15,
      deletes: 18,
      invalidations: 21,
      errors: 24,
      evictions: 27,
      savedTodayMs: 150,
      loads: { count: 21, failures: 6, coalesced: 9, savedMs: 300 },
    });
  });

  it('describe the shared store once, as this process sees it', () => {
    const own = reportWith({
      totalEntries: 12,
      oldestEntry: '2030-01-02T00:00:00Z',
      newestEntry: '2030-01-03T00:00:00Z',
    });
    const other = reportWith({ totalEntries: 11, oldestEntry: null, newestEntry: null });

    expect(mergedStats([own, other])).toMatchObject({
      totalEntries: 12,
      oldestEntry: '2030-01-02T00:00:00Z',
      newestEntry: '2030-01-03T00:00:00Z',
    });
  });

  it('add the memory of each process, and the shared tier once, with the hits of all', () => {
    const hybrid = (entries: number, bytes: number): ReturnType<typeof reportWith> =>
      reportWith({
        memoryUsageBytes: bytes,
        tiers: [
          { name: 'memory', entries, hits: 5, misses: 2, bytes, maxEntries: 1_000 },
          { name: 'redis', entries: 50, hits: 1, misses: 1, bytes: null },
        ],
      });
    const redis = reportWith({ tiers: [{ name: 'redis', entries: 50, hits: 3, misses: 4, bytes: null }] });

    const total = mergedStats([redis, hybrid(10, 100), hybrid(20, 200)]);

    expect(total.tiers).toEqual([
      { name: 'memory', entries: 30, hits: 10, misses: 4, bytes: 300, maxEntries: 2_000 },
      { name: 'redis', entries: 50, hits: 5, misses: 6, bytes: null },
    ]);
    expect(total.memoryUsageBytes).toBe(300);
  });

  it('have the quantiles of all durations, not a mean of quantiles', () => {
    const fast = reportWith(
      {},
      Array.from({ length: 980 }, () => 10),
    );
    const slow = reportWith(
      {},
      Array.from({ length: 20 }, () => 1_000),
    );

    const { loads } = mergedStats([slow, fast]);

    expect(loads.p50Ms / 10).toBeCloseTo(1, 0);
    expect(loads.p99Ms / 1_000).toBeCloseTo(1, 0);
  });

  it('have the worst status, the earliest start, and the coherence of a process without proof', () => {
    const tracking: CoherenceUsage = { mode: 'tracking', reason: 'it works', isProven: true };
    const lost: CoherenceUsage = { mode: 'tracking', reason: 'not connected', isProven: false };
    const own = reportWith({ status: 'up', since: '2030-01-05T00:00:00.000Z', coherence: tracking });
    const other = reportWith({ status: 'degraded', since: '2030-01-04T00:00:00.000Z', coherence: lost });

    expect(mergedStats([own, other])).toMatchObject({
      status: 'degraded',
      since: '2030-01-04T00:00:00.000Z',
      coherence: lost,
    });
    expect(mergedStats([own, own]).coherence).toEqual(tracking);
  });

  it('add namespaces, keys, methods and routes by their names', () => {
    const own = reportWith({
      namespaces: [{ namespace: 'n', hits: 1, misses: 1, hitRate: 0.5 }],
      hotKeys: [{ key: 'a', hits: 5, misses: 0 }],
      methods: [{ method: 'Shop.find', ...usage, hits: 5, savedMs: 10 }],
      routes: [{ route: 'GET /a', ...usage, hits: 5, savedMs: 10 }],
    });
    const other = reportWith({
      namespaces: [
        { namespace: 'm', hits: 1, misses: 0, hitRate: 1 },
        { namespace: 'n', hits: 5, misses: 1, hitRate: 5 / 6 },
      ],
      hotKeys: [
        { key: 'b', hits: 9, misses: 1 },
        { key: 'a', hits: 2, misses: 1 },
      ],
      methods: [
        { method: 'Shop.list', ...usage, hits: 1, savedMs: 30 },
        { method: 'Shop.find', ...usage, hits: 25, savedMs: 15 },
      ],
      routes: [{ route: 'GET /a', ...usage, hits: 5, savedMs: 10 }],
    });

    const total = mergedStats([own, other]);

    expect(total.namespaces).toEqual([
      { namespace: 'n', hits: 6, misses: 2, hitRate: 0.75 },
      { namespace: 'm', hits: 1, misses: 0, hitRate: 1 },
    ]);
    expect(total.hotKeys).toEqual([
      { key: 'b', hits: 9, misses: 1 },
      { key: 'a', hits: 7, misses: 1 },
    ]);
    expect(
      total.methods.map(({ method, hits, misses, hitRate, savedMs }) => [method, hits, misses, hitRate, savedMs]),
    ).toEqual([
      ['Shop.list', 1, 5, 0.5, 30],
      ['Shop.find', 30, 10, 0.75, 25],
    ]);
    expect(total.routes).toMatchObject([{ route: 'GET /a', hits: 10, loads: 10, savedMs: 20, savedTodayMs: 6 }]);
  });

  it('of one process are its own', () => {
    const report = reportWith({
      totalHits: 3,
      totalMisses: 1,
      hitRate: 0.75,
      tiers: [{ name: 'memory', entries: 1, hits: 3, misses: 1, bytes: 9 }],
      memoryUsageBytes: 9,
    });

    expect(mergedStats([report])).toEqual(report.stats);
  });
});
