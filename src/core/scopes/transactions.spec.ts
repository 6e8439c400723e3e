import { describe, expect, it } from '@jest/globals';
import { cacheWith, ManualLoad, settle } from '../../../test/support/cache-with.js';
import type { CacheAdapter } from '../ports/cache-adapter.port.js';
import { internalsOf } from '../cache-internals.js';
import type { CacheService } from '../cache.service.js';
import type { CacheEvent } from '../observation/cache-events.js';

/** A cache with `a` and `b` of one tag, and `other` of another. */
async function filled(): Promise<ReturnType<typeof cacheWith>> {
  const fixture = cacheWith();
  await fixture.cache.set('a', 'old a', { tags: ['t'] });
  await fixture.cache.set('b', 'old b', { tags: ['t'] });
  await fixture.cache.set('other', 'old', { tags: ['u'] });
  return fixture;
}

/** The values of a caller outside of all transactions that are under way. */
function seenOutside(cache: CacheService, keys = ['a', 'b', 'other']): Promise<Map<string, unknown>> {
  return cache.getMany(keys);
}

const CHANGES: [string, (cache: CacheService) => Promise<unknown>, ReadonlyMap<string, unknown>][] = [
  [
    'set',
    (cache) => cache.set('a', 'new'),
    new Map([
      ['a', 'new'],
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
  [
    'setMany',
    (cache) =>
      cache.setMany([
        ['a', 1],
        ['b', 2],
      ]),
    new Map<string, unknown>([
      ['a', 1],
      ['b', 2],
      ['other', 'old'],
    ]),
  ],
  [
    'set with TTL 0',
    (cache) => cache.set('a', 'new', { ttl: 0 }),
    new Map([
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
  [
    'delete',
    (cache) => cache.delete('a'),
    new Map([
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
  ['deleteMany', (cache) => cache.deleteMany(['a', 'b']), new Map([['other', 'old']])],
  ['invalidateTags', (cache) => cache.invalidateTags(['t']), new Map([['other', 'old']])],
  ['a soft invalidation', (cache) => cache.invalidateTags(['t'], { soft: true }), new Map([['other', 'old']])],
  ['invalidatePattern', (cache) => cache.invalidatePattern('[ab]'), new Map([['other', 'old']])],
  ['clear', (cache) => cache.clear(), new Map()],
  [
    'writeThrough',
    (cache) => cache.writeThrough('a', () => Promise.resolve('new')),
    new Map([
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
  [
    'refresh',
    (cache) => cache.refresh('a', () => 'new'),
    new Map([
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
  [
    'touch',
    (cache) => cache.touch('a', '1d'),
    new Map([
      ['a', 'old a'],
      ['b', 'old b'],
      ['other', 'old'],
    ]),
  ],
];

describe('a transaction', () => {
  it.each(CHANGES)(
    'makes the changes of %s when its work has succeeded, and not before',
    async (_, change, expected) => {
      const { cache, errors } = await filled();
      const before = await seenOutside(cache);
      const gate = new ManualLoad<void>();

      const transaction = cache.transaction(async () => {
        await change(cache);
        await gate.run({ signal: new AbortController().signal });
      });
      await settle();
      const during = await seenOutside(cache);
      await gate.finish(0, undefined);
      await transaction;

      expect(during).toEqual(before);
      expect(await seenOutside(cache)).toEqual(expected);
      expect(errors).toEqual([]);
    },
  );

  it.each(CHANGES)('drops the changes of %s when its work fails', async (_, change) => {
    const { cache } = await filled();
    const before = await seenOutside(cache);
    const failure = new Error('rolled back');

    await expect(
      cache.transaction(async () => {
        await change(cache);
        throw failure;
      }),
    ).rejects.toBe(failure);

    expect(await seenOutside(cache)).toEqual(before);
  });

  it('writes a value behind when its work has succeeded, and not when it fails', async () => {
    const { cache, clock } = cacheWith();
    const written: string[] = [];
    const write = (value: string): Promise<void> => Promise.resolve(void written.push(value));
    await cache.set('k', 'old');

    const failing = cache.transaction(async () => {
      await cache.writeBehind('k', 'rolled back', write);
      throw new Error('no');
    });
    await failing.catch(() => undefined);
    await clock.advance(10_000);
    const afterFailure = [await cache.get('k'), ...written];
    const during = await cache.transaction(async () => {
      await cache.writeBehind('k', 'new', write);
      await clock.advance(10_000);
      return [await cache.get('k'), ...written];
    });
    await clock.advance(10_000);

    expect(afterFailure).toEqual(['old']);
    expect(during).toEqual([undefined]);
    expect([await cache.get('k'), ...written]).toEqual(['new', 'new']);
  });

  it('gives the result of its work, also of work that answers at once', async () => {
    const { cache } = cacheWith();

    expect(await cache.transaction(() => 1)).toBe(1);
    await expect(
      cache.transaction(() => {
        throw new Error('at once');
      }),
    ).rejects.toThrow('at once');
  });

  it('answers with the number of entries that an invalidation would remove', async () => {
    const { cache } = await filled();

    const answers = await cache.transaction(async () => [
      await cache.delete('a'),
      await cache.delete('absent'),
      await cache.invalidateTags(['t']),
      await cache.clear(),
    ]);

    expect(answers).toEqual([true, false, 2, 3]);
  });

  it('sees nothing of what it has changed, and the rest of the cache', async () => {
    const { cache } = await filled();
    let loads = 0;
    const load = (): string => `loaded ${++loads}`;

    const seen = await cache.transaction(async () => {
      await cache.invalidateTags(['t']);
      return [
        await cache.get('a'),
        await cache.has('b'),
        await cache.getEntry('b'),
        await cache.getMany(['a', 'other']),
        await cache.getOrSet('a', load),
        await cache.getOrSet('a', load),
        await cache.getOrSet('other', load),
      ];
    });

    expect(seen).toEqual([undefined, false, undefined, new Map([['other', 'old']]), 'loaded 1', 'loaded 2', 'old']);
  });

  it('stores nothing that it has loaded, whether it succeeds or fails', async () => {
    const { cache } = cacheWith();

    await cache.transaction(async () => {
      await cache.getOrSet('k', () => 'uncommitted');
      await cache.getOrSetMany(['l', 'm'], (keys) => Promise.resolve(new Map(keys.map((key) => [key, 'uncommitted']))));
    });
    await cache.transaction(() => cache.getOrSet('k', () => Promise.reject(new Error('no')))).catch(() => undefined);

    expect(await cache.getMany(['k', 'l', 'm'])).toEqual(new Map());
  });

  it('serves a stale value, and does not refresh it with what it sees', async () => {
    const { cache, clock } = cacheWith({ staleWhileRevalidate: '1m' });
    let loads = 0;
    await cache.set('k', 'stale', { ttl: '1s' });
    await clock.advance(2_000);

    const value = await cache.transaction(() => cache.getOrSet('k', () => `loaded ${++loads}`));
    await settle();

    expect([value, loads]).toEqual(['stale', 0]);
  });

  it('neither waits for the load of another caller nor lends it its own', async () => {
    const { cache } = cacheWith();
    const [outer, inner] = [new ManualLoad<string>(), new ManualLoad<string>()];

    const outside = cache.getOrSet('k', outer.run);
    await settle();
    const inside = cache.transaction(() => cache.getOrSet('k', inner.run));
    await settle();
    const later = cache.getOrSet('k', () => 'third');
    await settle();
    await inner.finish(0, 'uncommitted');
    await outer.finish(0, 'committed');

    expect([await outside, await inside]).toEqual(['committed', 'uncommitted']);
    expect(await later).not.toBe('uncommitted');
    expect([outer.count, inner.count]).toEqual([1, 1]);
  });

  it('refuses the load of another caller that began before its end', async () => {
    const { cache } = cacheWith();
    const load = new ManualLoad<string>();
    const loading = cache.getOrSet('k', load.run, { tags: ['t'] });
    await settle();

    await cache.transaction(() => cache.invalidateTags(['t']));
    await load.finish(0, 'old');

    expect(await loading).toBe('old');
    expect(await cache.get('k')).toBeUndefined();
  });

  it('keeps the last value of a key, and none that a later invalidation of its own hits', async () => {
    const { cache } = cacheWith();

    await cache.transaction(async () => {
      await cache.set('a', 1);
      await cache.set('a', 2);
      await cache.set('b', 1, { tags: ['t'] });
      await cache.invalidateTags(['t']);
      await cache.set('c', 1);
      await cache.delete('c');
      await cache.delete('d');
      await cache.set('d', 3);
    });

    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(
      new Map([
        ['a', 2],
        ['d', 3],
      ]),
    );
  });

  it('keeps a value as it was when it was set', async () => {
    const { cache } = cacheWith();
    const value = { count: 1 };

    await cache.transaction(async () => {
      await cache.set('k', value);
      value.count = 2;
    });

    expect(await cache.get('k')).toEqual({ count: 1 });
  });

  it('refuses a value that cannot be stored where it is set', async () => {
    const { cache } = cacheWith();

    await expect(cache.transaction(() => cache.set('k', { run: () => 1 }))).rejects.toThrow('$.run');
  });

  it('joins the transaction that it is nested in', async () => {
    const { cache } = await filled();

    await cache.transaction(async () => {
      await cache.transaction(() => cache.delete('a'));
      await cache.transaction(() => cache.set('b', 'new'));
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.transaction(() => cache.get('a'))).toBeUndefined();
    });

    expect(await seenOutside(cache)).toEqual(
      new Map([
        ['b', 'new'],
        ['other', 'old'],
      ]),
    );
  });

  it('loses the values of a nested one that failed, and not its invalidations', async () => {
    const { cache } = await filled();

    await cache.transaction(async () => {
      await cache.set('a', 'of the outer one');
      await cache
        .transaction(async () => {
          await cache.set('a', 'rolled back');
          await cache.invalidateTags(['u']);
          throw new Error('savepoint');
        })
        .catch(() => undefined);
    });

    expect(await seenOutside(cache)).toEqual(
      new Map([
        ['a', 'of the outer one'],
        ['b', 'old b'],
      ]),
    );
  });

  it('lets work that runs on after its end change the cache at once', async () => {
    const { cache } = await filled();
    const gate = new ManualLoad<void>();
    let later: Promise<void> | undefined;

    await cache.transaction(() => {
      later = gate.run({ signal: new AbortController().signal }).then(() => cache.set('a', 'later'));
    });
    await gate.finish(0, undefined);
    await later;

    expect(await cache.get('a')).toBe('later');
  });

  it('lets work of its owner leave it, whose changes are made at once', async () => {
    const { cache } = await filled();
    const internals = internalsOf(cache);

    const failed = cache.transaction(async () => {
      await internals.outsideTransaction(() => cache.delete('a'));
      await cache.delete('other');
      throw new Error('no');
    });

    await expect(failed).rejects.toThrow('no');
    expect([...(await seenOutside(cache)).keys()]).toEqual(['b', 'other']);
    expect(internals.outsideTransaction(() => internals.isInTransaction())).toBe(false);
    await cache.close();
  });

  it('keeps two transactions at the same time apart', async () => {
    const { cache } = await filled();
    const gate = new ManualLoad<void>();
    const wait = (): Promise<void> => gate.run({ signal: new AbortController().signal });

    const first = cache.transaction(async () => (await cache.delete('a'), await wait(), cache.get('b')));
    const second = cache.transaction(async () => (await cache.delete('b'), await wait(), cache.get('a')));
    await settle();
    await gate.finish(0, undefined);
    await gate.finish(1, undefined);

    expect(await Promise.all([first, second])).toEqual(['old b', undefined]);
    expect(await seenOutside(cache)).toEqual(new Map([['other', 'old']]));
  });

  it('tells of its changes when they are made', async () => {
    const { cache } = await filled();
    const events: CacheEvent['type'][] = [];
    cache.events.subscribe(({ type }) => events.push(type));
    let during: number | undefined;

    await cache.transaction(async () => {
      await cache.delete('a');
      await cache.set('b', 'new');
      await cache.invalidateTags(['u']);
      during = events.length;
    });

    expect(during).toBe(0);
    expect([...events].sort()).toEqual(['delete', 'invalidate', 'set']);
    expect(await cache.getStats()).toMatchObject({ deletes: 1, invalidations: 1, sets: 4 });
  });

  it('makes an invalidation again that has failed, and does not let its caller know', async () => {
    let failures = 2;
    const failing = (adapter: CacheAdapter): CacheAdapter => ({
      ...bound(adapter),
      invalidate: (target, manner) => {
        if (manner?.dryRun !== true && failures-- > 0) throw new Error('away');
        return adapter.invalidate(target, manner);
      },
    });
    const { cache, clock, errors } = cacheWith({}, failing);
    await cache.set('k', 'old');

    expect(await cache.transaction(async () => (await cache.delete('k'), 'done'))).toBe('done');
    expect(await cache.get('k')).toBe('old');
    await clock.advance(100);
    await clock.advance(1_000);

    expect(await cache.get('k')).toBeUndefined();
    expect(errors.map(({ message }) => message)).toEqual(['Could not invalidate: away', 'Could not invalidate: away']);
  });

  it('gives up at last, and at once when the cache is closed', async () => {
    let calls = 0;
    const failing = (adapter: CacheAdapter): CacheAdapter => ({
      ...bound(adapter),
      invalidate: (_, manner) => {
        if (manner?.dryRun !== true) calls++;
        throw new Error('away');
      },
    });
    const patient = cacheWith({}, failing);
    await patient.cache.transaction(() => patient.cache.delete('k'));
    await patient.clock.advance(60_000);
    const closed = cacheWith({}, failing);
    await closed.cache.transaction(() => closed.cache.delete('k'));
    await closed.cache.close();
    await closed.clock.advance(60_000);

    expect(calls).toBe(4 + 1);
  });

  it('is refused by a closed cache, whose changes would be lost', async () => {
    const { cache } = cacheWith({ name: 'shop' });
    let hasRun = false;
    await cache.close();

    await expect(cache.transaction(() => (hasRun = true))).rejects.toThrow('got `shop`, which is closed');
    expect(hasRun).toBe(false);
  });

  it('refuses work that is no function', async () => {
    const { cache } = cacheWith();

    await expect(cache.transaction(Promise.resolve() as never)).rejects.toThrow('function');
  });
});

/** An adapter as an object whose methods can be replaced. */
function bound(adapter: CacheAdapter): CacheAdapter {
  return {
    kind: adapter.kind,
    get: (...args) => adapter.get(...args),
    getMany: (...args) => adapter.getMany(...args),
    begin: (...args) => adapter.begin(...args),
    set: (...args) => adapter.set(...args),
    invalidate: (...args) => adapter.invalidate(...args),
    scan: (...args) => adapter.scan(...args),
    usage: () => adapter.usage(),
    close: () => adapter.close(),
  };
}
