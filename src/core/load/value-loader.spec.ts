import { describe, expect, it, jest } from '@jest/globals';
import { cacheWith, ManualLoad, settle, times } from '../../../test/support/cache-with.js';
import { CacheTimeoutError } from '../vocabulary/cache.errors.js';
import type { GetOrSetOptions } from './call-options.js';
import type { CacheService } from '../cache.service.js';
import type { CacheAdapter } from '../ports/cache-adapter.port.js';

/** Wraps a store so that it never answers a release. */
function withHeldReleases(): (adapter: CacheAdapter) => CacheAdapter {
  return (adapter) => {
    const begin = adapter.begin.bind(adapter);
    adapter.begin = async (...request) => {
      const grant = await begin(...request);
      const release = async (): Promise<void> => {
        await grant.release();
        await new Promise<void>(() => undefined);
      };
      return { tickets: grant.tickets, commit: (drafts) => grant.commit(drafts), release };
    };
    return adapter;
  };
}

describe('single-flight', () => {
  it('loads once when a hundred callers miss together', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();

    const values = Promise.all(times(100, () => cache.getOrSet('k', load.run)));
    await settle();
    await load.finish(0, 'v');

    expect(new Set(await values)).toEqual(new Set(['v']));
    expect(load.count).toBe(1);
  });

  it('serves no expired value that was invalidated before the call, even if earlier callers got it', async () => {
    let adapter: CacheAdapter | undefined;
    const { cache, clock } = cacheWith({}, (made) => (adapter = made));
    const load = new ManualLoad<string>();
    const options = { ttl: '1s', softTimeout: 10, staleIfError: '1h' } as const;
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(1_001);
    void cache.getOrSet('k', load.run, { ttl: '1s' });
    await settle();
    const early = cache.getOrSet('k', () => 'new', options);
    await settle();
    await clock.advance(10);
    expect(await early).toBe('old');

    // As another process does it: the flights of this process are not notified.
    await adapter?.invalidate({ kind: 'keys', keys: ['k'], namespace: undefined });
    const late = cache.getOrSet('k', () => 'new', options);
    await settle();
    await clock.advance(10);
    await load.finish(0, 'computed before');

    expect(await late).toBe('new');
  });

  it('runs the factory of a caller who joined a batch that has no value for its key', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string | undefined>();
    const first = cache.getOrSet('k', load.run);
    await settle();
    const batch = cache.getOrSetMany(['k'], async () => new Map<string, string>());
    await settle();

    const single = cache.getOrSet('k', () => 'own');
    await settle();
    await load.finish(0, undefined);

    expect(await first).toBeUndefined();
    expect(await batch).toEqual(new Map());
    expect(await single).toBe('own');
  });

  it('answers callers who come while it loads with the value it has stored, without another load', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    const first = cache.getOrSet('k', load.run);
    await settle();

    const late = times(50, () => cache.getOrSet('k', load.run));
    await settle();
    await load.finish(0, 'v');

    expect(await Promise.all([first, ...late])).toEqual(times(51, () => 'v'));
    expect(load.count).toBe(1);
  });

  it('gives a late caller no value of a load that began before its call, when that is not stored', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    const first = cache.getOrSet('k', load.run, { ttl: 0 });
    await settle();

    const late = times(3, () => cache.getOrSet('k', load.run, { ttl: 0 }));
    await load.finish(0, 'old');
    await load.finish(1, 'new');

    expect(await first).toBe('old');
    expect(await Promise.all(late)).toEqual(['new', 'new', 'new']);
    expect(load.count).toBe(2);
  });

  it('gives every caller a value of its own', async () => {
    const { cache } = cacheWith();

    const values = await Promise.all(times(5, () => cache.getOrSet('k', () => ({ tags: ['a'] }))));
    values.forEach((value, i) => value.tags.push(String(i)));

    expect(values.map(({ tags }) => tags.length)).toEqual([2, 2, 2, 2, 2]);
    expect(await cache.get('k')).toEqual({ tags: ['a'] });
  });

  it('lets every caller load for itself when it is off', async () => {
    const { cache } = cacheWith();
    const factory = jest.fn(async () => 'v');

    await Promise.all(times(5, () => cache.getOrSet('k', factory, { singleFlight: false })));

    expect(factory).toHaveBeenCalledTimes(5);
  });

  it('loads one key in two namespaces apart', async () => {
    const { cache } = cacheWith();

    const values = await Promise.all([
      cache.getOrSet('k', () => 'a', { namespace: 'a' }),
      cache.getOrSet('k', () => 'b', { namespace: 'b' }),
      cache.getOrSet('k', () => 'none'),
    ]);

    expect(values).toEqual(['a', 'b', 'none']);
  });
});

