import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';
import { ONE_AND_SEVERAL_MASTERS, keysOf, size, untilEmpty } from '../deployments.fixture.js';
import { cleanUpAfterEach, open } from '../redis.fixture.js';

/** Nothing is left in Redis when nothing is needed any more. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const NOTHING_TO_INVALIDATE: readonly (readonly [
  what: string,
  invalidate: (cache: CacheService) => Promise<number>,
])[] = [
  ['a tag', (cache) => cache.invalidateTags(['nobody has it', 'nor this'])],
  ['a namespace', (cache) => cache.invalidateNamespace('nobody uses it')],
  ['everything', (cache) => cache.clear()],
];

describe.each(ONE_AND_SEVERAL_MASTERS)('an invalidation that finds no entry (%s)', (_, start) => {
  it.each(NOTHING_TO_INVALIDATE)('by %s leaves nothing', async (_, invalidate) => {
    const { redis, masters } = await start();
    const { cache } = await open(redis);

    const count = await invalidate(cache);
    await untilEmpty(masters, 5_000);

    expect(count).toBe(0);
  });

  it('leaves nothing when the cache is closed right after it', async () => {
    const { redis, masters } = await start();
    const { cache } = await open(redis);

    for (const [, invalidate] of NOTHING_TO_INVALIDATE) await invalidate(cache);
    await cache.close();

    await untilEmpty(masters, 1_000);
  });
});

describe.each(ONE_AND_SEVERAL_MASTERS)('a process that invalidates and is closed at once (%s)', (_, start) => {
  it('leaves nothing, although no process is left to free it', async () => {
    const { redis, masters } = await start();
    const { cache } = await open({ ...redis, commandTimeout: '5s' });
    await cache.setMany(
      times(500, (i) => [`k${i}`, i] as const),
      { ttl: 'forever', tags: ['t'], namespace: 'n' },
    );

    await cache.invalidateTags(['t']);
    await cache.close();

    // The generations of empty groups are kept for a while, for loads that hold them.
    await untilEmpty(masters, 8_000);
  });
});

describe.each(ONE_AND_SEVERAL_MASTERS)('entries with a short life (%s)', (_, start) => {
  it('leave nothing after they have expired', async () => {
    const { redis, masters } = await start();
    const { cache } = await open({ ...redis, commandTimeout: '5s' });

    let stored = 0;
    for (let i = 0; i < 5; i++) {
      await cache.setMany(
        times(1_000, (j) => [`${i}-${j}`, j] as const),
        { ttl: 1_000 + 100 * i, tags: [`tag-${i}`, 'all'], namespace: `ns-${i % 2}` },
      );
      stored = Math.max(stored, await size(masters));
    }
    const emptyMs = await untilEmpty(masters, 10_000);

    expect(stored).toBeGreaterThan(1_000);
    expect(emptyMs).toBeLessThan(10_000);
  });

  it('leave only keys that expire within a minute when they came from loads', async () => {
    const { redis, masters } = await start();
    const { cache } = await open({ ...redis, commandTimeout: '5s' });
    let left: { key: string; ttlMs: number }[] = [];
    const areExpired = async (): Promise<boolean> => {
      left = (await Promise.all(masters.map(keysOf))).flat();
      return !left.some(({ key }) => key.includes(':e:'));
    };

    await Promise.all(
      times(200, (i) =>
        cache.getOrSet(`k${i}`, () => i, { ttl: 200, namespace: 'n', tags: (value) => [`tag-${value % 10}`] }),
      ),
    );
    await until(areExpired, 1_000, () => `Entries are left: ${left.map(({ key }) => key).join(' ')}`);

    expect(left.filter(({ ttlMs }) => ttlMs < 0 || ttlMs > 61_000)).toEqual([]);
  });

  it('leave nothing in the indexes of an entry that never expires, after it is invalidated (fault 29)', async () => {
    const { redis, masters } = await start();
    const { cache } = await open({ ...redis, commandTimeout: '5s' });
    const of = { tags: ['t', 'u'], namespace: 'n' };
    await cache.set('kept', 1, { ...of, ttl: 'forever' });
    await cache.setMany(
      times(500, (i) => [`k${i}`, i] as const),
      { ...of, ttl: 200 },
    );
    const areExpired = async (): Promise<boolean> =>
      (await Promise.all(masters.map(keysOf))).flat().filter(({ key }) => key.includes(':e:')).length === 1;
    await until(areExpired, 5_000, () => 'The entries did not expire.');

    const stats = await cache.getStats();
    await cache.cleanupExpired();
    const count = await cache.invalidateTags(['t']);
    let left: { key: string; ttlMs: number }[] = [];
    // The ticket of a sweep expires by itself, so that no process sweeps again at once.
    const isEmpty = async (): Promise<boolean> => {
      left = (await Promise.all(masters.map(keysOf)))
        .flat()
        .filter(({ key, ttlMs }) => !(key.endsWith(':sweep') && ttlMs > 0 && ttlMs <= 61_000));
      return left.length === 0;
    };
    await until(isEmpty, 20_000, () => `Keys are left: ${left.map(({ key }) => key).join(' ')}`);

    expect([stats.totalEntries, count]).toEqual([1, 1]);
  });
});
