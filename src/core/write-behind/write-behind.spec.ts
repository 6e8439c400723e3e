import { describe, expect, it, jest } from '@jest/globals';
import { cacheWith, type CacheFixture, ManualLoad, settle, times } from '../../../test/support/cache-with.js';
import type { CacheAdapter } from '../ports/cache-adapter.port.js';
import { internalsOf } from '../cache-internals.js';
import {
  CacheConfigError,
  CacheKeyError,
  CacheSerializationError,
  CacheUnavailableError,
} from '../vocabulary/cache.errors.js';
import type { WriteBehindOptions } from './write-behind-options.js';

/** A source of values, whose writes end when the test says so. */
class ManualSource {
  readonly writes: { readonly value: unknown; land(): Promise<void>; fail(error: unknown): Promise<void> }[] = [];
  /** Writes that run at the same time, at most. */
  mostRunning = 0;
  #running = 0;

  readonly write = (value: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      this.mostRunning = Math.max(this.mostRunning, ++this.#running);
      const ending =
        (end: (reason?: unknown) => void) =>
        (reason?: unknown): Promise<void> => {
          this.#running--;
          end(reason);
          return settle();
        };
      this.writes.push({ value, land: ending(() => resolve()), fail: ending(reject) });
    });

  get values(): unknown[] {
    return this.writes.map(({ value }) => value);
  }
}

function written(): { values: unknown[]; write: (value: unknown) => Promise<void> } {
  const values: unknown[] = [];
  return { values, write: async (value) => void values.push(value) };
}