describe('an invalidation during a load', () => {
  const invalidations: Record<string, (cache: ReturnType<typeof cacheWith>['cache']) => Promise<unknown>> = {
    delete: (cache) => cache.delete('k', { namespace: 'n' }),
    deleteMany: (cache) => cache.deleteMany(['other', 'k'], { namespace: 'n' }),
    set: (cache) => cache.set('k', 'set', { namespace: 'n' }),
    invalidateTags: (cache) => cache.invalidateTags(['t']),
    'invalidateTags all': (cache) => cache.invalidateTags(['t', 'u'], { mode: 'all' }),
    'invalidateTags soft': (cache) => cache.invalidateTags(['t'], { soft: true }),
    invalidateNamespace: (cache) => cache.invalidateNamespace('n'),
    invalidatePattern: (cache) => cache.invalidatePattern('?', { namespace: 'n' }),
    clear: (cache) => cache.clear(),
  };

  describe.each(Object.entries(invalidations))('by %s', (name, invalidate) => {
    it.each([
      ['known', ['t', 'u']],
      ['computed', () => ['t', 'u']],
    ])('keeps the value from being stored and from later callers, with %s tags', async (_, tags) => {
      const { cache } = cacheWith();
      const load = new ManualLoad<string>();
      const options = { namespace: 'n', tags };
      const early = cache.getOrSet('k', load.run, options);
      await settle();

      await invalidate(cache);
      const late = cache.getOrSet('k', load.run, options);
      await settle();
      await load.finish(0, 'old');
      await load.finish(1, 'new');

      expect(await early).toBe('old');
      expect(await late).toBe(name === 'set' ? 'set' : 'new');
      expect(await cache.get('k', { namespace: 'n' })).toBe(name === 'set' ? 'set' : 'new');
    });

    it('keeps a background refresh from storing what it read before', async () => {
      const { cache, clock } = cacheWith();
      const load = new ManualLoad<string>();
      const options = { namespace: 'n', tags: ['t', 'u'], ttl: '1s', staleWhileRevalidate: '1m' } as const;
      await cache.set('k', 'first', { namespace: 'n', tags: ['t', 'u'], ttl: '1s' });
      await cache.getOrSet('k', () => 'first', options);
      await clock.advance(1_500);
      await cache.refresh('k', () => 'first', options);
      await clock.advance(1_500);
      await cache.getOrSet('k', load.run, { ...options, tags: [...options.tags] });
      await settle();
      expect(load.count).toBe(1);

      await invalidate(cache);
      await load.finish(0, 'old');

      expect(await cache.get('k', { namespace: 'n' })).toBe(name === 'set' ? 'set' : undefined);
    });
  });

  it('does not keep later callers waiting for the load that it made invalid', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    void cache.getOrSet('k', load.run);
    await settle();

    await cache.delete('k');
    const late = cache.getOrSet('k', load.run);
    await settle();
    await load.finish(1, 'new');

    expect(await late).toBe('new');
    await load.finish(0, 'old');
    expect(await cache.get('k')).toBe('new');
  });

  it('concerns the keys of a batch one by one', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<Record<string, string>>();
    const batch = cache.getOrSetMany<string>(['a', 'b'], () => load.run({ signal: new AbortController().signal }));
    await settle();

    await cache.delete('a');
    await load.finish(0, { a: 'old', b: 'old' });

    expect(Object.fromEntries(await batch)).toEqual({ a: 'old', b: 'old' });
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.get('b')).toBe('old');
  });

  it('makes a write-through invalidate its key when another write came meanwhile', async () => {
    const { cache } = cacheWith();
    const slow = new ManualLoad<string>();
    const write = cache.writeThrough('k', () => slow.run({ signal: new AbortController().signal }));
    await settle();

    await cache.writeThrough('k', async () => 'second');
    await slow.finish(0, 'first');

    expect(await write).toBe('first');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('is what a write-through does to a load that began before it', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    const early = cache.getOrSet('k', load.run);
    await settle();

    await cache.writeThrough('k', async () => 'written');
    await load.finish(0, 'old');

    expect(await early).toBe('old');
    expect(await cache.get('k')).toBe('written');
  });
});

