import { describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from './cache-internals.js';
import { cacheWith, settle, times } from '../../test/support/cache-with.js';
import type { CacheEvent } from './observation/cache-events.js';
import { CacheConfigError, CacheKeyError, CacheSerializationError } from './vocabulary/cache.errors.js';
import type { CacheAdapter } from './ports/cache-adapter.port.js';

describe('get and set', () => {
  it.each([null, false, 0, '', NaN, [], { a: undefined }])('give back %p as a value', async (value) => {
    const { cache } = cacheWith();
    await cache.set('k', value);

    expect(await cache.get('k')).toEqual(value);
    expect(await cache.has('k')).toBe(true);
  });

  it('miss with undefined, before and after the TTL', async () => {
    const { cache, clock } = cacheWith();
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 'v', { ttl: '1s' });

    await clock.advance(999);
    expect(await cache.get('k')).toBe('v');
    await clock.advance(1);

    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.has('k')).toBe(false);
  });

  it('use the default TTL, and none for ever', async () => {
    const { cache, clock } = cacheWith({ defaultTtl: '1s' });
    await cache.set('default', 1);
    await cache.set('forever', 1, { ttl: 'forever' });

    await clock.advance(1_000_000_000);

    expect(await cache.getMany(['default', 'forever'])).toEqual(new Map([['forever', 1]]));
  });

  it('with TTL 0 remove the stored value', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 'old');

    await cache.set('k', 'new', { ttl: 0 });

    expect(await cache.get('k')).toBeUndefined();
  });

  it('keep namespaces apart, and the default namespace is one of them', async () => {
    const { cache } = cacheWith({ defaultNamespace: 'app' });
    await cache.set('k', 'app');
    await cache.set('k', 'other', { namespace: 'other' });

    expect(await cache.get('k', { namespace: 'app' })).toBe('app');
    expect(await cache.get('k', { namespace: 'other' })).toBe('other');
    expect(await cache.invalidateNamespace('app')).toBe(1);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('refuse a value that cannot be stored, and leave the old one', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 'old');

    await expect(cache.set('k', { run: () => 1 })).rejects.toThrow(CacheSerializationError);
    await expect(
      cache.setMany<unknown>([
        ['k', 'new'],
        ['bad', Symbol('no')],
      ]),
    ).rejects.toThrow(CacheSerializationError);

    expect(await cache.get('k')).toBe('old');
  });
});