/** The adapter with some other methods. */
function withMethods(adapter: CacheAdapter, methods: Partial<CacheAdapter>): CacheAdapter {
  return new Proxy(adapter, {
    get: (target, name): unknown => {
      const member: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** A cache whose calls of `set` end when the test says so, in any order. */
function withHeldSets(): CacheFixture & { readonly sets: (() => Promise<void>)[] } {
  const sets: (() => Promise<void>)[] = [];
  const fixture = cacheWith({}, (adapter) =>
    withMethods(adapter, {
      set: (...args) =>
        new Promise<void>((resolve) => {
          sets.push(() => {
            resolve(adapter.set(...args));
            return settle();
          });
        }),
    }),
  );
  return { ...fixture, sets };
}

function failing(error: unknown = new Error('no')): {
  tries: number[];
  fixture: CacheFixture;
  write: () => Promise<void>;
} {
  const fixture = cacheWith();
  const tries: number[] = [];
  const write = async (): Promise<void> => {
    tries.push(fixture.clock.nowMs());
    throw error;
  };
  return { tries, fixture, write };
}

describe('writeBehind', () => {
  it('stores the value at once, and writes it after the delay', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();

    await cache.writeBehind('k', 'v', write, { delay: '5s' });
    const atOnce = await cache.get('k');
    await clock.advance(4_999);
    const before = [...values];
    await clock.advance(1);

    expect([atOnce, before, values]).toEqual(['v', [], ['v']]);
  });

  it('waits for a second by default', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    await cache.writeBehind('k', 'v', write);

    await clock.advance(999);
    const before = [...values];
    await clock.advance(1);

    expect([before, values]).toEqual([[], ['v']]);
  });

  it('writes the last of several values of a key, once per delay, with its own function', async () => {
    const { cache, clock } = cacheWith();
    const first = written();
    const last = written();

    await cache.writeBehind('k', 1, first.write);
    await clock.advance(600);
    await cache.writeBehind('k', 2, first.write);
    await clock.advance(300);
    await cache.writeBehind('k', 3, last.write);
    await clock.advance(100);

    expect([first.values, last.values]).toEqual([[], [3]]);
    await clock.advance(10_000);
    expect(last.values).toEqual([3]);
  });

  it('writes earlier when a later value has a shorter delay', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    await cache.writeBehind('k', 1, write, { delay: '1m' });

    await cache.writeBehind('k', 2, write, { delay: 10 });
    await clock.advance(10);

    expect(values).toEqual([2]);
  });

  it('never writes a key twice at the same time, nor in another order', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    await cache.writeBehind('k', 1, source.write, { delay: 0 });
    await clock.advance(0);

    await cache.writeBehind('k', 2, source.write, { delay: 0 });
    await cache.writeBehind('k', 3, source.write, { delay: 0 });
    await clock.advance(10_000);
    const whileFirstRuns = source.values;
    await source.writes[0]?.land();
    await clock.advance(0);

    expect([whileFirstRuns, source.values, source.mostRunning]).toEqual([[1], [1, 3], 1]);
  });

  it('gives a value that comes while an earlier one is written its own delay', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    await cache.writeBehind('k', 1, source.write, { delay: 0 });
    await clock.advance(0);

    await cache.writeBehind('k', 2, source.write, { delay: '1s' });
    await source.writes[0]?.land();
    await clock.advance(999);
    const before = source.values;
    await clock.advance(1);

    expect([before, source.values]).toEqual([[1], [1, 2]]);
  });

  it('writes different keys at the same time', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();

    await Promise.all(times(50, (i) => cache.writeBehind(`k${i}`, i, source.write, { delay: 0 })));
    await clock.advance(0);

    expect(source.mostRunning).toBe(50);
  });

  it('takes a key in two namespaces for two keys', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();

    await cache.writeBehind('k', 'none', write);
    await cache.writeBehind('k', 'a', write, { namespace: 'a' });
    await cache.namespace('b').writeBehind('k', 'b', write);
    const stored = await Promise.all([cache.get('k'), cache.namespace('a').get('k'), cache.namespace('b').get('k')]);
    await clock.advance(1_000);

    expect([stored, values]).toEqual([
      ['none', 'a', 'b'],
      ['none', 'a', 'b'],
    ]);
  });

  it('stores with the TTL and the tags of `set`', async () => {
    const { cache, clock } = cacheWith();
    const { write } = written();
    await cache.writeBehind('k', 'v', write, { ttl: '10s', tags: ['t'] });
    await cache.writeBehind('unstored', 'v', write, { ttl: 0 });

    expect(await cache.get('unstored')).toBeUndefined();
    expect(await cache.invalidateTags(['t'])).toBe(1);
    await cache.writeBehind('k', 'v', write, { ttl: '10s' });
    await clock.advance(9_999);
    expect(await cache.has('k')).toBe(true);
    await clock.advance(1);
    expect(await cache.has('k')).toBe(false);
  });

  it('writes what it was given, whatever its caller or a writer changes afterwards', async () => {
    const { cache, clock } = cacheWith();
    const seen: unknown[] = [];
    const given = { list: [1] };
    const onFailed = jest.fn();
    const write = async (value: { list: number[] }): Promise<void> => {
      seen.push([...value.list]);
      value.list.push(99);
      throw new Error('no');
    };

    const writing = cache.writeBehind('k', given, write, { retries: 1, onFailed });
    given.list.push(2);
    await writing;
    given.list.push(3);
    const stored = await cache.get('k');
    await clock.advance(2_000);

    expect([stored, seen]).toEqual([{ list: [1] }, [[1], [1]]]);
    expect(onFailed).toHaveBeenCalledWith(expect.any(Error), 'k', { list: [1] });
  });

  it('stores the values of a key in the order of the calls', async () => {
    const { cache, clock, sets } = withHeldSets();
    const { values, write } = written();

    const calls = [1, 2].map((n) => cache.writeBehind('k', n, write));
    await settle();
    const atFirst = sets.length;
    await sets[0]?.();
    await sets[1]?.();
    await Promise.all(calls);

    expect([atFirst, await cache.get('k')]).toEqual([1, 2]);
    await clock.advance(1_000);
    expect(values).toEqual([2]);
  });

  it.each([null, undefined, 0, NaN, new Map([['a', new Date(5)]])])('writes %p as a value', async (value) => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();

    await cache.writeBehind('k', value, write);
    await clock.advance(1_000);

    expect(values).toEqual([value]);
    expect(await cache.get('k')).toEqual(value);
  });

  it('is seen by the reads of its request', async () => {
    const { cache } = cacheWith({ requestScope: true });
    await cache.set('k', 'old');

    const seen = await cache.runInRequest(async () => {
      const before = await cache.get('k');
      await cache.writeBehind('k', 'new', written().write);
      return [before, await cache.get('k')];
    });

    expect(seen).toEqual(['old', 'new']);
  });

  it('reports a set', async () => {
    const { cache } = cacheWith();
    const types: string[] = [];
    cache.events.subscribe(({ type }) => types.push(type));

    await cache.writeBehind('k', 'v', written().write);

    expect([types, (await cache.getStats()).sets]).toEqual([['set'], 1]);
  });
});