describe('a failing factory', () => {
  it('gives its error to every waiter unchanged, and stores nothing', async () => {
    const { cache } = cacheWith();
    const error = new Error('database down');
    const load = new ManualLoad<string>();

    const calls = times(3, () => cache.getOrSet('k', load.run));
    await settle();
    const late = cache.getOrSet('k', load.run);
    const results = Promise.allSettled([...calls, late]);
    await load.fail(0, error);

    expect(await results).toEqual(times(4, () => ({ status: 'rejected', reason: error })));
    expect(load.count).toBe(1);
    expect(await cache.getEntry('k')).toBeUndefined();
  });

  it('is asked again by the next caller', async () => {
    const { cache } = cacheWith();
    await cache.getOrSet('k', () => Promise.reject(new Error('once'))).catch(() => undefined);

    expect(await cache.getOrSet('k', () => 'v')).toBe('v');
  });

  describe('whose grant is still being released', () => {
    const NEXT: Record<string, (cache: CacheService) => Promise<unknown>> = {
      getOrSet: (cache) => cache.getOrSet('k', () => 2),
      getOrSetMany: async (cache) => (await cache.getOrSetMany(['k'], async () => new Map([['k', 2]]))).get('k'),
      refresh: (cache) => cache.refresh('k', () => 2),
    };

    it.each(Object.keys(NEXT))('does not give its error to the next %s (fault 6)', async (name) => {
      const { cache } = cacheWith({}, withHeldReleases());
      await cache.getOrSet('k', () => Promise.reject(new Error('once'))).catch(() => undefined);

      expect(await NEXT[name]?.(cache)).toBe(2);
    });

    it('runs again for later callers, and the callers of each run share it (fault 6)', async () => {
      const { cache } = cacheWith({}, withHeldReleases());
      const load = jest.fn((): Promise<string> => Promise.reject(new Error(`failure ${load.mock.calls.length}`)));
      const retry = async (): Promise<string[]> => {
        const messages: string[] = [];
        for (let tries = 0; tries < 3; tries++) messages.push(await cache.getOrSet('k', load).catch(String));
        return messages;
      };

      expect(await Promise.all([retry(), retry()])).toEqual(times(2, () => times(3, (i) => `Error: failure ${i + 1}`)));
      expect(load).toHaveBeenCalledTimes(3);
    });

    it('gives its error to the callers of its time, and the next value can be invalidated (fault 6)', async () => {
      const { cache } = cacheWith({}, withHeldReleases());
      const [failing, next] = [new ManualLoad<string>(), new ManualLoad<string>()];
      const first = cache.getOrSet('k', failing.run).catch(String);
      await settle();
      const behind = cache.getOrSet('k', () => 'own').catch(String);
      await settle();
      await failing.fail(0, new Error('down'));
      const second = cache.getOrSet('k', next.run);
      await settle();

      await cache.delete('k');
      await next.finish(0, 'old');

      expect(await Promise.all([first, behind, second])).toEqual(['Error: down', 'Error: down', 'old']);
      expect(await cache.get('k')).toBeUndefined();
    });
  });

  it('that throws before it returns a promise is no different', async () => {
    const { cache } = cacheWith();

    const call = cache.getOrSet('k', () => {
      throw new TypeError('at once');
    });

    await expect(call).rejects.toThrow(new TypeError('at once'));
  });

  it('is replaced by the expired value within staleIfError, and not beyond', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleIfError: '10s' } as const;
    const fails = (): Promise<string> => Promise.reject(new Error('down'));
    await cache.getOrSet('k', () => 'v', options);

    await clock.advance(10_500);
    expect(await cache.getOrSet('k', fails, options)).toBe('v');
    await clock.advance(600);
    await expect(cache.getOrSet('k', fails, options)).rejects.toThrow('down');
  });

  it('is not replaced by a value that was invalidated while it ran', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleIfError: '10s' } as const;
    const load = new ManualLoad<string>();
    await cache.getOrSet('k', () => 'v', options);
    await clock.advance(2_000);
    const call = cache.getOrSet('k', load.run, options);
    const result = Promise.allSettled([call]);
    await settle();

    await cache.delete('k');
    await load.fail(0, new Error('down'));

    expect((await result)[0]).toMatchObject({ status: 'rejected', reason: { message: 'down' } });
  });

  it('is replaced by a softly invalidated value', async () => {
    const { cache } = cacheWith();
    const options = { tags: ['t'], staleIfError: '10s' } as const;
    await cache.getOrSet('k', () => 'v', { ...options, tags: ['t'] });

    await cache.invalidateTags(['t'], { soft: true });

    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => Promise.reject(new Error('down')), { ...options, tags: ['t'] })).toBe('v');
  });
});

