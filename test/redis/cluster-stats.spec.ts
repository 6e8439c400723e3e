import { expect, it, describe, jest } from '@jest/globals';
import type { ClusterStats } from '../../src/core/cluster/cluster-stats.js';
import { ONE_AND_SEVERAL_MASTERS } from './deployments.fixture.js';
import { cleanUpAfterEach, open, openHybrid, rawClient, stopAfterTest, timed, untilStatus } from './redis.fixture.js';
import { startRedis } from '../support/redis-servers.js';
import { until } from '../support/redis/until.js';

/** Statistics of all processes; each cache takes the place of one. Killed ones: long/killed-process.spec.ts. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const BOARD = 'cache-kit:default:beat:{reports}';

const hitsOf = ({ processes }: ClusterStats): number[] => processes.map(({ stats }) => stats.totalHits);

describe.each(ONE_AND_SEVERAL_MASTERS)('the statistics of all processes (%s)', (_, start) => {
  it.each([
    ['redis', open],
    ['hybrid', openHybrid],
  ] as const)('are complete in the first answer, and lack a closed process at once, on %s', async (_, openAs) => {
    const { redis } = await start();
    const options = { ...redis, commandTimeout: '5s' } as const;
    const caches = [await openAs(options), await openAs(options), await openAs(options)];
    const [first, second, third] = caches.map(({ cache }) => cache) as [Cache, Cache, Cache];
    for (const cache of [first, second, third]) await untilStatus(cache, 'up', 15_000);
    await first.set('k', 'v', { ttl: '1h' });
    for (const [cache, reads] of [
      [first, 1],
      [second, 2],
      [third, 3],
    ] as const)
      for (let i = 0; i < reads; i++) await cache.get('k');

    const all = await first.getClusterStats();
    await third.close();
    const left = await second.getClusterStats();

    expect(hitsOf(all).sort()).toEqual([1, 2, 3]);
    expect(hitsOf(all)[0]).toBe(1);
    expect(all.total).toMatchObject({ totalHits: 6, sets: 1, totalEntries: 1 });
    expect(hitsOf(left)).toEqual([2, 1]);
    expect(caches.flatMap(({ errors }) => errors)).toEqual([]);
  });
});

type Cache = Awaited<ReturnType<typeof open>>['cache'];

describe('the reports of processes in Redis', () => {
  it('are there only while somebody asks, and expire', async () => {
    const server = await stopAfterTest(startRedis());
    const [{ cache }, { cache: other }] = [await open({ url: server.url }), await open({ url: server.url })];
    const client = rawClient(server);

    const before = await client.exists(BOARD);
    await cache.getClusterStats();
    const ttlMs = await client.pttl(BOARD);
    const fields = await client.hlen(BOARD);
    await cache.close();
    await other.close();

    expect([before, fields, await client.hlen(BOARD)]).toEqual([0, 3, 1]);
    expect(ttlMs).toBeGreaterThan(50_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
  });

  it('that are damaged, old, of the future, or of another version are left out', async () => {
    const server = await stopAfterTest(startRedis());
    const client = rawClient(server);
    const nowMs = Date.now();
    await client.hset(BOARD, {
      damaged: `${nowMs} {"format":1`,
      newer: `${nowMs} {"format":2,"stats":{}}`,
      timeless: 'text',
      old: `${nowMs - 20_000} {}`,
      future: `${nowMs + 3_600_000} {}`,
    });
    const { cache, errors } = await open({ url: server.url });

    const answer = await cache.getClusterStats();

    expect(answer.processes).toHaveLength(1);
    expect((await client.hkeys(BOARD)).sort()).toEqual(['', 'damaged', 'newer', answer.processes[0]?.id].sort());
    expect(errors).toEqual([]);
  });

  it('take the place of what another program has put under their name', async () => {
    const server = await stopAfterTest(startRedis());
    await rawClient(server).set(BOARD, 'text');
    const [{ cache }, { cache: other, errors }] = [await open({ url: server.url }), await open({ url: server.url })];
    await other.set('k', 1);

    const { processes, total } = await cache.getClusterStats();

    expect([processes.length, total.sets]).toEqual([2, 1]);
    expect(errors).toEqual([]);
  });

  it('reach a process that cannot listen to the channel', async () => {
    const server = await stopAfterTest(startRedis());
    const admin = rawClient(server);
    await admin.call('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', '+@all', '-subscribe', 'resetchannels', '&*');
    const { cache } = await open({ url: server.url });
    const { cache: deaf } = await open({ url: server.url, options: { username: 'deaf', password: 'pw' } });
    await deaf.set('k', 1);
    let seen: ClusterStats | undefined;

    await until(
      async () => (seen = await cache.getClusterStats()).processes.length === 2,
      12_000,
      () => `Expected two processes, got ${seen?.processes.length}.`,
    );

    expect(seen?.total.sets).toBe(1);
  });

  it('are of one cache and prefix', async () => {
    const { url } = await stopAfterTest(startRedis());
    const { cache } = await open({ url });
    await open({ url, keyPrefix: 'other' });
    await open({ url }, { name: 'other' });

    expect((await cache.getClusterStats()).processes).toHaveLength(1);
  });
});

describe('while Redis is away, the statistics of all processes', () => {
  it('are those of this process, at once, without an error', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url });
    await open({ url: server.url });
    expect((await cache.getClusterStats()).processes).toHaveLength(2);
    await server.stop();
    await untilStatus(cache, 'down');
    await new Promise((resolve) => setTimeout(resolve, 1_100));

    const { value, tookMs } = await timed(() => cache.getClusterStats());

    expect(value.processes).toMatchObject([{ pid: process.pid, stats: { status: 'down' } }]);
    expect(tookMs).toBeLessThan(150);
    expect(errors).toEqual([]);
  });
});