describe('a call of writeBehind that cannot be used', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'a name',
      'saveProduct',
      /got the name `saveProduct`: .* Pass the function, or register it with `writeBehind: bullmqWriteBehind/,
    ],
    ['nothing', undefined, /Expected the writer to be a function, got `undefined`\. Write `cache\.writeBehind\(/],
  ])('rejects with %s for a writer', async (_, writer, message) => {
    const { cache } = cacheWith();

    const writing = cache.writeBehind('k', 'v', writer as never);

    await expect(writing).rejects.toThrow(CacheConfigError);
    await expect(writing).rejects.toThrow(message);
    expect(await cache.has('k')).toBe(false);
  });

  it.each<[object, string]>([
    [{ delay: -1 }, 'Expected `delay` to be a duration such as'],
    [{ maxPending: 0 }, 'Expected `maxPending` to be a whole number of 1 or more, got `0`.'],
    [{ retries: -1 }, 'Expected `retries` to be a whole number of 0 or more, got `-1`.'],
    [{ retries: 1.5 }, 'Expected `retries` to be a whole number of 0 or more, got `1.5`.'],
    [{ backoff: 'soon' }, 'Expected `backoff` to be a duration such as'],
    [{ onFailed: 'log' }, 'Expected `onFailed` to be a function, got `log`.'],
    [{ debounce: 5 }, 'Unknown option `debounce`. Write `delay` instead.'],
    [{ ttl: 'soon' }, 'Expected `ttl` to be a TTL such as'],
    [{ expires: 5 }, 'Unknown option `expires`. Write `ttl` instead.'],
    [{ retry: 5 }, 'Unknown option `retry`. Known here: backoff, delay, '],
  ])('rejects with the options %p', async (options, message) => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();

    const writing = cache.writeBehind('k', 'v', write, options);

    await expect(writing).rejects.toThrow(CacheConfigError);
    await expect(writing).rejects.toThrow(message);
    await clock.advance(5_000);
    expect([await cache.has('k'), values]).toEqual([false, []]);
  });

  it('rejects with a bad key, and with a value that cannot be stored', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();

    await expect(cache.writeBehind('', 'v', write)).rejects.toThrow(CacheKeyError);
    await expect(cache.writeBehind('k', { run: () => 1 }, write)).rejects.toThrow(CacheSerializationError);
    await clock.advance(5_000);

    expect([await cache.has('k'), values]).toEqual([false, []]);
  });

  it('is refused at the start with something else than a queue', () => {
    expect(() => cacheWith({ writeBehind: { writers: {} } as never })).toThrow(
      'Expected `writeBehind` to be a queue, got `an object (Object)`. ' +
        'Write `writeBehind: bullmqWriteBehind({ connection, writers })`',
    );
  });
});

