import { describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { FaultlessWorld } from './faultless-world.js';

/** Index members of entries that no longer exist. Hours pass in virtual time. */

const MINUTE_MS = 60_000;
const SERVERS: readonly (readonly [string, number])[] = [
  ['one server', 1],
  ['a cluster', 3],
];

/** Members of the group of everything, over all its parts. */
function inEverything(world: FaultlessWorld, kind?: 'i' | 'c'): string[] {
  return times(16, (part) => world.members(`{all:${part}}`, kind)).flat();
}

/** Opens several processes with one cache, and waits until they are connected. */
async function opened(
  servers: number,
  processes: number,
  onSend?: (name: string, process: number) => void,
): Promise<{ world: FaultlessWorld; cache: CacheService }> {
  const world = new FaultlessWorld({ servers, processes, onSend: ({ name }, process) => onSend?.(name, process) });
  await world.pass(100);
  return { world, cache: world.caches[0] as CacheService };
}

/** Evicts all matching keys, as a server does that runs out of memory. */
function evict(world: FaultlessWorld, isVictim: (name: string) => boolean): void {
  for (const { store } of world.servers) for (const name of store.names()) if (isVictim(name)) store.evict(name);
}

function isEntry(name: string): boolean {
  return name.includes(':e:');
}

describe.each(SERVERS)('the indexes of entries that were replaced (%s)', (_, servers) => {
  it('contain an entry in its current groups only', async () => {
    const { world, cache } = await opened(servers, 1);
    const store = (tags: string[], value: number): Promise<void> =>
      world.done(cache.set('k', value, { tags, namespace: 'n', ttl: '1h' }));
    const named = (): unknown[] => [
      world.members('{tag:a}'),
      world.members('{tag:a,b}'),
      world.members('{tag:b}'),
      world.members('{ns:n}'),
    ];
    const seen: unknown[] = [];

    for (const tags of [['a'], ['a'], ['b'], ['a,b'], ['b', 'a'], []]) {
      await store(tags, seen.length);
      await world.pass(100);
      seen.push(named());
    }

    const [here, nowhere] = [['n:k'], []];
    expect(seen).toEqual([
      [here, nowhere, nowhere, here],
      [here, nowhere, nowhere, here],
      [nowhere, nowhere, here, here],
      [nowhere, here, nowhere, here],
      [here, nowhere, here, here],
      [nowhere, nowhere, nowhere, here],
    ]);
  });
});

describe.each(SERVERS)('the indexes of entries that have expired (%s)', (_, servers) => {
  it('are cleaned although one entry never expires (fault 29)', async () => {
    const { world, cache } = await opened(servers, 3);
    const of = { tags: ['t'], namespace: 'n' };
    await world.done(cache.set('kept', 1, { ...of, ttl: 'forever' }));
    await world.done(
      cache.setMany(
        times(2_000, (i) => [`k${i}`, i] as const),
        { ...of, ttl: '1s' },
      ),
    );
    const before = world.members('{tag:t}').length;

    await world.pass(3 * MINUTE_MS);

    expect(before).toBe(2_001);
    expect([world.members('{tag:t}'), world.members('{ns:n}'), inEverything(world), inEverything(world, 'c')]).toEqual(
      Array(4).fill(['n:kept']),
    );
    expect(world.errors).toEqual([]);
  });

  it('are swept by one process at a time, once a minute at most (fault 29)', async () => {
    const sweeps: number[] = [];
    const { world, cache } = await opened(servers, 5, (name, process) => {
      if (name === 'strike') sweeps.push(process);
    });
    await world.done(cache.set('kept', 1, { tags: ['t'], ttl: 'forever' }));

    await world.pass(10 * MINUTE_MS);

    // Two indexes: of the tag, and of one part of everything.
    expect(sweeps.length).toBeGreaterThan(2 * 5);
    expect(sweeps.length).toBeLessThanOrEqual(2 * 10);
  });

  it('are deleted with the last entry that never expires (fault 29)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(cache.set('kept', 1, { tags: ['t', 'u'], namespace: 'n', ttl: 'forever' }));
    await world.done(
      cache.setMany(
        times(500, (i) => [`k${i}`, i] as const),
        { tags: ['t', 'u'], namespace: 'n', ttl: '1s' },
      ),
    );
    await world.pass(2_000);

    const count = await world.done(cache.invalidateTags(['t']));
    await world.pass(20_000);

    expect(count).toBe(1);
    expect(world.names()).toEqual([]);
  });

  it('are kept as long as an entry that lives longer (fault 29)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(cache.set('kept', 1, { tags: ['t'], ttl: 'forever' }));
    await world.done(cache.set('long', 2, { tags: ['t'], ttl: '1h' }));
    await world.done(cache.delete('kept'));
    await world.done(cache.set('short', 3, { tags: ['t'], ttl: '1s' }));

    await world.pass(50 * MINUTE_MS);

    expect(await world.done(cache.get('long'))).toBe(2);
    expect(await world.done(cache.invalidateTags(['t']))).toBe(1);
  });

  it('are cleaned at once by cleanupExpired, those of tags too, and each entry counts once (fault 29)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(cache.set('kept', 1, { tags: ['t'], ttl: 'forever' }));
    await world.done(
      cache.setMany(
        times(1_000, (i) => [`k${i}`, i] as const),
        { tags: ['t', 'u'], ttl: '1s' },
      ),
    );
    await world.pass(2_000);

    const count = await world.done(cache.cleanupExpired());

    expect(count).toBe(1_000);
    expect([world.members('{tag:t}'), world.members('{tag:u}'), inEverything(world)]).toEqual([
      [':kept'],
      [],
      [':kept'],
    ]);
  });

  it('are not counted as entries, and are cleaned soon after a count (fault 29)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(cache.set('kept', 1, { tags: ['t'], ttl: 'forever' }));
    await world.done(
      cache.setMany(
        times(3_000, (i) => [`k${i}`, i] as const),
        { tags: ['t'], ttl: '1s' },
      ),
    );
    await world.pass(2_000);

    const { totalEntries } = await world.done(cache.getStats());
    await world.pass(5_000);

    expect(totalEntries).toBe(1);
    expect([world.members('{tag:t}'), inEverything(world)]).toEqual([[':kept'], [':kept']]);
  });

  it('are not swept after the cache is closed, and no timer is left (fault 29)', async () => {
    const sent: string[] = [];
    const { world, cache } = await opened(servers, 1, (name) => void sent.push(name));
    await world.done(cache.set('kept', 1, { tags: ['t'], ttl: 'forever' }));
    await world.done(
      cache.setMany(
        times(2_000, (i) => [`k${i}`, i] as const),
        { tags: ['t'], ttl: '1s' },
      ),
    );
    await world.pass(50_000);
    for (let tries = 0; tries < 10_000 && !sent.includes('strike'); tries++) await world.pass(5);
    const isUnderWay = sent.includes('strike') && world.members('{tag:t}').length > 300;

    await world.done(cache.close());
    sent.length = 0;
    await world.pass(2 * MINUTE_MS);

    expect(isUnderWay).toBe(true);
    expect([sent, world.timersOf(0)]).toEqual([[], 0]);
    expect(world.names()).not.toContain('k:default:sweep');
  });
});

