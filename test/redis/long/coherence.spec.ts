import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../../src/core/cache.service.js';
import type { HybridRedisOptions } from '../../../src/adapters/redis/options/redis-options.js';
import { times } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';
import { type RedisServer, startCluster, startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, openHybrid, rawClient, timed } from '../redis.fixture.js';

/** Near copies and changes by other processes, on real servers. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const WITHIN_MS = 2_000;

async function nearStats(cache: CacheService): Promise<{ hits: number; entries: number }> {
  const { hits = 0, entries = 0 } = (await cache.getStats()).tiers[0] ?? {};
  return { hits, entries };
}

/** Reads until the answer is a near hit. */
async function untilNear(cache: CacheService, key: string, withinMs = WITHIN_MS): Promise<void> {
  const isNear = async (): Promise<boolean> => {
    const before = (await nearStats(cache)).hits;
    await cache.get(key);
    return (await nearStats(cache)).hits > before;
  };
  await until(isNear, withinMs, () => `\`${key}\` was not answered from the near tier in time.`);
}

async function untilSeen(cache: CacheService, key: string, value: unknown): Promise<number> {
  let seen: unknown;
  const isSeen = async (): Promise<boolean> => Object.is((seen = await cache.get(key)), value);
  return (
    await timed(() =>
      until(isSeen, WITHIN_MS, () => `Expected \`${key}\` to be ${String(value)}, got ${String(seen)}.`),
    )
  ).tookMs;
}

async function coherenceOf(cache: CacheService) {
  return (await cache.getStats()).coherence;
}