describe('a write that fails', () => {
  it('is tried again after pauses that double, and are cut by up to half', async () => {
    const { tries, fixture, write } = failing();
    await fixture.cache.writeBehind('k', 'v', write, { delay: 0 });

    await fixture.clock.advance(60_000);

    const pauses = tries.slice(1).map((triedMs, i) => triedMs - (tries[i] as number));
    expect(pauses).toHaveLength(5);
    pauses.forEach((pauseMs, i) => {
      expect(pauseMs).toBeGreaterThanOrEqual(100 * 2 ** i);
      expect(pauseMs).toBeLessThanOrEqual(200 * 2 ** i);
    });
  });

  it('keeps its value in the cache until the last retry, then invalidates it and says so', async () => {
    const { tries, fixture, write } = failing(new Error('the source is away'));
    const { cache, clock, errors } = fixture;
    const onFailed = jest.fn();
    await cache.writeBehind('k', { n: 1 }, write, { delay: 0, retries: 2, backoff: 10, onFailed });

    await clock.advance(11);
    const whileRetried = await cache.get('k');
    await clock.advance(1_000);

    expect([whileRetried, tries.length, await cache.get('k')]).toEqual([{ n: 1 }, 3, undefined]);
    expect(onFailed.mock.calls).toEqual([[new Error('the source is away'), 'k', { n: 1 }]]);
    expect(errors.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'CACHE_BACKEND_UNAVAILABLE: The write of `k` failed for the last time: the source is away',
    ]);
  });

  it('is not tried again with `retries: 0`, and frees its place', async () => {
    const { tries, fixture, write } = failing();
    await fixture.cache.writeBehind('k', 1, write, { delay: 0, retries: 0, maxPending: 1 });
    const next = written();

    await fixture.clock.advance(0);
    await fixture.cache.writeBehind('other', 2, next.write, { delay: 0, maxPending: 1 });
    await fixture.clock.advance(0);

    expect([tries.length, next.values]).toEqual([1, [2]]);
  });

  it('counts a writer that throws at once as one that fails', async () => {
    const { cache, clock } = cacheWith();
    const onFailed = jest.fn();
    const write = (): never => {
      throw new Error('at once');
    };

    await cache.writeBehind('k', 1, write, { delay: 0, retries: 0, onFailed });
    await clock.advance(0);

    expect(onFailed).toHaveBeenCalledWith(new Error('at once'), 'k', 1);
  });

  it('is forgotten when a later value comes, which has all its retries', async () => {
    const { tries, fixture, write } = failing();
    const { cache, clock } = fixture;
    const onFailed = [jest.fn(), jest.fn()] as const;
    const options = { delay: 0, retries: 2, backoff: 100 };
    await cache.writeBehind('k', 1, write, { ...options, onFailed: onFailed[0] });
    await clock.advance(0);

    await cache.writeBehind('k', 2, write, { ...options, onFailed: onFailed[1] });
    await clock.advance(10_000);

    expect([tries.length, onFailed[0].mock.calls.length]).toEqual([4, 0]);
    expect(onFailed[1].mock.calls).toEqual([[new Error('no'), 'k', 2]]);
  });

  it('is not tried again when a later value came while it was written', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    await cache.writeBehind('k', 1, source.write, { delay: 0 });
    await clock.advance(0);

    await cache.writeBehind('k', 2, source.write, { delay: '5s' });
    await source.writes[0]?.fail(new Error('no'));
    await clock.advance(4_999);
    const before = source.values;
    await clock.advance(1);

    expect([before, source.values]).toEqual([[1], [1, 2]]);
  });

  it('gives the delay of a later value to that value, not the pause before the retry', async () => {
    const { tries, fixture, write } = failing();
    const { cache, clock } = fixture;
    const later = written();
    await cache.writeBehind('k', 1, write, { delay: 0, backoff: 100 });
    await clock.advance(0);

    await cache.writeBehind('k', 2, later.write, { delay: '1s' });
    await clock.advance(999);
    const before = [...later.values];
    await clock.advance(1);

    expect([tries.length, before, later.values]).toEqual([1, [], [2]]);
  });

  it('leaves a later value alone that was called for while the failed one was stored', async () => {
    const { cache, clock, sets } = withHeldSets();
    const { write } = failing();
    const later = written();
    const onFailed = jest.fn();
    const calls = [
      cache.writeBehind('k', 1, write, { delay: 0, retries: 0, onFailed }),
      cache.writeBehind('k', 2, later.write),
    ];
    await clock.advance(0);

    await sets[0]?.();
    await sets[1]?.();
    await Promise.all(calls);

    expect([await cache.get('k'), onFailed.mock.calls]).toEqual([2, []]);
    await clock.advance(1_000);
    expect(later.values).toEqual([2]);
  });

  it('leaves a later value alone that came while it failed for the last time', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    const onFailed = jest.fn();
    await cache.writeBehind('k', 1, source.write, { delay: 0, retries: 0, onFailed });
    await clock.advance(0);

    await cache.writeBehind('k', 2, source.write, { delay: 0 });
    await source.writes[0]?.fail(new Error('no'));

    expect([await cache.get('k'), onFailed.mock.calls]).toEqual([2, []]);
    await clock.advance(0);
    expect(source.values).toEqual([1, 2]);
  });

  it.each([true, false])('reports an `onFailed` that fails itself, with a promise: %s', async (isPromise) => {
    const { fixture, write } = failing();
    const onFailed = (): void => {
      if (isPromise) return Promise.reject(new Error('in onFailed')) as unknown as undefined;
      throw new Error('in onFailed');
    };

    await fixture.cache.writeBehind('k', 1, write, { delay: 0, retries: 0, onFailed });
    await fixture.clock.advance(0);

    expect(fixture.errors.map(({ message }) => message)).toEqual([
      'The write of `k` failed for the last time: no',
      'Could not call `onFailed` for `k`: in onFailed',
    ]);
  });
});