describe('bad calls', () => {
  it.each(['', 7, undefined, null, 'a\ud800', 'x'.repeat(2_000)])(
    'with the key %p reject in every method',
    async (key) => {
      const { cache } = cacheWith();
      const bad = key as string;
      const calls = [
        cache.get(bad),
        cache.set(bad, 1),
        cache.delete(bad),
        cache.has(bad),
        cache.touch(bad, 1),
        cache.getEntry(bad),
        cache.getOrSet(bad, () => 1),
        internalsOf(cache).load(bad, () => 1),
        cache.refresh(bad, () => 1),
        cache.writeThrough(bad, async () => 1),
        cache.writeBehind(bad, 1, async () => undefined),
        cache.getMany(['good', bad]),
        cache.setMany([
          ['good', 1],
          [bad, 1],
        ]),
        cache.deleteMany([bad]),
        cache.getOrSetMany([bad], async () => ({})),
        cache.invalidateTags([bad]),
        cache.invalidateNamespace(bad),
        cache.invalidatePattern(bad),
        cache.explain(bad),
      ];

      const results = await Promise.allSettled(calls);

      expect(results.map((result) => result.status === 'rejected' && result.reason instanceof CacheKeyError)).toEqual(
        times(calls.length, () => true),
      );
      expect(await cache.has('good')).toBe(false);
    },
  );

  it.each<[string, (cache: ReturnType<typeof cacheWith>['cache']) => Promise<unknown>, RegExp]>([
    [
      'an unknown read option',
      (cache) => cache.get('k', { namspace: 'n' } as never),
      /Unknown option `namspace`. Did you mean|Known here: namespace/,
    ],
    ['null for options', (cache) => cache.get('k', null as never), /Expected `options` to be an object/],
    [
      'a duration for options',
      (cache) => cache.set('k', 1, '5m' as never),
      /Expected `options` to be an object, got `5m`\. A TTL is written `\{ ttl: '5m' \}`\./,
    ],
    [
      'an object of entries',
      (cache) => cache.setMany({ a: 1 } as never),
      /Expected the entries as pairs of a key and a value, such as \[\['a', 1\]\], got `an object \(Object\)`\. Write `Object\.entries\(\.\.\.\)` around an object\./,
    ],
    [
      'a number for options',
      (cache) => cache.set('k', 1, 60 as never),
      /Expected `options` to be an object, got `60`\. A TTL is written `\{ ttl: '60s' \}` or `\{ ttl: '60ms' \}`\./,
    ],
    [
      'an option by its name elsewhere',
      (cache) => cache.set('k', 1, { expires: 5 } as never),
      /Unknown option `expires`\. Write `ttl` instead\./,
    ],
    ['an unknown set option', (cache) => cache.set('k', 1, { tll: 5 } as never), /Unknown option `tll`/],
    ['an unknown load option', (cache) => cache.getOrSet('k', () => 1, { swr: 5 } as never), /Unknown option `swr`/],
    ['a bad TTL', (cache) => cache.set('k', 1, { ttl: 'soon' as never }), /Expected `ttl`/],
    ['tags that are no array', (cache) => cache.set('k', 1, { tags: 'a' as never }), /Expected tags as an array/],
    [
      'more tags than an entry can carry (fault 34)',
      (cache) => cache.set('k', 1, { tags: times(998, (i) => `t${i}`) }),
      /Expected at most 997 different tags on one entry, got 998/,
    ],
    [
      'more tags of a load, before it loads (fault 34)',
      (cache) => cache.getOrSet('k', () => Promise.reject(new Error('loaded')), { tags: times(998, (i) => `t${i}`) }),
      /Expected at most 997 different tags/,
    ],
    ['an empty tag', (cache) => cache.set('k', 1, { tags: [''] }), /Expected the tag to be a non-empty string/],
    [
      'a bad mode',
      (cache) => cache.invalidateTags(['a'], { mode: 'some' as never }),
      /Expected `mode` to be one of 'any', 'all'/,
    ],
    ['soft as text', (cache) => cache.invalidateTags(['a'], { soft: 'yes' as never }), /Expected `soft`/],
    ['a soft pattern', (cache) => cache.invalidatePattern('a', { soft: true } as never), /Unknown option `soft`/],
    ['an unfinished pattern', (cache) => cache.invalidatePattern('a['), /Expected a `\]`/],
    [
      'an empty tag of a load, before it loads',
      (cache) => cache.getOrSet('k', () => Promise.reject(new Error('loaded')), { tags: [''] }),
      /Expected the tag to be a non-empty string/,
    ],
    ['no factory', (cache) => cache.getOrSet('k', undefined as never), /Expected the factory to be a function/],
    [
      'a promise for a factory',
      (cache) => cache.getOrSet('k', Promise.resolve(1) as never),
      /Expected the factory to be a function/,
    ],
    [
      'a batch factory that answers with a list',
      (cache) => cache.getOrSetMany(['0'], (async () => ['a']) as never),
      /Expected the factory of `getOrSetMany` to return a Map or an object by key, got `an array`/,
    ],
    [
      'a batch factory without an answer',
      (cache) => cache.getOrSetMany(['k'], (async () => undefined) as never),
      /Expected the factory of `getOrSetMany`/,
    ],
    ['a bad limit', (cache) => cache.list({ limit: 0 }), /Expected `limit`/],
    [
      'a validator that is none',
      (cache) => cache.getOrSet('k', () => 1, { validate: {} as never }),
      /Expected `validate`/,
    ],
    ['no concurrency', (cache) => cache.warm(['k'], () => 1, { concurrency: 0 }), /Expected `concurrency`/],
  ])('with %s say what to do', async (_, call, message) => {
    const { cache } = cacheWith();

    const result = call(cache);

    await expect(result).rejects.toThrow(message);
    expect(await cache.getEntry('k')).toBeUndefined();
  });
});

