import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/core/cache.service.js';
import type { HybridRedisOptions } from '../../src/adapters/redis/options/redis-options.js';
import { times } from '../support/cache-with.js';
import { until } from '../support/redis/until.js';
import { type RedisServer, startCluster, startRedis } from '../support/redis-servers.js';
import { endWhatTestsOpened, kept, openHybrid, rawClient, timed } from './faults.fixture.js';

/** How near copies learn of what others do, on real servers. */

jest.setTimeout(60_000);
endWhatTestsOpened();

const SOON_MS = 2_000;

async function near(cache: CacheService): Promise<{ hits: number; entries: number }> {
  const { hits = 0, entries = 0 } = (await cache.getStats()).tiers[0] ?? {};
  return { hits, entries };
}

/** Reads until the answer comes from the process. */
async function untilNear(cache: CacheService, key: string, withinMs = SOON_MS): Promise<void> {
  const isNear = async (): Promise<boolean> => {
    const before = (await near(cache)).hits;
    await cache.get(key);
    return (await near(cache)).hits > before;
  };
  await until(isNear, withinMs, () => `\`${key}\` was never answered from the process.`);
}

async function untilSeen(cache: CacheService, key: string, value: unknown): Promise<number> {
  let seen: unknown;
  const isSo = async (): Promise<boolean> => Object.is((seen = await cache.get(key)), value);
  return (
    await timed(() =>
      until(isSo, SOON_MS, () => `\`${key}\` was ${String(seen)}, not ${String(value)}, for ${SOON_MS} ms.`),
    )
  ).tookMs;
}

async function coherenceOf(cache: CacheService) {
  return (await cache.getStats()).coherence;
}

/**
 * How many commands the server has run with which entries are read. Beats come by themselves, several times a second.
 */