describe('a pending write', () => {
  it.each<[string, (fixture: CacheFixture) => Promise<unknown>]>([
    ['delete', ({ cache }) => cache.delete('k')],
    ['invalidateTags', ({ cache }) => cache.invalidateTags(['t'])],
    ['invalidatePattern', ({ cache }) => cache.invalidatePattern('k*')],
    ['clear', ({ cache }) => cache.clear()],
  ])('is written although %s took its value out of the cache', async (_, remove) => {
    const fixture = cacheWith();
    const { values, write } = written();
    await fixture.cache.writeBehind('k', 'v', write, { tags: ['t'] });

    await remove(fixture);
    const stored = await fixture.cache.get('k');
    await fixture.clock.advance(1_000);

    expect([stored, values]).toEqual([undefined, ['v']]);
  });

  it('lets callers wait while `maxPending` keys are pending, and drops nothing', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    const taken: string[] = [];
    const call = (key: string): Promise<void> =>
      cache.writeBehind(key, key, source.write, { delay: 0, maxPending: 2 }).then(() => void taken.push(key));
    const calls = ['a', 'b', 'c', 'd'].map(call);
    await clock.advance(0);
    const atFirst = [...taken, await cache.get('c')];

    await source.writes[0]?.land();
    await clock.advance(0);
    const afterOne = [...taken, await cache.get('c')];
    for (const i of [1, 2, 3]) {
      await source.writes[i]?.land();
      await clock.advance(0);
    }
    await Promise.all(calls);

    expect([atFirst, afterOne]).toEqual([
      ['a', 'b', undefined],
      ['a', 'b', 'c', 'c'],
    ]);
    expect(source.values).toEqual(['a', 'b', 'c', 'd']);
  });

  it('admits callers in their order', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    const taken: string[] = [];
    const call = (key: string, maxPending: number): Promise<void> =>
      cache.writeBehind(key, key, source.write, { delay: 0, maxPending }).then(() => void taken.push(key));
    const calls = [call('a', 1), call('b', 1), call('c', 3)];
    await clock.advance(0);
    const atFirst = [...taken];

    await source.writes[0]?.land();
    await clock.advance(0);
    await Promise.all(calls);

    expect([atFirst, taken]).toEqual([['a'], ['a', 'b', 'c']]);
  });

  it('is replaced without waiting for room', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    await cache.writeBehind('k', 1, write, { maxPending: 1 });

    await cache.writeBehind('k', 2, write, { maxPending: 1 });
    await clock.advance(1_000);

    expect(values).toEqual([2]);
  });

  it('keeps its order when one call waits for room, and the next one need not', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    const options: WriteBehindOptions = { delay: 0 };
    await cache.writeBehind('other', 0, source.write, options);
    await clock.advance(0);

    const calls = [
      cache.writeBehind('k', 1, source.write, { ...options, maxPending: 1 }),
      cache.writeBehind('k', 2, source.write, options),
    ];
    await settle();
    await source.writes[0]?.land();
    await Promise.all(calls);
    await clock.advance(0);
    await source.writes[1]?.land();
    await clock.advance(0);

    expect(source.values.at(-1)).toBe(2);
    expect(await cache.get('k')).toBe(2);
  });
});

