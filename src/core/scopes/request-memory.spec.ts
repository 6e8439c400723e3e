import { describe, expect, it } from '@jest/globals';
import { AsyncResource } from 'node:async_hooks';
import { cacheWith, ManualLoad, settle } from '../../../test/support/cache-with.js';
import type { CacheOptions } from '../../cache-kit.options.js';
import type { CacheAdapter } from '../ports/cache-adapter.port.js';

interface Fixture extends ReturnType<typeof cacheWith> {
  /** Keys that were looked up in the store. */
  readonly looked: string[];
  /** Runs work as another request would. */
  outside<T>(work: () => T): T;
}

/** @param isAsync true for a store that answers later, as a server does */
function fixture(options: CacheOptions = {}, isAsync = false): Fixture {
  const looked: string[] = [];
  const later = <T>(value: T): T => (isAsync ? (Promise.resolve(value) as T) : value);
  const watched = (adapter: CacheAdapter): CacheAdapter =>
    new Proxy(adapter, {
      get: (target, name) => {
        if (name === 'get')
          return (key: string, namespace: string | undefined) => (looked.push(key), later(target.get(key, namespace)));
        if (name === 'getMany')
          return (keys: string[], namespace: string | undefined) => (
            looked.push(...keys),
            later(target.getMany(keys, namespace))
          );
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
  const resource = new AsyncResource('OUTSIDE');
  return {
    ...cacheWith({ requestScope: true, ...options }, watched),
    looked,
    outside: (work) => resource.runInAsyncScope(work),
  };
}

describe.each([
  ['a store that answers at once', false],
  ['a store that answers later', true],
])('in a request, with %s,', (_, isAsync) => {
  it('a read that is repeated is answered without another look-up, whatever others do', async () => {
    const { cache, looked, outside } = fixture({}, isAsync);
    await cache.set('k', { version: 1 });

    const reads = await cache.runInRequest(async () => {
      const first = await cache.get('k');
      await outside(() => cache.set('k', { version: 2 }));
      await outside(() => cache.clear());
      return [first, await cache.get('k'), await cache.getOrSet('k', () => 'loaded'), await cache.getMany(['k'])];
    });

    expect(reads).toEqual([{ version: 1 }, { version: 1 }, { version: 1 }, new Map([['k', { version: 1 }]])]);
    expect(looked).toEqual(['k']);
  });

  it('a miss is remembered until the request loads the key', async () => {
    const { cache, looked, outside } = fixture({}, isAsync);

    const reads = await cache.runInRequest(async () => {
      const first = await cache.get('k');
      await outside(() => cache.set('k', 'of another'));
      const second = await cache.get('k');
      return [first, second, await cache.has('k'), await cache.getMany(['k'])];
    });

    expect(reads).toEqual([undefined, undefined, false, new Map()]);
    expect(looked).toEqual(['k']);
  });

  it('a loaded value is remembered, also one that an invalidation kept out of the store', async () => {
    const { cache, outside } = fixture({}, isAsync);
    const load = new ManualLoad<string>();
    let loads = 0;

    const reads = await cache.runInRequest(async () => {
      const loading = cache.getOrSet('k', load.run);
      await settle();
      await outside(() => cache.delete('k'));
      await load.finish(0, 'loaded');
      return [await loading, await cache.getOrSet('k', () => `again ${++loads}`), await cache.get('k')];
    });

    expect(reads).toEqual(['loaded', 'loaded', 'loaded']);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('a value that must not be stored is not remembered either', async () => {
    const { cache } = fixture({}, isAsync);
    let loads = 0;
    const load = (): number => ++loads;

    const reads = await cache.runInRequest(async () => [
      await cache.getOrSet('k', load, { storeIf: () => false }),
      await cache.getOrSet('k', load, { ttl: 0 }),
      await cache.getOrSet('k', load),
    ]);

    expect(reads).toEqual([1, 2, 3]);
  });

  it.each<[string, (cache: Fixture['cache']) => Promise<unknown>]>([
    ['set', (cache) => cache.set('k', 'new', { tags: ['t'] })],
    ['delete', (cache) => cache.delete('k')],
    ['invalidateTags', (cache) => cache.invalidateTags(['t'])],
    ['invalidatePattern', (cache) => cache.invalidatePattern('k*')],
    ['clear', (cache) => cache.clear()],
    ['writeThrough', (cache) => cache.writeThrough('k', () => Promise.resolve('new'))],
    ['refresh', (cache) => cache.refresh('k', () => 'new')],
    ['a transaction', (cache) => cache.transaction(() => cache.set('k', 'new'))],
  ])('%s of the request itself makes it look again', async (_, change) => {
    const { cache } = fixture({}, isAsync);
    await cache.set('k', 'old', { tags: ['t'] });
    const direct = cacheWith();
    await direct.cache.set('k', 'old', { tags: ['t'] });
    await change(direct.cache);

    const [first, second] = await cache.runInRequest(async () => {
      const before = await cache.get('k');
      await change(cache);
      return [before, await cache.get('k')];
    });

    expect(first).toBe('old');
    expect(second).toBe(await direct.cache.get('k'));
    expect(second).not.toBe('old');
  });

  it('a look-up that began before a change of the request is not remembered after it', async () => {
    const { cache } = fixture({}, isAsync);
    await cache.set('k', 'old');

    const second = await cache.runInRequest(async () => {
      const [, first] = await Promise.all([cache.set('k', 'new'), cache.get('k')]);
      return [first, await cache.get('k')];
    });

    expect(second[1]).toBe('new');
  });

  it('a load that began before a change of the request is not remembered after it', async () => {
    const { cache } = fixture({}, isAsync);
    const load = new ManualLoad<string>();

    const reads = await cache.runInRequest(async () => {
      const loading = cache.getOrSet('k', load.run);
      await settle();
      await cache.set('k', 'set');
      await load.finish(0, 'old');
      return [await loading, await cache.get('k')];
    });

    expect(reads).toEqual(['old', 'set']);
  });

  it('what a transaction has loaded is not remembered after it', async () => {
    const { cache } = fixture({}, isAsync);

    const read = await cache.runInRequest(async () => {
      const rolledBack = cache.transaction(async () => {
        await cache.getOrSet('k', () => 'uncommitted');
        throw new Error('rolled back');
      });
      await rolledBack.catch(() => undefined);
      return cache.getOrSet('k', () => 'committed');
    });

    expect(read).toBe('committed');
  });

  it('a value stays fresh, although its time passes', async () => {
    const { cache, clock } = fixture({}, isAsync);
    await cache.set('k', 'v', { ttl: '1s' });

    const reads = await cache.runInRequest(async () => {
      const first = await cache.get('k');
      await clock.advance(5_000);
      return [first, await cache.get('k'), await cache.getOrSet('k', () => 'loaded')];
    });

    expect(reads).toEqual(['v', 'v', 'v']);
    expect(await cache.get('k')).toBeUndefined();
  });

  it('a stale value that was served is served again', async () => {
    const { cache, clock } = fixture({ staleWhileRevalidate: '1m' }, isAsync);
    await cache.getOrSet('k', () => 'old', { ttl: '1s' });
    await clock.advance(2_000);

    const reads = await cache.runInRequest(async () => {
      const first = await cache.getOrSet('k', () => 'new');
      await settle();
      return [first, await cache.getOrSet('k', () => 'newer')];
    });

    expect(reads).toEqual(['old', 'old']);
    expect(await cache.get('k')).toBe('new');
  });

  it('callers may change what they got', async () => {
    const { cache, outside } = fixture({}, isAsync);
    const load = new ManualLoad<{ n: number }>();

    const reads = await cache.runInRequest(async () => {
      const loading = cache.getOrSet('k', load.run);
      await settle();
      await outside(() => cache.delete('k'));
      await load.finish(0, { n: 1 });
      const first = await loading;
      first.n = 2;
      const second = (await cache.get<{ n: number }>('k'))!;
      second.n = 3;
      return [first, second, await cache.get('k')];
    });

    expect(reads).toEqual([{ n: 2 }, { n: 3 }, { n: 1 }]);
  });

  it('a load sees the store and not the memory, because its result is for all', async () => {
    const { cache, outside } = fixture({}, isAsync);
    await cache.set('part', 'old');

    await cache.runInRequest(async () => {
      await cache.get('part');
      await outside(() => cache.set('part', 'new'));
      await cache.getOrSet('whole', async () => `made of ${await cache.get<string>('part')}`);
    });

    expect(await cache.get('whole')).toBe('made of new');
  });

  it('a store that fails is asked again', async () => {
    let failures = 1;
    const { cache } = cacheWith(
      { requestScope: true },
      (adapter) =>
        new Proxy(adapter, {
          get: (target, name) => {
            const member: unknown = Reflect.get(target, name, target);
            if (name !== 'get') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
            return (key: string, namespace: string | undefined) => {
              if (failures-- > 0) return isAsync ? Promise.reject(new Error('away')) : fail();
              return target.get(key, namespace);
            };
          },
        }),
    );
    await cache.set('k', 'v');

    const reads = await cache.runInRequest(async () => [await cache.get('k'), await cache.get('k')]);

    expect(reads).toEqual([undefined, 'v']);
  });

  it('namespaces are kept apart, and two requests', async () => {
    const { cache } = fixture({}, isAsync);
    await cache.set('k', 'a', { namespace: 'a' });
    await cache.set('k', 'b', { namespace: 'b' });

    const reads = await cache.runInRequest(async () => {
      const own = [await cache.get('k', { namespace: 'a' }), await cache.get('k', { namespace: 'b' })];
      await cache.runInRequest(() => cache.set('k', 'changed', { namespace: 'a' }));
      return [...own, await cache.get('k', { namespace: 'a' })];
    });

    expect(reads).toEqual(['a', 'b', 'a']);
    expect(await cache.runInRequest(() => cache.get('k', { namespace: 'a' }))).toBe('changed');
  });

  it('a request that reads very much does not keep it all', async () => {
    const { cache, looked } = fixture({ memory: { maxEntries: 20_000 } }, isAsync);

    await cache.runInRequest(async () => {
      for (let i = 0; i < 10_001; i++) await cache.get(`k${i}`);
      await cache.get('k0');
    });

    expect(looked.filter((key) => key === 'k0')).toHaveLength(2);
  });
});

describe('without requestScope', () => {
  it('runInRequest only runs the work', async () => {
    const { cache, looked } = fixture({ requestScope: false });
    await cache.set('k', 1);

    expect(cache.runInRequest(() => 'the result')).toBe('the result');
    await cache.runInRequest(async () => [await cache.get('k'), await cache.get('k')]);

    expect(looked).toEqual(['k', 'k']);
  });
});

function fail(): never {
  throw new Error('away');
}
