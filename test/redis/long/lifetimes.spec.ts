import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { createCache } from '../../../src/create-cache.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { startDeployment } from '../../support/deployments.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/redis/until.js';
import { cleanUpAfterEach, stopAfterTest, afterTest, open, openHybrid } from '../redis.fixture.js';

jest.setTimeout(60_000);
cleanUpAfterEach();

/** TTLs from a usual one to the longest possible. */
const TTLS = fc.oneof(
  fc.integer({ min: 60_000, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(8.2e12, 8.3e12, 1e13 - 2, 1e13 - 1, 1e13, 1e15, Number.MAX_SAFE_INTEGER),
);

/** Uncertainty about the server's time on a busy machine. */
const CLOCKS_DIFFER_MS = 1_000;

const CACHES: readonly (readonly [string, () => Promise<CacheService>])[] = [
  ['memory', openMemory],
  ['redis', async () => (await open({ url: (await stopAfterTest(startRedis())).url })).cache],
  ['a Cluster', async () => (await open((await stopAfterTest(startDeployment.Cluster())).redis)).cache],
  ['hybrid', async () => (await openHybrid({ url: (await stopAfterTest(startRedis())).url })).cache],
];

async function openMemory(): Promise<CacheService> {
  const cache = await createCache({ backend: 'memory' });
  afterTest(() => cache.close());
  return cache;
}

const fail = (): Promise<never> => Promise.reject(new Error('The source is down.'));

async function untilExpired(cache: CacheService, key: string): Promise<void> {
  await until(
    async () => !(await cache.has(key)),
    10_000,
    () => `${key} did not expire in time.`,
  );
}

describe.each(CACHES)('on %s', (_, openCache) => {
  it('an entry lives exactly as long as its TTL, even a very long one (fault 17)', async () => {
    const cache = await openCache();
    let next = 0;

    await fc.assert(
      fc.asyncProperty(TTLS, TTLS, async (ttl, keepStale) => {
        const key = `k${++next}`;
        const earliestMs = Date.now() + ttl;
        await cache.set(key, next, { ttl, keepStale, tags: [key] });
        const latestMs = Date.now() + ttl;

        expect(await cache.get(key)).toBe(next);
        const { remainingMs, ttlMs } = await cache.explain(key);
        expect(ttlMs).toBe(ttl);
        expect(Date.now() + Number(remainingMs)).toBeGreaterThanOrEqual(earliestMs - CLOCKS_DIFFER_MS);
        expect(Number(remainingMs)).toBeLessThanOrEqual(latestMs - earliestMs + ttl + CLOCKS_DIFFER_MS);
        expect((await cache.getEntry(key))?.expiresAt?.getTime()).not.toBeNaN();
        expect(await cache.touch(key, keepStale)).toBe(true);
        expect(await cache.invalidateTags([key], { soft: true })).toBe(1);
        expect((await cache.getEntry(key))?.state).toBe('stale');
        expect(await cache.getOrSet(key, fail, { staleIfError: keepStale })).toBe(next);
        expect(await cache.delete(key)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('`touch` does not change how long an expired value is kept (fault 17)', async () => {
    const cache = await openCache();
    await cache.getOrSet('loaded', () => 1, { ttl: '1h', staleIfError: '2h' });
    await cache.set('lasting', 2, { ttl: 'forever', keepStale: '2h' });

    expect([await cache.touch('loaded', 50), await cache.touch('lasting', 50)]).toEqual([true, true]);

    for (const [key, value] of [
      ['loaded', 1],
      ['lasting', 2],
    ] as const) {
      await untilExpired(cache, key);
      expect(await cache.getOrSet(key, fail, { staleIfError: '2h' })).toBe(value);
    }
  });

  it('a value that is set or written through with `keepStale` serves a later `staleIfError` (fault 17)', async () => {
    const cache = await openCache();
    await cache.set('set', 1, { ttl: 50, keepStale: '1h' });
    await cache.setMany([['many', 2]], { ttl: 50, keepStale: '1h' });
    await cache.writeThrough('written', async () => 3, { ttl: 50, keepStale: '1h' });
    await cache.set('not kept', 4, { ttl: 50 });

    for (const [key, value] of [
      ['set', 1],
      ['many', 2],
      ['written', 3],
    ] as const) {
      await untilExpired(cache, key);
      expect(await cache.getOrSet(key, fail, { staleIfError: '1h' })).toBe(value);
    }
    await until(
      async () => (await cache.getEntry('not kept')) === undefined,
      10_000,
      () => 'It was kept.',
    );
    await expect(cache.getOrSet('not kept', fail, { staleIfError: '1h' })).rejects.toThrow('The source is down.');
  });
});
