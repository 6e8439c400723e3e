import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { ONE_AND_SEVERAL_MASTERS } from '../deployments.fixture.js';
import { cleanUpAfterEach, open } from '../redis.fixture.js';

/** The count of an invalidation while entries of an earlier invalidation are still being freed. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const SMALL: readonly (readonly [
  what: string,
  invalidate: (cache: CacheService, options?: { dryRun: true }) => Promise<number>,
])[] = [
  ['a tag', (cache, options) => cache.invalidateTags(['small'], options)],
  ['several tags', (cache, options) => cache.invalidateTags(['small', 'smaller'], options)],
  ['a namespace', (cache, options) => cache.invalidateNamespace('n', options)],
];

describe.each(ONE_AND_SEVERAL_MASTERS)('the count of an invalidation (%s)', (_, start) => {
  it.each(SMALL)('by %s does not count entries that were invalidated before', async (_, invalidate) => {
    const { redis } = await start();
    const { cache, errors } = await open({ ...redis, commandTimeout: '5s' });
    const tags = ['small', 'smaller'];
    await cache.setMany(
      times(5_000, (i) => [`large-${i}`, i] as const),
      { tags: ['large'], ttl: '1m' },
    );
    // Entries that expire last are freed last.
    await cache.setMany(
      times(20, (i) => [`both-${i}`, i] as const),
      { tags: [...tags, 'large'], namespace: 'n', ttl: '1h' },
    );
    await cache.setMany(
      times(3, (i) => [`small-${i}`, i] as const),
      { tags, namespace: 'n', ttl: '1h' },
    );

    const large = await cache.invalidateTags(['large']);
    await cache.set('both-0', 'again', { tags: [...tags, 'large'], namespace: 'n', ttl: '1h' });
    const dry = await invalidate(cache, { dryRun: true });
    const small = await invalidate(cache);

    expect([large, dry, small]).toEqual([5_020, 4, 4]);
    expect(errors).toEqual([]);
  });

  it.each(SMALL)(
    'by %s does not count entries that another process has just invalidated (fault 30)',
    async (_, invalidate) => {
      const { redis } = await start();
      const [{ cache, errors }, { cache: other }] = [await open(redis), await open(redis)];
      const tags = ['small', 'smaller'];
      await cache.setMany(
        times(2, (i) => [`both-${i}`, i] as const),
        { tags: [...tags, 'other'], namespace: 'n' },
      );
      await cache.setMany(
        times(2, (i) => [`mine-${i}`, i] as const),
        { tags, namespace: 'n' },
      );

      const theirs = await other.invalidateTags(['other']);
      const dry = await invalidate(cache, { dryRun: true });
      const mine = await invalidate(cache);

      expect([theirs, dry, mine]).toEqual([2, 2, 2]);
      expect(errors).toEqual([]);
    },
  );
});