describe('the cache, when a write lands', () => {
  /** A source with one value, which a write changes when it lands. */
  function sourceOf(value: unknown) {
    const source = { value, load: () => source.value, write: async (next: unknown) => void (source.value = next) };
    return source;
  }

  it('keeps the value, and reads need no load', async () => {
    const { cache, clock } = cacheWith();
    const source = sourceOf('old');
    const loads = jest.fn(source.load);
    await cache.writeBehind('k', { n: [1] }, source.write);

    await clock.advance(1_000);

    expect(await cache.getOrSet('k', loads)).toEqual({ n: [1] });
    expect(loads).not.toHaveBeenCalled();
    expect((await cache.getStats()).sets).toBe(1);
  });

  it.each<[string, (fixture: CacheFixture) => Promise<unknown>]>([
    ['deleted', ({ cache }) => cache.delete('k')],
    ['evicted', async ({ cache }) => cache.setMany(times(20, (i): [string, number] => [`other${i}`, i]))],
    ['expired', ({ clock }) => clock.advance(100)],
  ])('drops the old value that was loaded after the key was %s', async (_, remove) => {
    const fixture = cacheWith({ memory: { maxEntries: 4 } });
    const { cache, clock } = fixture;
    const source = sourceOf('old');
    await cache.writeBehind('k', 'new', source.write, { ttl: 100 });

    await remove(fixture);
    const whilePending = await cache.getOrSet('k', source.load);
    await clock.advance(1_000);

    expect(whilePending).toBe('old');
    expect(await cache.getOrSet('k', source.load)).toBe('new');
  });

  it.each(['getOrSet', 'refresh'] as const)('stores no old value of a %s that began before', async (method) => {
    const { cache, clock } = cacheWith();
    const source = sourceOf('old');
    const loads = new ManualLoad<unknown>();
    await cache.writeBehind('k', 'new', source.write);
    if (method === 'getOrSet') await cache.delete('k');

    const loading = cache[method]('k', loads.run);
    await settle();
    await clock.advance(1_000);
    await loads.finish(0, 'old');

    expect(await loading).toBe('old');
    expect(await cache.getOrSet('k', source.load)).toBe('new');
  });

  it.each(['was stored', 'has landed'])(
    'lets a refresh begin at once when the value %s, past an older one',
    async (when) => {
      const { cache, clock } = cacheWith();
      const source = sourceOf('old');
      const loads = new ManualLoad<unknown>();
      if (when === 'has landed') await cache.writeBehind('k', 'new', source.write);
      const early = cache.refresh('k', loads.run);
      await settle();
      if (when === 'was stored') await cache.writeBehind('k', 'new', source.write);
      else await clock.advance(1_000);

      const late = await cache.refresh('k', () => 'late');
      await loads.finish(0, 'early');

      expect([late, await early, await cache.get('k')]).toEqual(['late', 'early', 'late']);
    },
  );

  it('lets no later caller join a load that began before', async () => {
    const { cache, clock } = cacheWith();
    const source = sourceOf('old');
    const loads = new ManualLoad<unknown>();
    await cache.writeBehind('k', 'new', source.write);
    await cache.delete('k');
    const early = cache.getOrSet('k', loads.run);
    await settle();
    await clock.advance(1_000);

    const late = cache.getOrSet('k', source.load);
    await settle();
    await loads.finish(0, 'old');

    expect(await Promise.all([early, late])).toEqual(['old', 'new']);
  });

  it('drops a value that somebody has set meanwhile', async () => {
    const { cache, clock } = cacheWith();
    const source = sourceOf('old');
    await cache.writeBehind('k', 'new', source.write);

    await cache.set('k', 'other');
    await clock.advance(1_000);

    expect(await cache.get('k')).toBeUndefined();
  });

  it('keeps the value of a later write that is pending', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    await cache.writeBehind('k', 1, source.write, { delay: 0 });
    await clock.advance(0);

    await cache.writeBehind('k', 2, source.write);
    await source.writes[0]?.land();

    expect(await cache.get('k')).toBe(2);
    expect((await cache.getEntry('k'))?.hitCount).toBe(1);
  });

  it('drops the value when the write has landed before the value was stored', async () => {
    const { cache, clock, sets } = withHeldSets();
    const source = sourceOf('old');

    const writing = cache.writeBehind('k', 'new', source.write, { delay: 0 });
    await clock.advance(0);
    // Another process has changed the source since then.
    source.value = 'newer';
    await sets[0]?.();
    await writing;

    expect(await cache.getOrSet('k', source.load)).toBe('newer');
  });

  it.each(['fails', 'refuses'] as const)(
    'has no old value where the store %s, and the value is written',
    async (how) => {
      const fault = how === 'fails' ? new Error('no store') : new CacheSerializationError('$', 'no such value');
      const broken = (adapter: CacheAdapter): CacheAdapter =>
        withMethods(adapter, {
          set: (...args) => {
            if (isBroken) throw fault;
            return adapter.set(...args);
          },
        });
      let isBroken = false;
      const { cache, clock, errors } = cacheWith({}, broken);
      await cache.set('k', 'old');
      isBroken = true;
      const { values, write } = written();

      await cache.writeBehind('k', 'new', write);
      const stored = await cache.get('k');
      await clock.advance(1_000);

      expect([stored, values, errors.length]).toEqual([undefined, ['new'], 1]);
    },
  );
});