describe('staleWhileRevalidate', () => {
  const options = { ttl: '1s', staleWhileRevalidate: '10s' } as const;

  it('serves the expired value at once while one refresh runs', async () => {
    const { cache, clock } = cacheWith();
    const load = new ManualLoad<string>();
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(2_000);

    expect(await Promise.all(times(10, () => cache.getOrSet('k', load.run, options)))).toEqual(times(10, () => 'old'));
    await settle();
    expect(load.count).toBe(1);
    await load.finish(0, 'new');

    expect(await cache.get('k')).toBe('new');
  });

  it('makes callers wait once its window has passed', async () => {
    const { cache, clock } = cacheWith();
    await cache.getOrSet('k', () => 'old', options);

    await clock.advance(11_001);

    expect(await cache.getOrSet('k', () => 'new', options)).toBe('new');
  });

  it('never serves an invalidated value', async () => {
    const { cache, clock } = cacheWith();
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(2_000);

    await cache.delete('k');

    expect(await cache.getOrSet('k', () => 'new', options)).toBe('new');
  });

  it('keeps the expired value when the refresh fails, and gives no caller an error', async () => {
    const { cache, clock } = cacheWith();
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(2_000);

    expect(await cache.getOrSet('k', () => Promise.reject(new Error('down')), options)).toBe('old');
    await settle();

    expect(await cache.getOrSet('k', () => 'new', options)).toBe('old');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });
});

describe('refresh before expiry', () => {
  it('runs in the background once the share of refreshAhead has passed', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '10s', refreshAhead: 0.8 } as const;
    const factory = jest.fn(async () => 'new');
    await cache.getOrSet('k', () => 'old', options);

    await clock.advance(7_900);
    expect(await cache.getOrSet('k', factory, options)).toBe('old');
    await settle();
    expect(factory).not.toHaveBeenCalled();

    await clock.advance(200);
    expect(await cache.getOrSet('k', factory, options)).toBe('old');
    await settle();
    expect(factory).toHaveBeenCalledTimes(1);
    expect(await cache.get('k')).toBe('new');
  });

  it('is more likely with earlyExpiration the slower the load was and the nearer expiry is', async () => {
    const refreshesAt = async (ageMs: number): Promise<number> => {
      let refreshes = 0;
      for (let i = 0; i < 300; i++) {
        const { cache, clock } = cacheWith();
        await Promise.all([
          cache.getOrSet('k', () => new Promise((resolve) => clock.schedule(100, () => resolve('v'))), { ttl: '1s' }),
          settle().then(() => clock.advance(100)),
        ]);
        await clock.advance(ageMs);
        await cache.getOrSet('k', async () => ++refreshes && 'v', { ttl: '1s', earlyExpiration: 1 });
        await settle();
      }
      return refreshes / 300;
    };

    // P(refresh) with time t left = e^(-t / (beta x delta)), here delta = 100 ms.
    expect(await refreshesAt(500)).toBeLessThan(0.05);
    expect(await refreshesAt(900)).toBeGreaterThan(0.25);
    expect(await refreshesAt(900)).toBeLessThan(0.5);
  });
});