async function readsOf({ port }: RedisServer): Promise<number> {
  const stats = await rawClient({ port }).info('commandstats');
  return [...stats.matchAll(/^cmdstat_(?:mget|hmget|getrange):calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

/** What docs/redis.md and docs/hybrid.md ask for. */
const RIGHTS =
  '+@read +@write +@scripting +@connection +publish +subscribe +info +time resetchannels &cache-kit:* &__redis__:invalidate';

/** A user who has these rights, but for `denied`. */
async function withUser(denied: string): Promise<{ server: RedisServer; options: object }> {
  const server = await kept(startRedis());
  await addUser(server, `${RIGHTS} ${denied}`);
  return { server, options: AS_USER };
}

const AS_USER = { username: 'kit', password: 'pw' };

async function addUser(server: RedisServer, rights: string): Promise<void> {
  await rawClient(server).call(
    'ACL',
    'SETUSER',
    'kit',
    'on',
    '>pw',
    '~cache-kit:*',
    ...rights.split(' ').filter(Boolean),
  );
}

describe.each(['tracking', 'bus'] as const)('near copies by %s', (coherence) => {
  async function pair(
    options: HybridRedisOptions = {},
  ): Promise<{ server: RedisServer; mine: CacheService; other: CacheService }> {
    const server = await kept(startRedis());
    const [mine, other] = await Promise.all(times(2, () => openHybrid({ url: server.url, coherence, ...options })));
    return { server, mine: (mine as { cache: CacheService }).cache, other: (other as { cache: CacheService }).cache };
  }

  it('cost the server nothing', async () => {
    const { server, mine } = await pair();
    await mine.set('k', 'v');
    await mine.get('k');
    const first = await readsOf(server);
    await untilNear(mine, 'k');
    const before = await readsOf(server);

    for (let i = 0; i < 1_000; i++) await mine.get('k');

    expect(first).toBeGreaterThan(0);
    expect((await readsOf(server)) - before).toBe(0);
  });

  it.each<[string, (cache: CacheService) => Promise<unknown>, unknown]>([
    ['set', (cache) => cache.set('k', 'new'), 'new'],
    ['delete', (cache) => cache.delete('k'), undefined],
    ['invalidateTags', (cache) => cache.invalidateTags(['t']), undefined],
    ['invalidateTags with all', (cache) => cache.invalidateTags(['t', 'u'], { mode: 'all' }), undefined],
    ['invalidateTags softly', (cache) => cache.invalidateTags(['t'], { soft: true }), undefined],
    ['invalidatePattern', (cache) => cache.invalidatePattern('?'), undefined],
    ['clear', (cache) => cache.clear(), undefined],
    ['writeThrough', (cache) => cache.writeThrough('k', async () => 'new'), 'new'],
    ['refresh', (cache) => cache.refresh('k', () => 'new'), 'new'],
    ['touch', (cache) => cache.touch('k', 1), undefined],
  ])('go when another process does it: %s', async (_, act, expected) => {
    const { mine, other } = await pair();
    await mine.set('k', 'old', { tags: ['t', 'u'] });
    await untilNear(mine, 'k');

    await act(other);
    const tookMs = await untilSeen(mine, 'k', expected);

    expect(tookMs).toBeLessThan(500);
  });

  it('go when another process invalidates their namespace', async () => {
    const { mine, other } = await pair();
    const [own, others] = [mine.namespace('n'), other.namespace('n')];
    await own.set('k', 'old');
    for (let i = 0; i < 5; i++) await own.get('k');

    await others.invalidatePattern('k');
    await until(
      async () => (await own.get('k')) === undefined,
      SOON_MS,
      () => 'The entry is still there.',
    );
    await own.set('k', 'old');
    for (let i = 0; i < 5; i++) await own.get('k');
    await other.invalidateNamespace('n');

    await until(
      async () => (await own.get('k')) === undefined,
      SOON_MS,
      () => 'The entry is still there.',
    );
  });

  it('are not used while the server is silent, and are again when it speaks', async () => {
    const { server, mine } = await pair({ maxStaleness: '300ms' });
    await mine.set('k', 'v');
    await untilNear(mine, 'k');

    server.pause();
    await new Promise((resolve) => setTimeout(resolve, 400));
    const silent = await mine.get('k');
    server.resume();

    expect(silent).toBeUndefined();
    await until(
      async () => (await mine.getStats()).status === 'up',
      SOON_MS,
      () => 'The cache did not recover.',
    );
    await untilNear(mine, 'k');
  });

  it('go when the connection that listens is lost', async () => {
    const { server, mine } = await pair();
    await mine.set('k', 'v');
    await untilNear(mine, 'k');
    const admin = rawClient(server);

    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(
      async () => (await near(mine)).entries === 0,
      SOON_MS,
      () => 'The copies were kept.',
    );

    await untilNear(mine, 'k');
  });

  it('are made when the server comes after the application', async () => {
    const server = await kept(startRedis());
    server.kill('SIGKILL');
    const { cache } = await openHybrid({ url: server.url, coherence });
    await cache.set('k', 'nowhere');

    await server.restart();
    await until(
      async () => (await cache.getStats()).status === 'up',
      5_000,
      () => 'The cache did not find the server.',
    );
    await cache.set('k', 'v');

    await untilNear(cache, 'k');
  });
});

describe('tracking', () => {
  it.each<[string, readonly string[]]>([
    ['DEL', ['DEL', 'cache-kit:default:e::k']],
    ['FLUSHALL', ['FLUSHALL']],
    ['PEXPIRE', ['PEXPIRE', 'cache-kit:default:e::k', '1']],
    ['the loss of a generation', ['DEL', 'cache-kit:default:g:{tag:t}']],
  ])('hears of what is done by others than the kit: %s', async (_, [command = '', ...args]) => {
    const server = await kept(startRedis());
    const { cache } = await openHybrid({ url: server.url });
    await cache.set('k', 'v', { tags: ['t'] });
    await untilNear(cache, 'k');

    await rawClient(server).call(command, ...args);

    expect(await untilSeen(cache, 'k', undefined)).toBeLessThan(500);
  });

  it('is not all that is relied on: another database under the same connections is noticed (fault 15)', async () => {
    const server = await kept(startRedis());
    const { cache } = await openHybrid({ url: server.url });
    const admin = rawClient(server);
    await cache.set('k', 'v');
    await untilNear(cache, 'k');

    await admin.call('SWAPDB', '0', '1');

    await untilSeen(cache, 'k', undefined);
    await cache.set('k', 'of the other database');
    await untilNear(cache, 'k');
    await admin.call('SWAPDB', '0', '1');
    await untilSeen(cache, 'k', 'v');
  });

  it('listens to every master of a cluster', async () => {
    const cluster = await kept(startCluster());
    const redis = { cluster: { nodes: cluster.urls } };
    const [mine, other] = (await Promise.all([openHybrid(redis), openHybrid(redis)])).map(({ cache }) => cache) as [
      CacheService,
      CacheService,
    ];
    const keys = times(60, (i) => `k${i}`);
    await mine.setMany(
      keys.map((key) => [key, 'old'] as const),
      { tags: ['t'] },
    );
    for (const key of keys) await untilNear(mine, key);

    await other.setMany(keys.map((key) => [key, 'new'] as const));

    for (const key of keys) expect(await untilSeen(mine, key, 'new')).toBeLessThan(500);
  });
});

describe('the way that is taken', () => {
  it('is tracking where the server allows it', async () => {
    const { server, options } = await withUser('');
    const { cache } = await openHybrid({ url: server.url, options });

    expect(await coherenceOf(cache)).toEqual({
      mode: 'tracking',
      reason: 'The server announces every change.',
      isProven: true,
    });
  });

  it('is the bus where tracking is not allowed, and says why', async () => {
    const { server, options } = await withUser('-client|tracking');
    const { cache: mine } = await openHybrid({ url: server.url, options });
    const { cache: other } = await openHybrid({ url: server.url, options });
    await until(
      async () => (await coherenceOf(mine))?.isProven === true,
      2 * SOON_MS,
      () => 'Nothing was proven.',
    );
    await mine.set('k', 'old');
    await untilNear(mine, 'k');

    await other.set('k', 'new');

    expect(await untilSeen(mine, 'k', 'new')).toBeLessThan(500);
    expect(await coherenceOf(mine)).toMatchObject({
      mode: 'bus',
      reason: expect.stringMatching(/^The server allows no tracking: NOPERM/),
    });
  });

  it('is the bus in every process where each master of a cluster refuses tracking (fault 24)', async () => {
    const cluster = await kept(startCluster());
    for (const node of cluster.nodes)
      await addUser(node, `${RIGHTS} +cluster +spublish +ssubscribe +readonly -client|tracking`);
    const redis = { cluster: { nodes: cluster.urls }, options: AS_USER, maxStaleness: '10s' } as const;
    const caches = (await Promise.all(times(12, () => openHybrid(redis)))).map(({ cache }) => cache);
    const [mine, other] = caches as [CacheService, CacheService];
    const modes = async (): Promise<unknown[]> =>
      Promise.all(caches.map(async (cache) => (await coherenceOf(cache))?.mode));
    // Until it is known that all publish, no copy lasts longer than the bound.
    await until(
      async () => (await coherenceOf(mine))?.isProven === true,
      5 * SOON_MS,
      () => 'Nothing was proven.',
    );

    const keys = times(40, (i) => `k${i}`);
    await mine.setMany(keys.map((key) => [key, 'old'] as const));
    for (const key of keys) await untilNear(mine, key, 5 * SOON_MS);
    await other.setMany(keys.map((key) => [key, 'new'] as const));

    for (const key of keys) await untilSeen(mine, key, 'new');
    await until(
      async () => (await modes()).every((mode) => mode === 'bus'),
      SOON_MS,
      () => 'Some process takes another way.',
    );
  });

  it.each(['-client|tracking -subscribe', '-client|tracking -publish'])(
    'is a time limit where neither is allowed: %s',
    async (denied) => {
      const { server, options } = await withUser(denied);
      const redis = { url: server.url, options, maxStaleness: '400ms' } as const;
      const { cache: mine } = await openHybrid(redis);
      const { cache: other } = await openHybrid(redis);
      await mine.set('k', 'old');
      await other.set('k', 'old');
      await untilNear(mine, 'k');

      await other.set('k', 'new');
      const acknowledgedMs = performance.now();
      let oldUntilMs = acknowledgedMs;
      for (let startedMs = acknowledgedMs; (await mine.get('k')) === 'old'; startedMs = performance.now())
        oldUntilMs = startedMs;

      expect(oldUntilMs - acknowledgedMs).toBeLessThanOrEqual(400);
      expect(await coherenceOf(mine)).toMatchObject({ mode: 'ttl', isProven: true });
    },
  );
});

describe('processes of one cache in different ways', () => {
  /**
   * Reads until the new value is there.
   * @returns how long after its acknowledgement the last read began that brought the old one
   */
  async function oldFor(cache: CacheService, key: string, old: unknown): Promise<number> {
    const acknowledgedMs = performance.now();
    let oldUntilMs = acknowledgedMs;
    for (
      let startedMs = acknowledgedMs;
      (await cache.get(key)) === old && startedMs < acknowledgedMs + 5_000;
      startedMs = performance.now()
    )
      oldUntilMs = startedMs;
    return oldUntilMs - acknowledgedMs;
  }

  /**
   * Lets the reader make a copy of a value, and has it replaced, some times.
   * @returns how old the copy was at most each time, in ms
   */
  async function agesOfCopies(reader: CacheService, writer: CacheService, rounds: number): Promise<number[]> {
    const ages: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await writer.set('k', `old ${i}`);
      await untilSeen(reader, 'k', `old ${i}`);
      await untilNear(reader, 'k');
      await writer.set('k', 'new');
      ages.push(await oldFor(reader, 'k', `old ${i}`));
    }
    return ages;
  }

  const PAIRS = [
    ['bus', 'tracking'],
    ['bus', 'ttl'],
    ['tracking', 'bus'],
    ['tracking', 'ttl'],
  ] as const;

  it.each(PAIRS)('hear of each other within the bound: by %s of one by %s (fault 23)', async (mine, other) => {
    const server = await kept(startRedis());
    const { cache: reader } = await openHybrid({ url: server.url, coherence: mine });
    const { cache: writer } = await openHybrid({ url: server.url, coherence: other });
    const ages: number[] = [];

    // At first nobody knows of the other, then everybody does.
    for (const isKnown of [false, true]) {
      if (isKnown)
        await until(
          async () => (await reader.getStats()).status === 'up',
          2 * SOON_MS,
          () => 'Nothing was proven.',
        );
      ages.push(...(await agesOfCopies(reader, writer, 5)));
    }

    expect(Math.max(...ages)).toBeLessThanOrEqual(1_000);
  });

  it('limit their copies, and say so, where one of them may not publish (fault 23)', async () => {
    const server = await kept(startRedis());
    await addUser(server, `${RIGHTS} -publish`);
    const { cache: reader } = await openHybrid({ url: server.url, coherence: 'bus' });
    await until(
      async () => (await reader.getStats()).status === 'up',
      2 * SOON_MS,
      () => 'Nothing was proven.',
    );
    const { cache: writer } = await openHybrid({ url: server.url, options: AS_USER });

    const ages = await agesOfCopies(reader, writer, 3);

    expect(Math.max(...ages)).toBeLessThanOrEqual(1_000);
    expect(await reader.getStats()).toMatchObject({
      status: 'degraded',
      coherence: { mode: 'bus', isProven: false, reason: expect.stringMatching(/known to publish/) },
    });
  });

  it('take the better way again where it was refused for a moment only (fault 23)', async () => {
    const { server, options } = await withUser('-client|tracking');
    const { cache } = await openHybrid({ url: server.url, options });
    await until(
      async () => (await coherenceOf(cache))?.mode === 'bus',
      SOON_MS,
      () => 'The refusal was not heard.',
    );

    await addUser(server, '+client|tracking');

    await until(
      async () => (await coherenceOf(cache))?.mode === 'tracking',
      10_000,
      () => 'Tracking was not tried again.',
    );
    await until(
      async () => (await cache.getStats()).status === 'up',
      SOON_MS,
      () => 'Nothing was proven.',
    );
  });
});
