import { describe, expect, it } from '@jest/globals';
import { cacheWith } from '../../../test/support/cache-with.js';
import { CacheConfigError } from '../vocabulary/cache.errors.js';
import { NamespacedCache } from '../namespaced-cache.js';

const fail = (): Promise<never> => Promise.reject(new Error('The source is down.'));

describe('the time for which an expired value is kept', () => {
  it('follows the defaults of a namespace, for loads and for set (fault 17)', async () => {
    const { cache, clock } = cacheWith();
    const rates = new NamespacedCache(cache, 'rates', { ttl: '1s', staleIfError: '1h', staleWhileRevalidate: '1m' });
    await rates.set('a', 1);
    await rates.setMany([['b', 2]]);
    await rates.writeThrough('c', async () => 3, { keepStale: 0 });

    await clock.advance(3_000_000);

    expect([await rates.getOrSet('a', fail), await rates.getOrSet('b', fail)]).toEqual([1, 2]);
    await expect(rates.getOrSet('c', fail)).rejects.toThrow('The source is down.');
  });

  it('is at least that of the cache', async () => {
    const { cache, clock } = cacheWith({ staleIfError: '1h' });
    await cache.set('a', 1, { ttl: '1s' });
    await cache.set('b', 2, { ttl: '1s', keepStale: '1m' });

    await clock.advance(3_000_000);

    expect([await cache.getOrSet('a', fail), await cache.getOrSet('b', fail)]).toEqual([1, 2]);
  });

  it('ends', async () => {
    const { cache, clock } = cacheWith();
    await cache.set('k', 1, { ttl: '1s', keepStale: '1m' });

    await clock.advance(61_000);

    await expect(cache.getOrSet('k', fail, { staleIfError: '1h' })).rejects.toThrow('The source is down.');
  });

  it('starts again with `touch`, also after an entry that never expired (fault 17)', async () => {
    const { cache, clock } = cacheWith();
    await cache.set('k', 1, { ttl: 'forever', keepStale: '1h' });

    expect(await cache.touch('k', '1s')).toBe(true);
    await clock.advance(3_000_000);

    expect(await cache.getOrSet('k', fail, { staleIfError: '1h' })).toBe(1);
  });

  it.each([-1, 1.5, Infinity, 'soon', null])('is refused as `%s`', async (keepStale) => {
    const { cache } = cacheWith();

    await expect(cache.set('k', 1, { keepStale: keepStale as number })).rejects.toThrow(CacheConfigError);
  });

  it('is shown as a valid date, however late (fault 17)', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 1, { ttl: Number.MAX_SAFE_INTEGER });

    expect((await cache.getEntry('k'))?.expiresAt).toEqual(new Date(8.64e15));
  });
});