describe('time-outs', () => {
  it('reject with a CacheTimeoutError after hardTimeout, abort the factory and drop its late result', async () => {
    const { cache, clock } = cacheWith();
    const load = new ManualLoad<string>();
    const call = cache.getOrSet('k', load.run, { hardTimeout: 100 });
    const result = Promise.allSettled([call]);
    await settle();

    await clock.advance(100);

    expect((await result)[0]).toMatchObject({
      status: 'rejected',
      reason: { name: 'CacheTimeoutError', code: 'CACHE_LOAD_TIMEOUT' },
    });
    expect(load.calls[0]?.signal.aborted).toBe(true);
    await load.finish(0, 'late');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('let the next caller load at once', async () => {
    const { cache, clock } = cacheWith();
    void cache.getOrSet('k', () => new Promise<string>(() => undefined), { hardTimeout: 100 }).catch(() => undefined);
    await settle();
    await clock.advance(100);

    expect(await cache.getOrSet('k', () => 'v')).toBe('v');
  });

  it('end only the wait of the caller who set one, as long as others wait', async () => {
    const { cache, clock } = cacheWith();
    const load = new ManualLoad<string>();
    const patient = cache.getOrSet('k', load.run);
    const hasty = expect(cache.getOrSet('k', load.run, { hardTimeout: 100 })).rejects.toBeInstanceOf(CacheTimeoutError);
    await settle();
    await clock.advance(100);
    await hasty;

    await load.finish(0, 'v');

    expect(await patient).toBe('v');
    expect(load.count).toBe(1);
  });

  it('serve the expired value after softTimeout and store the result when it comes', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', softTimeout: 50 } as const;
    const load = new ManualLoad<string>();
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(1_500);
    const call = cache.getOrSet('k', load.run, options);
    await settle();

    await clock.advance(50);
    expect(await call).toBe('old');
    await load.finish(0, 'new');

    expect(await cache.get('k')).toBe('new');
  });

  it('go on after softTimeout without an expired value, until hardTimeout', async () => {
    const { cache, clock } = cacheWith();
    const load = new ManualLoad<string>();
    const call = cache.getOrSet('k', load.run, { softTimeout: 50, hardTimeout: 200 });
    const result = Promise.allSettled([call]);
    await settle();
    await clock.advance(50);
    await settle();
    expect(load.calls[0]?.signal.aborted).toBe(false);

    await clock.advance(150);

    expect((await result)[0]).toMatchObject({ status: 'rejected', reason: { code: 'CACHE_LOAD_TIMEOUT' } });
  });

  it('serve the expired value instead of a time-out error within staleIfError', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleIfError: '1m', hardTimeout: 100 } as const;
    await cache.getOrSet('k', () => 'old', options);
    await clock.advance(2_000);
    const call = cache.getOrSet('k', () => new Promise<string>(() => undefined), options);
    await settle();

    await clock.advance(100);

    expect(await call).toBe('old');
  });
});