/** Number of commands that read entries. Beats, which run several times a second, do not count. */
async function readsOf({ port }: RedisServer): Promise<number> {
  const stats = await rawClient({ port }).info('commandstats');
  return [...stats.matchAll(/^cmdstat_(?:mget|hmget|getrange):calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

/** The rights documented in docs/redis.md and docs/hybrid.md. */
const RIGHTS =
  '+@read +@write +@scripting +@connection +publish +subscribe +info +time ' +
  'resetchannels &cache-kit:* &__redis__:invalidate';

/** Starts a server with a user that has these rights without `denied`. */
async function withUser(denied: string): Promise<{ server: RedisServer; options: object }> {
  const server = await stopAfterTest(startRedis());
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
    const server = await stopAfterTest(startRedis());
    const [mine, other] = await Promise.all(times(2, () => openHybrid({ url: server.url, coherence, ...options })));
    return { server, mine: (mine as { cache: CacheService }).cache, other: (other as { cache: CacheService }).cache };
  }

  it('need no command on the server', async () => {
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
  ])('are dropped when another process makes the change: %s', async (_, act, expected) => {
    const { mine, other } = await pair();
    await mine.set('k', 'old', { tags: ['t', 'u'] });
    await untilNear(mine, 'k');

    await act(other);
    const tookMs = await untilSeen(mine, 'k', expected);

    expect(tookMs).toBeLessThan(500);
  });

  it('are dropped when another process invalidates their namespace', async () => {
    const { mine, other } = await pair();
    const [own, others] = [mine.namespace('n'), other.namespace('n')];
    await own.set('k', 'old');
    for (let i = 0; i < 5; i++) await own.get('k');

    await others.invalidatePattern('k');
    await until(
      async () => (await own.get('k')) === undefined,
      WITHIN_MS,
      () => 'The entry was still found.',
    );
    await own.set('k', 'old');
    for (let i = 0; i < 5; i++) await own.get('k');
    await other.invalidateNamespace('n');

    await until(
      async () => (await own.get('k')) === undefined,
      WITHIN_MS,
      () => 'The entry was still found.',
    );
  });

  it('are not used while the server does not answer, and are used again when it does', async () => {
    const { server, mine } = await pair({ maxStaleness: '300ms' });
    await mine.set('k', 'v');
    await untilNear(mine, 'k');

    server.pause();
    await sleep(400);
    const silent = await mine.get('k');
    server.resume();

    expect(silent).toBeUndefined();
    await until(
      async () => (await mine.getStats()).status === 'up',
      WITHIN_MS,
      () => 'The cache did not recover.',
    );
    await untilNear(mine, 'k');
  });

  it('are dropped when the listening connection is lost', async () => {
    const { server, mine } = await pair();
    await mine.set('k', 'v');
    await untilNear(mine, 'k');
    const admin = rawClient(server);

    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(
      async () => (await nearStats(mine)).entries === 0,
      WITHIN_MS,
      () => 'The copies were kept.',
    );

    await untilNear(mine, 'k');
  });

  it('are made when the server starts after the application', async () => {
    const server = await stopAfterTest(startRedis());
    server.kill('SIGKILL');
    const { cache } = await openHybrid({ url: server.url, coherence });
    await cache.set('k', 'nowhere');

    await server.restart();
    await until(
      async () => (await cache.getStats()).status === 'up',
      5_000,
      () => 'The cache did not connect in time.',
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
  ])('notices changes by other clients than the kit: %s', async (_, [command = '', ...args]) => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await openHybrid({ url: server.url });
    await cache.set('k', 'v', { tags: ['t'] });
    await untilNear(cache, 'k');

    await rawClient(server).call(command, ...args);

    expect(await untilSeen(cache, 'k', undefined)).toBeLessThan(500);
  });

  it('is not the only check: a swapped database is noticed (fault 15)', async () => {
    const server = await stopAfterTest(startRedis());
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
    const cluster = await stopAfterTest(startCluster());
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

describe('the coherence mode', () => {
  it('is tracking when the server allows it', async () => {
    const { server, options } = await withUser('');
    const { cache } = await openHybrid({ url: server.url, options });

    expect(await coherenceOf(cache)).toEqual({
      mode: 'tracking',
      reason: 'The server announces every change.',
      isProven: true,
    });
  });

  it('is the bus when tracking is not allowed, and says why', async () => {
    const { server, options } = await withUser('-client|tracking');
    const { cache: mine } = await openHybrid({ url: server.url, options });
    const { cache: other } = await openHybrid({ url: server.url, options });
    await until(
      async () => (await coherenceOf(mine))?.isProven === true,
      2 * WITHIN_MS,
      () => 'No proof arrived in time.',
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

  it('is the bus in every process when each master of a cluster refuses tracking (fault 24)', async () => {
    const cluster = await stopAfterTest(startCluster());
    for (const node of cluster.nodes)
      await addUser(node, `${RIGHTS} +cluster +spublish +ssubscribe +readonly -client|tracking`);
    const redis = { cluster: { nodes: cluster.urls }, options: AS_USER, maxStaleness: '10s' } as const;
    const caches = (await Promise.all(times(12, () => openHybrid(redis)))).map(({ cache }) => cache);
    const [mine, other] = caches as [CacheService, CacheService];
    const modes = async (): Promise<unknown[]> =>
      Promise.all(caches.map(async (cache) => (await coherenceOf(cache))?.mode));
    // Before all processes are known to publish, no copy lasts longer than the bound.
    await until(
      async () => (await coherenceOf(mine))?.isProven === true,
      5 * WITHIN_MS,
      () => 'No proof arrived in time.',
    );

    const keys = times(40, (i) => `k${i}`);
    await mine.setMany(keys.map((key) => [key, 'old'] as const));
    for (const key of keys) await untilNear(mine, key, 5 * WITHIN_MS);
    await other.setMany(keys.map((key) => [key, 'new'] as const));

    for (const key of keys) await untilSeen(mine, key, 'new');
    await until(
      async () => (await modes()).every((mode) => mode === 'bus'),
      WITHIN_MS,
      () => 'A process used another mode.',
    );
  });

  it.each(['-client|tracking -subscribe', '-client|tracking -publish'])(
    'is a time limit when neither is allowed: %s',
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

describe('processes of one cache in different coherence modes', () => {
  /**
   * Reads until the old value is replaced.
   * @returns the time from the acknowledgement to the begin of the last read of the old value
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
   * Lets the reader copy a value, and replaces it, several times.
   * @returns the maximum age of the copy in each round, in ms
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

  it.each(PAIRS)('see changes within the bound: by %s, of a writer by %s (fault 23)', async (mine, other) => {
    const server = await stopAfterTest(startRedis());
    const { cache: reader } = await openHybrid({ url: server.url, coherence: mine });
    const { cache: writer } = await openHybrid({ url: server.url, coherence: other });
    const ages: number[] = [];

    // First the processes do not know each other, then they do.
    for (const isKnown of [false, true]) {
      if (isKnown)
        await until(
          async () => (await reader.getStats()).status === 'up',
          2 * WITHIN_MS,
          () => 'No proof arrived in time.',
        );
      ages.push(...(await agesOfCopies(reader, writer, 5)));
    }

    expect(Math.max(...ages)).toBeLessThanOrEqual(1_000);
  });

  it('limit their copies, and report it, when one of them cannot publish (fault 23)', async () => {
    const server = await stopAfterTest(startRedis());
    await addUser(server, `${RIGHTS} -publish`);
    const { cache: reader } = await openHybrid({ url: server.url, coherence: 'bus' });
    await until(
      async () => (await reader.getStats()).status === 'up',
      2 * WITHIN_MS,
      () => 'No proof arrived in time.',
    );
    const { cache: writer } = await openHybrid({ url: server.url, options: AS_USER });

    const ages = await agesOfCopies(reader, writer, 3);

    expect(Math.max(...ages)).toBeLessThanOrEqual(1_000);
    expect(await reader.getStats()).toMatchObject({
      status: 'degraded',
      coherence: { mode: 'bus', isProven: false, reason: expect.stringMatching(/known to publish/) },
    });
  });

  it('use the better mode again when it was refused only for a moment (fault 23)', async () => {
    const { server, options } = await withUser('-client|tracking');
    const { cache } = await openHybrid({ url: server.url, options });
    await until(
      async () => (await coherenceOf(cache))?.mode === 'bus',
      WITHIN_MS,
      () => 'The refusal was not noticed.',
    );

    await addUser(server, '+client|tracking');

    await until(
      async () => (await coherenceOf(cache))?.mode === 'tracking',
      10_000,
      () => 'Tracking was not tried again.',
    );
    await until(
      async () => (await cache.getStats()).status === 'up',
      WITHIN_MS,
      () => 'No proof arrived in time.',
    );
  });
});