describe.each(SERVERS)('the indexes of entries that were evicted (%s)', (_, servers) => {
  const of = { tags: ['t'], namespace: 'n', ttl: '1h' } as const;

  it('are cleaned without writes, and count the remaining entries (fault 27)', async () => {
    const { world, cache } = await opened(servers, 3);
    await world.done(
      cache.setMany(
        times(1_000, (i) => [`k${i}`, i] as const),
        of,
      ),
    );
    const before = world.members('{tag:t}').length;
    evict(world, (name) => isEntry(name) && !name.endsWith('7'));

    await world.pass(2 * MINUTE_MS);

    expect(before).toBe(1_000);
    expect(
      [world.members('{tag:t}'), world.members('{ns:n}'), inEverything(world), inEverything(world, 'c')].map(
        ({ length }) => length,
      ),
    ).toEqual([100, 100, 100, 100]);
    expect((await world.done(cache.getStats())).totalEntries).toBe(100);
    expect(await world.done(cache.invalidateTags(['t']))).toBe(100);
    expect(world.errors).toEqual([]);
  });

  it('are cleaned during writes, with any number of tags (fault 27)', async () => {
    const { world, cache } = await opened(servers, 1);
    for (let tag = 0; tag < 100; tag++)
      await world.done(
        cache.setMany(
          times(15, (i) => [`${tag}-${i}`, i] as const),
          { tags: [`tag-${tag}`], ttl: '1h' },
        ),
      );
    evict(world, (name) => isEntry(name) && !name.endsWith('-0'));

    await world.done(
      cache.setMany(
        times(500, (i) => [`new-${i}`, i] as const),
        of,
      ),
    );
    await world.pass(5_000);

    expect(times(100, (tag) => world.members(`{tag:tag-${tag}}`))).toEqual(times(100, (tag) => [`:${tag}-0`]));
    expect(inEverything(world)).toHaveLength(600);
  });

  it('are cleaned when the index of everything was evicted too (fault 27)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(
      cache.setMany(
        times(1_999, (i) => [`k${i}`, i] as const),
        of,
      ),
    );
    evict(world, (name) => isEntry(name) || name.includes(':i:{all:'));

    await world.done(cache.set('new', 1, of));
    await world.pass(5_000);

    expect([world.members('{tag:t}'), world.members('{ns:n}')]).toEqual([['n:new'], ['n:new']]);
  });

  it('keep an entry that is stored again during the search for lost ones (fault 27)', async () => {
    let storeAgain: (() => void) | undefined;
    let isWalk = false;
    const { world, cache } = await opened(servers, 1, (name) => {
      isWalk ||= name === 'ZCARD';
      if (isWalk && (name === 'EXISTS' || name === 'present')) storeAgain?.();
    });
    await world.done(
      cache.setMany(
        times(1_000, (i) => [`k${i}`, i] as const),
        of,
      ),
    );
    evict(world, isEntry);
    storeAgain = () => {
      storeAgain = undefined;
      void cache.setMany(
        times(1_000, (i) => [`k${i}`, 'again'] as const),
        of,
      );
    };

    await world.pass(2 * MINUTE_MS);

    expect(storeAgain).toBeUndefined();
    expect([world.members('{tag:t}'), inEverything(world)].map(({ length }) => length)).toEqual([1_000, 1_000]);
  });

  it('are not swept when nothing was evicted (fault 27)', async () => {
    const sent: string[] = [];
    const { world, cache } = await opened(servers, 1, (name) => void sent.push(name));
    await world.done(
      cache.setMany(
        times(1_999, (i) => [`k${i}`, i] as const),
        of,
      ),
    );
    await world.done(cache.delete('k0', { namespace: 'n' }));
    sent.length = 0;

    await world.done(cache.set('new', 1, of));
    await world.pass(1_000);

    // One sample: the groups of the entry, and the next part of everything.
    expect([3, 4]).toContain(sent.filter((name) => name === 'ZSCAN').length);
    expect(sent).not.toContain('ZCARD');
    expect(world.names()).not.toContain('k:default:sweep:lost');
  });

  it('are not swept after the cache is closed, and no timer is left (fault 27)', async () => {
    const sent: string[] = [];
    const { world, cache } = await opened(servers, 1, (name) => void sent.push(name));
    for (let tag = 0; tag < 40; tag++)
      await world.done(
        cache.setMany(
          times(49, (i) => [`${tag}-${i}`, i] as const),
          { tags: [`tag-${tag}`], ttl: '1h' },
        ),
      );
    evict(world, isEntry);
    void cache.setMany(
      times(40, (i) => [`new-${i}`, i] as const),
      of,
    );
    for (let tries = 0; tries < 1_000 && !sent.includes('strike-lost'); tries++) await world.pass(5);
    const isUnderWay = times(40, (tag) => world.members(`{tag:tag-${tag}}`).length).some((length) => length > 0);

    await world.done(cache.close());
    sent.length = 0;
    await world.pass(2 * MINUTE_MS);

    expect(isUnderWay).toBe(true);
    expect([sent, world.timersOf(0)]).toEqual([[], 0]);
    expect(world.names()).not.toContain('k:default:sweep:lost');
  });
});