describe('what is stored', () => {
  it.each<[string, () => unknown, GetOrSetOptions<unknown>]>([
    ['undefined', () => undefined, {}],
    ['what storeIf refuses', () => 'v', { storeIf: () => false }],
    ['a TTL of 0', () => 'v', { ttl: 0 }],
    ['a computed TTL of 0', () => 'v', { ttl: () => 0 }],
    ['null with a negativeTtl of 0', () => null, { negativeTtl: 0 }],
  ])('is not %s', async (_, factory, options) => {
    const { cache } = cacheWith();

    expect(await cache.getOrSet<unknown>('k', factory, options)).toBe(factory());

    expect(await cache.getEntry('k')).toBeUndefined();
  });

  it('is null, as a value, with its own TTL', async () => {
    const { cache, clock } = cacheWith();
    await cache.getOrSet<string | null>('k', () => null, { ttl: '1h', negativeTtl: '10s' });

    expect(await cache.get('k')).toBeNull();
    await clock.advance(10_000);

    expect(await cache.get('k')).toBeUndefined();
  });

  it('takes TTL and tags from the value', async () => {
    const { cache, clock } = cacheWith();
    await cache.getOrSet('k', () => ({ id: 7, ttl: '2s' as const }), {
      ttl: ({ ttl }) => ttl,
      tags: ({ id }) => [`user:${id}`],
    });

    expect(await cache.invalidateTags(['user:7'], { dryRun: true })).toBe(1);
    await clock.advance(2_000);

    expect(await cache.get('k')).toBeUndefined();
  });

  it('takes jitter off the TTL, at most its share', async () => {
    const { cache } = cacheWith();
    await Promise.all(times(200, (i) => cache.getOrSet(`k${i}`, () => i, { ttl: '10s', jitter: 0.5 })));

    const { entries } = await cache.list({ limit: 1000 });
    const ttls = entries.map(({ createdAt, expiresAt }) => (expiresAt?.getTime() ?? NaN) - createdAt.getTime());

    expect(Math.min(...ttls)).toBeGreaterThanOrEqual(5_000);
    expect(Math.max(...ttls)).toBeLessThanOrEqual(10_000);
    expect(new Set(ttls).size).toBeGreaterThan(100);
  });

  it('is not a value that no backend could give back: it is returned, and reported', async () => {
    const { cache, errors } = cacheWith();
    const value = { close: () => undefined };

    expect(await cache.getOrSet('k', () => value)).toBe(value);

    expect(await cache.getEntry('k')).toBeUndefined();
    expect(errors).toMatchObject([{ code: 'CACHE_VALUE_UNSERIALIZABLE', path: '$.close' }]);
  });

  it('is the rest of a batch with one value that cannot be stored', async () => {
    const { cache, errors } = cacheWith();

    const values = await cache.getOrSetMany<unknown>(['a', 'b', 'c'], async () => ({ a: 1, b: Symbol('b'), c: 3 }));

    expect([...values.keys()]).toEqual(['a', 'b', 'c']);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(
      new Map([
        ['a', 1],
        ['c', 3],
      ]),
    );
    expect(errors).toHaveLength(1);
  });

  describe('whose options are functions that fail or return something unusable', () => {
    const fail = (): never => {
      throw new Error('of the user');
    };
    const UNUSABLE: [what: string, options: GetOrSetOptions<string>, reason: string][] = [
      ['a TTL below 0', { ttl: () => -5000 }, 'got `-5000`'],
      ['a TTL of NaN', { ttl: () => NaN }, 'got `NaN`'],
      ['a TTL without end', { ttl: () => Infinity }, 'got `Infinity`'],
      ['no TTL', { ttl: () => undefined as never }, 'got `undefined`'],
      ['a text that is no TTL', { ttl: () => 'soon' as never }, 'got `soon`'],
      ['a promise of a TTL', { ttl: (async () => 1000) as never }, 'a promise'],
      ['a TTL that throws', { ttl: fail }, 'of the user'],
      ['tags of null', { tags: () => [(null as unknown as { id: string }).id] }, 'null'],
      ['null for tags', { tags: () => null as never }, 'got `null`'],
      ['a text for tags', { tags: (() => 't') as never }, 'as an array'],
      ['an empty tag', { tags: () => [''] }, 'non-empty'],
      ['a promise of tags that fails', { tags: (async () => fail()) as never }, 'a promise'],
      ['a storeIf that throws', { storeIf: fail }, 'of the user'],
      ['a promise from storeIf', { storeIf: (async () => false) as never }, 'a promise'],
      ['a keepStale that throws', { keepStale: fail }, 'of the user'],
    ];
    const LOADS: Record<string, (cache: CacheService, options: GetOrSetOptions<string>) => Promise<unknown>> = {
      getOrSet: (cache, options) => cache.getOrSet('k', () => 'v', options),
      getOrSetMany: async (cache, options) =>
        (await cache.getOrSetMany(['k'], async () => ({ k: 'v' }), options)).get('k'),
      refresh: (cache, options) => cache.refresh('k', () => 'v', options),
    };

    describe.each(Object.entries(LOADS))('is returned by %s, reported and not stored', (_, load) => {
      it.each(UNUSABLE)('with %s (fault 14)', async (__, options, reason) => {
        const { cache, errors } = cacheWith();

        expect(await load(cache, options)).toBe('v');

        expect(await cache.getEntry('k')).toBeUndefined();
        expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
        expect(errors[0]?.message).toContain(reason);
      });
    });

    it('leaves the rest of a batch as it is (fault 14)', async () => {
      const { cache, errors } = cacheWith();
      const rows = new Map<string, { id: string } | null>([
        ['a', { id: 'a' }],
        ['none', null],
        ['b', { id: 'b' }],
      ]);

      const values = await cache.getOrSetMany(['a', 'none', 'b'], async () => rows, {
        tags: (row) => [(row as { id: string }).id],
      });

      expect(values).toEqual(rows);
      expect(await cache.getMany(['a', 'none', 'b'])).toEqual(
        new Map([
          ['a', { id: 'a' }],
          ['b', { id: 'b' }],
        ]),
      );
      expect(errors).toHaveLength(1);
    });

    it('keeps the expired value where a refresh in the background has one (fault 14)', async () => {
      const { cache, clock, errors } = cacheWith();
      await cache.getOrSet('k', () => 'old', { ttl: '1s', staleWhileRevalidate: '1h' });
      await clock.advance(1_001);

      expect(await cache.getOrSet('k', () => 'new', { ttl: () => NaN, staleWhileRevalidate: '1h' })).toBe('old');
      await settle();

      expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
      expect((await cache.getEntry('k'))?.value).toBe('old');
    });

    it.each([
      [270_900.000_000_000_06, 270_900],
      [1_499.5, 1_500],
    ])('is stored with a TTL of %s ms, rounded (fault 14)', async (asked, ttlMs) => {
      const { cache, clock, errors } = cacheWith();
      await cache.getOrSet('k', () => 'v', { ttl: () => asked });

      await clock.advance(ttlMs - 1);
      expect(await cache.get('k')).toBe('v');
      await clock.advance(1);
      expect(await cache.get('k')).toBeUndefined();
      expect(errors).toEqual([]);
    });

    it('is returned by a write-through whose tags fail, and the earlier value is gone (fault 14)', async () => {
      const { cache, errors } = cacheWith();
      await cache.set('k', 'old');

      expect(await cache.writeThrough('k', async () => 'written', { tags: fail })).toBe('written');

      expect(await cache.get('k')).toBeUndefined();
      expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
    });
  });
});

