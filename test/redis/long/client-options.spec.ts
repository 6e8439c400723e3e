import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { createCache } from '../../../src/create-cache.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { redisAdapter } from '../../../src/redis.js';
import { startCluster, startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, afterTest, open, openHybrid } from '../redis.fixture.js';

/** Options of ioredis, on connections of the kit and on clients of the application. */

jest.setTimeout(60_000);
cleanUpAfterEach();

/** Makes each kind of call, and returns the answers. */
async function answersOf(cache: CacheService): Promise<object> {
  await cache.setMany(
    [
      ['a', 1],
      ['b', 2],
    ],
    { ttl: '1m', tags: ['t', 'u'], namespace: 'n' },
  );
  await cache.set('c', 3, { ttl: '1m', tags: ['u'] });
  return {
    read: [...(await cache.getMany(['a', 'b'], { namespace: 'n' })).values(), await cache.get('c')],
    loaded: [await cache.getOrSet('d', () => 4), await cache.getOrSet('d', () => 5)],
    entries: (await cache.getStats()).totalEntries,
    touched: await cache.touch('c', '2m'),
    invalidated: [await cache.invalidateTags(['t', 'u']), await cache.invalidatePattern('*')],
    after: [await cache.get('a', { namespace: 'n' }), await cache.get('c')],
  };
}

const EXPECTED_ANSWERS = {
  read: [1, 2, 3],
  loaded: [4, 4],
  entries: 4,
  touched: true,
  invalidated: [3, 1],
  after: [undefined, undefined],
};

const OPTIONS: readonly object[] = [
  {},
  { enableAutoPipelining: true },
  { stringNumbers: true },
  { stringNumbers: true, enableAutoPipelining: true, showFriendlyErrorStack: true },
  { protocol: 2 },
  { protocol: 3, replyMapping: 'resp3', stringNumbers: true },
  { readOnly: true },
  { lazyConnect: true },
  { lazyConnect: false },
  { enableOfflineQueue: false, autoResendUnfulfilledCommands: false },
  { enableOfflineQueue: true, autoResendUnfulfilledCommands: true, maxRetriesPerRequest: null },
  { enableReadyCheck: false, autoResubscribe: true },
  { commandTimeout: 5_000, socketTimeout: 5_000 },
  { db: 3, connectionName: 'a name', disableClientInfo: true },
];

const CLUSTER_OPTIONS: readonly object[] = [
  { enableAutoPipelining: true },
  { redisOptions: { enableAutoPipelining: true, showFriendlyErrorStack: true } },
  { redisOptions: { replyMapping: 'resp3' } },
  { scaleReads: 'slave' },
  { scaleReads: 'all', shardedSubscribers: true },
  { lazyConnect: true, enableOfflineQueue: false },
];

function ownClient<Client extends Redis | Cluster>(client: Client): { client: Client } {
  client.on('error', () => undefined);
  afterTest(() => client.disconnect());
  return { client };
}

describe.each([
  ['redis', open],
  ['hybrid', openHybrid],
] as const)('%s', (_, openCache) => {
  it.each(OPTIONS)(
    'works with the ioredis options %j, on its own connection and on a given client (fault 16)',
    async (options) => {
      const [first, second] = await Promise.all([stopAfterTest(startRedis()), stopAfterTest(startRedis())]);

      const own = await openCache({ url: first.url, options });
      const theirs = await openCache(ownClient(new Redis(second.url, options)));

      expect(await answersOf(own.cache)).toEqual(EXPECTED_ANSWERS);
      expect(await answersOf(theirs.cache)).toEqual(EXPECTED_ANSWERS);
    },
  );
});

describe('in a cluster', () => {
  it.each(CLUSTER_OPTIONS)(
    'works with the ioredis options %j, on its own connection and on a given client (fault 16)',
    async (options) => {
      const { urls } = await stopAfterTest(startCluster());

      const own = await openHybrid({ cluster: { nodes: urls, options }, commandTimeout: '5s' });
      const answers = await answersOf(own.cache);
      const theirs = await openHybrid({ ...ownClient(new Cluster(urls, options)), commandTimeout: '5s' });

      expect(answers).toEqual(EXPECTED_ANSWERS);
      expect(await answersOf(theirs.cache)).toEqual(EXPECTED_ANSWERS);
    },
  );
});

describe('an address', () => {
  it('can be the path of a socket (fault 20)', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cache-kit-'));
    afterTest(() => rm(directory, { recursive: true }));
    const path = join(directory, 'redis.sock');
    await stopAfterTest(startRedis({ args: ['--unixsocket', path] }));

    const { cache } = await open({ url: `redis://${path}` });

    expect(await answersOf(cache)).toEqual(EXPECTED_ANSWERS);
  });
});

describe('a given client', () => {
  it('may still be connecting: the cache waits, and the first value is stored (fault 16)', async () => {
    const { url } = await stopAfterTest(startRedis());
    const cache = await createCache({ adapter: redisAdapter(ownClient(new Redis(url))), singleFlight: 'cluster' });
    afterTest(() => cache.close());

    await cache.set('first', 1);

    expect(await cache.get('first')).toBe(1);
    expect((await cache.getStats()).status).toBe('up');
  });

  it('that cannot connect delays the start no longer than a connection of the kit (fault 16)', async () => {
    const client = new Redis({ host: '127.0.0.1', port: 1, maxRetriesPerRequest: 0 });
    const startedMs = performance.now();

    const { cache } = await open(ownClient(client));

    expect(performance.now() - startedMs).toBeLessThan(1_500);
    expect(await cache.getOrSet('k', () => 1)).toBe(1);
  });

  it('in monitor mode is refused at start (fault 16)', async () => {
    const { url } = await stopAfterTest(startRedis());

    await expect(open(ownClient(new Redis(url, { monitor: true })))).rejects.toThrow(
      /Expected no `monitor` in the options of `redis.client`/,
    );
  });
});