describe.each(SERVERS)('an index that was evicted (%s)', (_, servers) => {
  it('takes the index by creation with it, so that no name is left without a sweep (fault 27)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(
      cache.setMany(
        times(200, (i) => [`k${i}`, i] as const),
        { ttl: '1h' },
      ),
    );
    evict(world, (name) => name.includes(':i:{all:'));

    await world.done(
      cache.setMany(
        times(200, (i) => [`new-${i}`, i] as const),
        { ttl: '1h' },
      ),
    );

    expect(inEverything(world, 'c').sort()).toEqual(inEverything(world).sort());
    expect((await world.done(cache.getStats())).totalEntries).toBe(200);
  });

  it('does not change the count if it is the index by creation (fault 27)', async () => {
    const { world, cache } = await opened(servers, 1);
    await world.done(
      cache.setMany(
        times(200, (i) => [`k${i}`, i] as const),
        { ttl: '1h' },
      ),
    );
    evict(world, (name) => name.includes(':c:{all:'));

    await world.done(cache.set('new', 1, { ttl: '1h' }));

    expect((await world.done(cache.getStats())).totalEntries).toBe(201);
    expect(inEverything(world, 'c')).toEqual([':new']);
  });

  it('does not keep entries from an invalidation by tag, by namespace or of everything (fault 27)', async () => {
    const { world, cache } = await opened(servers, 1);
    const store = (): Promise<void> => world.done(cache.set('k', 1, { tags: ['t'], namespace: 'n', ttl: '1h' }));
    const invalidations = [
      () => cache.invalidateTags(['t']),
      () => cache.invalidateNamespace('n'),
      () => cache.clear(),
    ];
    const seen: unknown[] = [];

    for (const invalidate of invalidations) {
      await store();
      evict(world, (name) => /:[ic]:\{/.test(name));
      const before = await world.done(cache.get('k', { namespace: 'n' }));
      const count = await world.done(invalidate());
      seen.push([before, count, await world.done(cache.get('k', { namespace: 'n' }))]);
    }

    expect(seen).toEqual(Array(3).fill([1, 0, undefined]));
  });
});