describe('validate', () => {
  const isString = (value: unknown): value is string => typeof value === 'string';

  it('makes a stored value that fails a miss, and replaces it', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 42);

    expect(await cache.getOrSet('k', () => 'v', { validate: isString })).toBe('v');
    expect(await cache.get('k')).toBe('v');
  });

  it('does not load for a value that passes', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 'stored');

    expect(await cache.getOrSet('k', () => 'loaded', { validate: isString })).toBe('stored');
  });

  it.each([
    ['at once', (value: unknown) => (isString(value) ? { value } : { issues: [{}] })],
    ['later', async (value: unknown) => (isString(value) ? { value } : { issues: [{}] })],
  ])('takes a Standard Schema that answers %s', async (_, validate) => {
    const { cache } = cacheWith();
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    await cache.setMany([
      ['good', 'stored'],
      ['bad', 42],
    ] as [string, unknown][]);

    expect(await cache.getOrSet<string>('good', () => 'loaded', { validate: schema })).toBe('stored');
    expect(await cache.getOrSet<string>('bad', () => 'loaded', { validate: schema })).toBe('loaded');
  });

  it('also judges expired values before they are served', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleWhileRevalidate: '1m' } as const;
    await cache.getOrSet<unknown>('k', () => 42, options);
    await clock.advance(2_000);

    expect(await cache.getOrSet('k', () => 'v', { ...options, validate: isString })).toBe('v');
  });
});

describe('the load context', () => {
  it('holds the expired entry, and notModified stores its value again', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleIfError: '1m' } as const;
    await cache.getOrSet('k', () => 'v', options);
    await clock.advance(2_000);

    const seen = await cache.getOrSet<string>('k', ({ stale, notModified }) => `${stale?.state}:${notModified()}`, {
      ...options,
      storeIf: () => false,
    });
    const renewed = await cache.getOrSet<string>('k', ({ notModified }) => notModified(), options);

    expect(seen).toBe('stale:v');
    expect(renewed).toBe('v');
    expect(await cache.get('k')).toBe('v');
  });

  it('throws in notModified without an earlier value', async () => {
    const { cache } = cacheWith();

    await expect(cache.getOrSet<string>('k', ({ notModified }) => notModified())).rejects.toThrow(
      'Check `stale` first',
    );
  });

  it('offers no value that was invalidated before the load began', async () => {
    const { cache, clock } = cacheWith();
    const options = { ttl: '1s', staleIfError: '1m' } as const;
    await cache.getOrSet('k', () => 'v', options);
    await clock.advance(2_000);

    const call = cache.getOrSet('k', ({ stale }) => String(stale?.value), options);
    await cache.delete('k');

    expect(await call).toBe('undefined');
  });
});