describe('close()', () => {
  it('writes what is pending at once, without delays and pauses', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    let isDown = true;
    const unsteady = async (value: unknown): Promise<void> => {
      if (isDown) throw new Error('down');
      await write(value);
    };
    await cache.writeBehind('a', 1, unsteady, { delay: 0, backoff: '1h' });
    await cache.writeBehind('b', 2, write, { delay: '1h' });
    await clock.advance(0);
    isDown = false;

    const closing = cache.close();
    await clock.advance(0);
    await closing;

    expect([values.sort(), clock.pending]).toEqual([[1, 2], 0]);
  });

  it('tries again after pauses as long as there is time', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    let isDown = true;
    clock.schedule(1_000, () => (isDown = false));
    const unsteady = async (value: unknown): Promise<void> => {
      if (isDown) throw new Error('down');
      await write(value);
    };
    await cache.writeBehind('k', 'v', unsteady, { delay: '1h' });

    const closing = cache.close();
    await clock.advance(5_000);
    await closing;

    expect(values).toEqual(['v']);
  });

  it('admits callers that wait for room as long as there is time', async () => {
    const { cache, clock } = cacheWith();
    const { values, write } = written();
    const calls = [1, 2, 3].map((n) => cache.writeBehind(`k${n}`, n, write, { delay: '1h', maxPending: 1 }));
    await settle();

    const closing = cache.close();
    await clock.advance(0);
    await Promise.all([...calls, closing]);

    expect(values).toEqual([1, 2, 3]);
  });

  it('waits for five seconds, reports what is left by name, invalidates it and tells `onFailed`', async () => {
    const invalidated: unknown[] = [];
    const { cache, clock, errors } = cacheWith({}, (adapter) =>
      withMethods(adapter, {
        invalidate: (target, how) => {
          invalidated.push(target);
          return adapter.invalidate(target, how);
        },
      }),
    );
    const source = new ManualSource();
    const onFailed = jest.fn();
    await cache.writeBehind('a', 1, source.write, { delay: 0, onFailed });
    await cache.namespace('n').writeBehind('b', 2, source.write, { delay: 0, onFailed, maxPending: 2 });
    const waiting = cache.writeBehind('c', 3, source.write, { maxPending: 2 });
    await clock.advance(0);
    let isClosed = false;

    const closing = cache.close().then(() => (isClosed = true));
    waiting.catch(() => undefined);
    await clock.advance(4_999);
    const before = isClosed;
    await clock.advance(1);
    await closing;

    expect([before, clock.pending]).toEqual([false, 0]);
    expect(invalidated).toEqual([
      { kind: 'keys', keys: ['a'], namespace: undefined },
      { kind: 'keys', keys: ['b'], namespace: 'n' },
    ]);
    expect(errors.map(({ message }) => message)).toEqual([
      'The cache was closed before 2 pending writes had landed: `a`, `b` of `n`. ' +
        'They are not written, and not in the cache any more.',
    ]);
    expect(onFailed.mock.calls).toEqual([
      [expect.any(CacheUnavailableError), 'a', 1],
      [expect.any(CacheUnavailableError), 'b', 2],
    ]);
    await expect(waiting).rejects.toThrow('Nothing was taken over for `c`: the cache is closed.');
  });

  it('ignores a write that ends after it', async () => {
    let begins = 0;
    const { cache, clock, errors } = cacheWith({}, (adapter) =>
      withMethods(adapter, {
        begin: (...args) => {
          begins++;
          return adapter.begin(...args);
        },
      }),
    );
    const source = new ManualSource();
    const onFailed = jest.fn();
    await cache.writeBehind('a', 1, source.write, { delay: 0 });
    await cache.writeBehind('b', 2, source.write, { delay: 0, retries: 0, onFailed });
    await clock.advance(0);
    const closing = cache.close();
    await clock.advance(5_000);
    await closing;
    errors.length = 0;

    await source.writes[0]?.land();
    await source.writes[1]?.fail(new Error('late'));
    await clock.advance(60_000);

    expect([errors, begins, onFailed.mock.calls.length, clock.pending]).toEqual([[], 0, 1, 0]);
  });

  it('takes nothing over afterwards', async () => {
    const { cache } = cacheWith();
    await cache.close();

    const writing = cache.writeBehind('k', 1, written().write);

    await expect(writing).rejects.toThrow(CacheUnavailableError);
    await expect(writing).rejects.toThrow('Nothing was taken over for `k`: the cache is closed.');
  });

  it('waits for five seconds together with the flush before it', async () => {
    const { cache, clock } = cacheWith();
    const source = new ManualSource();
    await cache.writeBehind('a', 1, source.write, { delay: '1h' });
    let isClosed = false;

    const flushing = internalsOf(cache).pendingWrites.flush();
    await clock.advance(5_000);
    await flushing;
    const closing = cache.close().then(() => (isClosed = true));
    await clock.advance(0);
    await closing;

    expect([source.values, isClosed]).toEqual([[1], true]);
  });
});