describe('touch', () => {
  it('counts the new TTL from now and leaves the age, the value and the tags', async () => {
    const { cache, clock } = cacheWith();
    await cache.set('k', { a: 1 }, { ttl: '1s', tags: ['t'] });
    const before = await cache.getEntry('k');
    await clock.advance(900);

    expect(await cache.touch('k', '1s')).toBe(true);
    await clock.advance(900);

    const after = await cache.getEntry('k');
    expect(after).toMatchObject({ value: { a: 1 }, tags: ['t'], createdAt: before?.createdAt, state: 'fresh' });
  });

  it('does nothing without a fresh value, and removes it with TTL 0', async () => {
    const { cache, clock } = cacheWith();
    expect(await cache.touch('k', '1s')).toBe(false);
    await cache.set('k', 'v', { ttl: '1s' });
    expect(await cache.touch('k', 0)).toBe(true);
    expect(await cache.has('k')).toBe(false);
    await cache.set('k', 'v', { ttl: '1s' });
    await clock.advance(1_000);

    expect(await cache.touch('k', '1s')).toBe(false);
  });
});

describe('getEntry', () => {
  it('gives all facts about an entry and does not count as a use of it', async () => {
    const { cache, clock } = cacheWith();
    await cache.set('k', 'v', { ttl: '10s', tags: ['a', 'b'], namespace: 'n' });
    const createdAt = new Date(clock.wallMs());
    await clock.advance(3_000);
    await cache.get('k', { namespace: 'n' });
    const lastAccessedAt = new Date(clock.wallMs());
    await cache.getEntry('k', { namespace: 'n' });

    expect(await cache.getEntry('k', { namespace: 'n' })).toEqual({
      key: 'k',
      namespace: 'n',
      tags: ['a', 'b'],
      value: 'v',
      createdAt,
      expiresAt: new Date(createdAt.getTime() + 10_000),
      lastAccessedAt,
      hitCount: 1,
      sizeBytes: expect.any(Number),
      state: 'fresh',
    });
  });

  it('finds an expired entry that is kept for callers who accept it', async () => {
    const { cache, clock } = cacheWith({ staleIfError: '1m' });
    await cache.set('k', 'v', { ttl: '1s' });

    await clock.advance(2_000);

    expect(await cache.getEntry('k')).toMatchObject({ value: 'v', state: 'stale' });
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('invalidation', () => {
  it.each([
    ['any', 3],
    ['all', 1],
  ] as const)('by tags removes the entries that carry %s of them and returns their number', async (mode, count) => {
    const { cache } = cacheWith();
    await cache.set('ab', 1, { tags: ['a', 'b'] });
    await cache.set('a', 1, { tags: ['a'] });
    await cache.set('b', 1, { tags: ['b'], namespace: 'n' });
    await cache.set('c', 1, { tags: ['c'] });

    expect(await cache.invalidateTags(['a', 'b'], { mode, dryRun: true })).toBe(count);
    expect(await cache.invalidateTags(['a', 'b'], { mode })).toBe(count);

    expect(await cache.has('ab')).toBe(false);
    expect(await cache.has('c')).toBe(true);
    expect(await cache.invalidateTags(['a', 'b'], { mode })).toBe(0);
  });

  it('by pattern stays in one namespace and takes escaped characters literally', async () => {
    const { cache } = cacheWith();
    await cache.setMany([
      ['user:1', 1],
      ['user:*', 1],
      ['order:1', 1],
    ]);
    await cache.set('user:1', 1, { namespace: 'n' });

    expect(await cache.invalidatePattern('user:\\*')).toBe(1);
    expect(await cache.invalidatePattern('user:*')).toBe(1);

    expect(await cache.has('user:1', { namespace: 'n' })).toBe(true);
    expect(await cache.has('order:1')).toBe(true);
  });

  it('of everything counts everything', async () => {
    const { cache } = cacheWith();
    await cache.set('a', 1);
    await cache.set('b', 1, { namespace: 'n' });

    expect(await cache.clear()).toBe(2);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('by delete returns true when there was an entry', async () => {
    const { cache } = cacheWith();
    await cache.setMany([
      ['a', 1],
      ['b', 1],
    ]);

    expect(await cache.delete('a')).toBe(true);
    expect(await cache.delete('a')).toBe(false);
    expect(await cache.deleteMany(['a', 'b', 'b'])).toBe(1);
  });
});

describe('writeThrough', () => {
  it('stores the written value', async () => {
    const { cache } = cacheWith();

    expect(await cache.writeThrough('k', async () => ({ price: 5 }), { tags: ['t'] })).toEqual({ price: 5 });
    expect(await cache.get('k')).toEqual({ price: 5 });
    expect(await cache.invalidateTags(['t'])).toBe(1);
  });

  it('leaves everything as it was when the write fails', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 'old');

    await expect(cache.writeThrough('k', () => Promise.reject(new Error('constraint')))).rejects.toThrow('constraint');

    expect(await cache.get('k')).toBe('old');
  });

  it.each([
    ['cannot be stored', { send: () => undefined }],
    ['is undefined', undefined],
  ])('invalidates the key when the written value %s', async (_, value) => {
    const { cache } = cacheWith();
    await cache.set<unknown>('k', 'old');

    expect(await cache.writeThrough<unknown>('k', async () => value)).toBe(value);

    expect(await cache.get('k')).toBeUndefined();
  });
});

describe('the tags of a write-through', () => {
  it('can be computed from the written value', async () => {
    const { cache } = cacheWith();
    await cache.writeThrough('k', async () => ({ id: 7 }), { tags: ({ id }) => [`user:${id}`] });

    expect(await cache.invalidateTags(['user:7'])).toBe(1);
  });

  it.each<[string, () => string[]]>([
    ['are none', () => 'oops' as never],
    [
      'cannot be computed',
      () => {
        throw new Error('no id');
      },
    ],
  ])('that %s invalidate the key, because the write has happened', async (_, tags) => {
    const { cache, errors } = cacheWith();
    await cache.set('k', 'old');

    expect(await cache.writeThrough('k', async () => 'new', { tags })).toBe('new');

    expect(await cache.get('k')).toBeUndefined();
    expect(errors).toHaveLength(1);
  });
});

describe('warm', () => {
  it('loads the missing keys, a few at a time, and goes on after failures', async () => {
    const { cache } = cacheWith();
    await cache.set('k1', 'fresh');
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    async function* keys(): AsyncGenerator<string> {
      for (let i = 0; i < 20; i++) yield `k${i % 10}`;
    }

    const report = await cache.warm(
      keys(),
      async (key) => {
        most = Math.max(most, ++running);
        await settle();
        running--;
        if (key === 'k3') throw new Error('no');
        return key;
      },
      { concurrency: 4, onProgress: ({ done }) => seen.push(done) },
    );

    expect(report).toMatchObject({ total: 10, loaded: 8, skipped: 1, failed: [{ key: 'k3', error: new Error('no') }] });
    expect(most).toBe(4);
    expect(seen).toEqual(times(10, (i) => i + 1));
    expect(await cache.get('k9')).toBe('k9');
  });
});

describe('the log of warm', () => {
  const slowly = (clock: { advance(ms: number): Promise<void> }) => async (key: string) => {
    await clock.advance(2_000);
    if (key === 'k3') throw new Error('no');
    return key;
  };

  it('tells the progress every 5 s, and the result, without keys', async () => {
    const { cache, clock, notices } = cacheWith();
    await cache.set('k1', 'fresh');

    await cache.warm(
      times(6, (i) => `k${i}`),
      slowly(clock),
      { concurrency: 1 },
    );

    expect(notices).toEqual([
      'Warming up: 3 of 6 keys.',
      'Warming up: 5 of 6 keys, 1 failed.',
      'Warmed up 6 keys in 10.0 s: 4 loaded, 1 fresh already, 1 failed.',
    ]);
  });

  it('names no count that it does not know, and ends with the run', async () => {
    const { cache, clock, notices } = cacheWith();
    async function* keys(): AsyncGenerator<string> {
      yield* ['a', 'b', 'c'];
    }

    await cache.warm(keys(), slowly(clock), { concurrency: 1 });
    await clock.advance(60_000);

    expect(notices).toEqual(['Warming up: 2 keys.', 'Warmed up 3 keys in 6.0 s: 3 loaded, 0 fresh already.']);
  });

  it('is silent with `log: false`', async () => {
    const { cache, clock, notices } = cacheWith();

    await cache.warm(['a', 'b', 'c'], slowly(clock), { log: false });

    expect(notices).toEqual([]);
  });
});

describe('getStats', () => {
  it('counts what happened', async () => {
    const { cache, clock } = cacheWith();
    const since = new Date(clock.wallMs()).toISOString();
    await cache.get('k');
    await cache.getOrSet('k', async () => (await clock.advance(40), 'v'), { namespace: 'n', tags: ['t'] });
    await cache.get('k', { namespace: 'n' });
    await cache.getOrSet('k', () => 'v', { namespace: 'n' });
    await cache.set('gone', 1);
    await cache.delete('gone');
    await cache.getOrSet('bad', () => Promise.reject(new Error('x'))).catch(() => undefined);
    await cache.invalidateTags(['none']);

    const stats = await cache.getStats();

    expect(stats).toMatchObject({
      name: 'default',
      backend: 'memory',
      status: 'up',
      since,
      totalEntries: 1,
      totalHits: 2,
      totalMisses: 3,
      hitRate: 0.4,
      staleHits: 0,
      sets: 2,
      deletes: 1,
      invalidations: 1,
      evictions: 0,
      errors: 0,
      loads: { count: 2, failures: 1, coalesced: 0, savedMs: 80 },
      namespaces: [{ namespace: 'n', hits: 2, misses: 1, hitRate: 2 / 3 }],
      tiers: [{ name: 'memory', entries: 1, maxEntries: 1000, maxBytes: 67_108_864 }],
    });
    expect(stats.loads.p99Ms).toBeGreaterThan(30);
    expect(stats.hotKeys[0]).toEqual({ key: 'n:k', hits: 2, misses: 1 });
    expect(stats.oldestEntry).toBe(stats.newestEntry);
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats);
  });

  it('counts stale answers as hits, and callers that shared a load', async () => {
    const { cache, clock } = cacheWith({ staleWhileRevalidate: '1m' });
    await Promise.all(times(5, () => cache.getOrSet('k', async () => 'v', { ttl: '1s' })));
    await clock.advance(2_000);
    await cache.getOrSet('k', async () => 'v', { ttl: '1s' });

    expect(await cache.getStats()).toMatchObject({ totalHits: 1, staleHits: 1, loads: { coalesced: 4 } });
  });

  it('stays zero with stats off', async () => {
    const { cache } = cacheWith({ stats: false });
    await cache.getOrSet('k', () => 'v');
    await cache.get('k');

    expect(await cache.getStats()).toMatchObject({ totalHits: 0, totalMisses: 0, totalEntries: 1, hotKeys: [] });
  });

  it('is bounded for any number of namespaces and keys', async () => {
    const { cache } = cacheWith();
    for (let i = 0; i < 2_000; i++) await cache.get(`k${i}`, { namespace: `n${i}` });

    const stats = await cache.getStats();

    expect(stats.totalMisses).toBe(2_000);
    expect(stats.namespaces.length).toBeLessThanOrEqual(256);
    expect(stats.hotKeys.length).toBeLessThanOrEqual(20);
  });
});

describe('events', () => {
  it('report what happens, in order, while somebody listens', async () => {
    const { cache } = cacheWith();
    await cache.get('before');
    const events: CacheEvent[] = [];
    const subscription = cache.events.subscribe((event) => events.push(event));

    await cache.getOrSet('k', () => 'v');
    await cache.get('k');
    await cache.delete('k');
    await cache.invalidateNamespace('n');
    subscription.unsubscribe();
    await cache.get('after');

    expect(events.map(({ type }) => type)).toEqual(['set', 'load', 'miss', 'hit', 'delete', 'invalidate']);
  });

  it('complete when the cache is closed', async () => {
    const { cache } = cacheWith();
    const complete = jest.fn();
    cache.events.subscribe({ complete });

    await cache.close();

    expect(complete).toHaveBeenCalledTimes(1);
  });
});

describe('explain', () => {
  it.each([
    ['absent', {}, 0, 'miss'],
    ['fresh', { ttl: '10s' }, 1_000, 'hit'],
    ['stale', { ttl: '10s' }, 11_000, 'miss'],
  ] as const)('explains the next read of an entry that is %s', async (state, options, ageMs, nextRead) => {
    const { cache, clock } = cacheWith({ staleIfError: '1m', version: 2 });
    if (state !== 'absent') await cache.set('k', 'v', { ...options, namespace: 'n', tags: ['t'] });
    await clock.advance(ageMs);

    const explanation = await cache.explain('k', { namespace: 'n' });

    expect(explanation).toMatchObject({
      key: 'k',
      namespace: 'n',
      storedKey: '1.2:1.n:k',
      state,
      nextRead,
      tiers: [{ name: 'memory', state }],
    });
    expect(explanation.reason).not.toBe('');
  });
});

describe('namespace()', () => {
  it('has the same methods with the namespace filled in', async () => {
    const { cache } = cacheWith();
    const orders = cache.namespace('orders');
    await orders.set('a', 1);
    await orders.setMany([
      ['b', 2],
      ['c', 3],
    ]);
    await cache.set('a', 'elsewhere');

    expect(await orders.getMany(['a', 'b', 'x'])).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    );
    expect(await orders.getOrSet('d', () => 4)).toBe(4);
    expect(await cache.get('d', { namespace: 'orders' })).toBe(4);
    expect(await orders.invalidatePattern('[ab]')).toBe(2);
    expect(await orders.clear()).toBe(2);
    expect(await cache.get('a')).toBe('elsewhere');
  });
});

describe('a fault of the backend', () => {
  const faults: Record<string, () => never | Promise<never>> = {
    thrown: () => {
      throw new Error('ECONNREFUSED');
    },
    rejected: () => Promise.reject(new Error('ECONNREFUSED')),
  };
  const broken =
    (fault: () => never | Promise<never>) =>
    (adapter: CacheAdapter): CacheAdapter => ({
      kind: adapter.kind,
      get: fault,
      getMany: fault,
      begin: fault,
      set: fault,
      invalidate: fault,
      scan: fault,
      usage: () => adapter.usage(),
      close: fault,
    });

  it.each(Object.entries(faults))('that is %s makes reads misses and loads run, and is reported', async (_, fault) => {
    const { cache, errors } = cacheWith({}, broken(fault));

    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.has('k')).toBe(false);
    expect(await cache.getMany(['k'])).toEqual(new Map());
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(Object.fromEntries(await cache.getOrSetMany(['a'], async () => ({ a: 1 })))).toEqual({ a: 1 });
    await expect(cache.set('k', 'v')).resolves.toBeUndefined();
    expect(await cache.touch('k', '1s')).toBe(false);

    expect(errors.length).toBeGreaterThanOrEqual(7);
    expect(errors[0]).toMatchObject({
      code: 'CACHE_BACKEND_UNAVAILABLE',
      message: 'Could not read an entry: ECONNREFUSED',
    });
    expect((await cache.getStats()).errors).toBe(errors.length);
    await expect(cache.close()).resolves.toBeUndefined();
  });

  it.each(Object.entries(faults))('that is %s rejects explicit invalidations alone', async (_, fault) => {
    const { cache } = cacheWith({}, broken(fault));

    for (const call of [
      cache.delete('k'),
      cache.invalidateTags(['t']),
      cache.invalidateNamespace('n'),
      cache.invalidatePattern('*'),
      cache.clear(),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'CACHE_BACKEND_UNAVAILABLE' });
    }
  });

  it('does not matter to an onError that throws', async () => {
    const { cache } = cacheWith({}, broken(faults['rejected'] as () => Promise<never>));

    await expect(cache.getOrSet('k', () => 'v')).resolves.toBe('v');
  });
});

it('is a CacheConfigError, and a CacheError, and an Error', () => {
  const error = new CacheConfigError('x');

  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'CacheConfigError', code: 'CACHE_CONFIG_INVALID' });
});