describe('getOrSetMany', () => {
  it('calls the factory once, with the missing keys only, and keeps the order of the keys', async () => {
    const { cache } = cacheWith();
    await cache.set('b', 'stored');
    const factory = jest.fn(async (missing: string[]) => new Map(missing.map((key) => [key, `loaded ${key}`])));

    const values = await cache.getOrSetMany(['c', 'b', 'a', 'c'], factory);

    expect([...values]).toEqual([
      ['c', 'loaded c'],
      ['b', 'stored'],
      ['a', 'loaded a'],
    ]);
    expect(factory.mock.calls).toEqual([[['c', 'a']]]);
    expect(await cache.get('a')).toBe('loaded a');
  });

  it('leaves out what the factory leaves out', async () => {
    const { cache } = cacheWith();

    const values = await cache.getOrSetMany<string | undefined>(['a', 'b', 'c'], async () => ({
      a: 'A',
      b: undefined,
    }));

    expect([...values]).toEqual([['a', 'A']]);
    expect(await cache.has('b')).toBe(false);
  });

  it('shares the loads of single callers, and they share its', async () => {
    const { cache } = cacheWith();
    const one = new ManualLoad<string>();
    const many = new ManualLoad<Record<string, string>>();
    const asked: string[][] = [];
    const single = cache.getOrSet('a', one.run);
    await settle();

    const batch = cache.getOrSetMany(
      ['a', 'b'],
      (missing) => (asked.push(missing), many.run({ signal: new AbortController().signal })),
    );
    await settle();
    const late = cache.getOrSet('b', one.run);
    await one.finish(0, 'A');
    await many.finish(0, { b: 'B' });

    expect(await single).toBe('A');
    expect(Object.fromEntries(await batch)).toEqual({ a: 'A', b: 'B' });
    expect(await late).toBe('B');
    expect(asked).toEqual([['b']]);
    expect(one.count).toBe(1);
  });

  it('gives a loaded key to its caller without waiting for keys that another process loads (fault 6)', async () => {
    const { cache } = cacheWith({}, (adapter) => {
      const begin = adapter.begin.bind(adapter);
      adapter.begin = async (keys, ...rest) => {
        const grant = await begin(keys, ...rest);
        const tickets = grant.tickets.map((ticket, i) =>
          keys[i] === 'elsewhere' ? { state: 'held' as const, settled: new Promise<void>(() => undefined) } : ticket,
        );
        return { tickets, commit: (drafts) => grant.commit(drafts), release: () => grant.release() };
      };
      return adapter;
    });
    const batch = jest.fn(async (keys: readonly string[]) => new Map(keys.map((key) => [key, 1])));
    void cache.getOrSetMany(['here', 'elsewhere'], batch, { ttl: 0 });
    await settle();
    expect(batch).toHaveBeenCalledTimes(1);

    expect(await cache.getOrSet('here', () => 2)).toBe(2);
  });

  it('rejects with the error of the factory', async () => {
    const { cache } = cacheWith();
    const error = new Error('down');

    await expect(cache.getOrSetMany(['a', 'b'], () => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('close', () => {
  it('waits for running loads and then stores nothing more', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    const call = cache.getOrSet('k', load.run);
    await settle();

    const closed = cache.close();
    await load.finish(0, 'v');

    expect(await call).toBe('v');
    await closed;
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'uncached')).toBe('uncached');
  });

  it('gives up what still runs after five seconds', async () => {
    const { cache, clock } = cacheWith();
    const call = cache.getOrSet('k', () => new Promise<string>(() => undefined));
    const result = Promise.allSettled([call]);
    await settle();

    const closed = cache.close();
    await clock.advance(5_000);
    await closed;

    expect((await result)[0]).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('closed') },
    });
  });
});
