import { describe, expect, it } from '@jest/globals';
import { cacheWith } from '../../../test/support/cache-with.js';
import type { CacheService } from '../cache.service.js';

describe('explain, about the last removal', () => {
  it.each<[string, (cache: CacheService) => Promise<unknown>, object, RegExp]>([
    ['its key', (cache) => cache.delete('k', { namespace: 'n' }), { by: 'key', what: 'k' }, /by the key `k`/],
    ['a tag', (cache) => cache.invalidateTags(['t', 'x']), { by: 'tag', what: 't, x' }, /by the tag `t, x`/],
    [
      'its namespace',
      (cache) => cache.invalidateNamespace('n'),
      { by: 'namespace', what: 'n' },
      /by the namespace `n`/,
    ],
    [
      'a pattern',
      (cache) => cache.invalidatePattern('k*', { namespace: 'n' }),
      { by: 'pattern', what: 'k*' },
      /by the pattern `k\*`/,
    ],
    ['all', (cache) => cache.clear(), { by: 'clear', what: '' }, /when everything was removed/],
  ])('names the removal by %s, and not a later one of another entry', async (_, remove, named, words) => {
    const { cache, clock } = cacheWith();
    await cache.set('k', 1, { namespace: 'n', tags: ['t'] });
    await remove(cache);
    await clock.advance(3_000);
    await cache.delete('other', { namespace: 'n' });
    await cache.delete('k');
    await cache.invalidateTags(['u']);
    await cache.invalidateNamespace('m');

    const { reason, lastRemoval, state } = await cache.explain('k', { namespace: 'n' });

    expect([state, lastRemoval]).toEqual(['absent', { ...named, soft: false, agoMs: 3_000 }]);
    expect(reason).toMatch(words);
    expect(reason).toMatch(/^Removed by this process 3000 ms ago, .*, and not stored since\.$/);
  });

  it('says that an entry is kept, because it was invalidated softly', async () => {
    const { cache, clock } = cacheWith({ staleWhileRevalidate: '1h' });
    await cache.set('k', 1, { tags: ['t'], ttl: '1h' });
    await clock.advance(60_000);
    await cache.invalidateTags(['t'], { soft: true });
    await clock.advance(20_000);

    expect(await cache.explain('k')).toMatchObject({
      state: 'stale',
      reason:
        'Invalidated softly by this process 20 s ago, by the tag `t`; kept for callers that accept a stale value.',
      lastRemoval: { by: 'tag', what: 't', soft: true, agoMs: 20_000 },
    });
  });

  it('says that an entry was evicted', async () => {
    const { cache, clock } = cacheWith({ memory: { maxEntries: 2 } });
    for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, 1);
    await clock.advance(700_000);
    const explanations = await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.explain(key)));

    const evicted = explanations.filter(({ lastRemoval }) => lastRemoval?.by === 'eviction');
    expect(evicted).toHaveLength(2);
    expect(evicted[0]?.reason).toBe('Evicted 12 min ago to stay within the limits of the store, and not stored since.');
  });

  it('remembers the last thousand removals', async () => {
    const { cache } = cacheWith();
    await cache.delete('first');
    for (let i = 0; i < 999; i++) await cache.delete(`k${i}`);
    const before = await cache.explain('first');
    await cache.delete('one more');

    expect([before.lastRemoval?.by, (await cache.explain('first')).lastRemoval]).toEqual(['key', undefined]);
  });

  it('does not count a dry run, or a removal in a transaction that failed', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 1, { tags: ['t'] });
    await cache.invalidateTags(['t'], { dryRun: true });
    await cache
      .transaction(async () => {
        await cache.delete('k');
        throw new Error('rolled back');
      })
      .catch(() => undefined);

    expect((await cache.explain('k')).lastRemoval).toBeUndefined();
  });
});
