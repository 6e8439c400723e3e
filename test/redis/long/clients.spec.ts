import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import { openRedisAdapter } from '../../../src/adapters/redis/open-redis.js';
import { createEntryCodec } from '../../../src/core/values/codec.js';
import { readRedis, type RedisClient } from '../../../src/adapters/redis/options/redis-options.js';
import { SystemClock } from '../../../src/core/system-clock.js';
import { createCache } from '../../../src/index.js';
import { describeCacheAdapter } from '../../../src/testing/index.js';
import { whenUp } from '../../support/deployments.js';
import { until } from '../../support/redis/until.js';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '../../support/redis-servers.js';

// Clients of the application (for example of a queue), of both majors of ioredis and with different options.

jest.setTimeout(30_000);

let server: RedisServer;
let cluster: RedisCluster;
const clients: RedisClient[] = [];

function disconnectAtEnd<T extends RedisClient>(client: T): T {
  clients.push(client);
  return client;
}

/** Creates a client; `options` may contain options that ioredis 5 does not know. */
function redis(Client: new (url: string, options: object) => RedisClient, options: object = {}): RedisClient {
  return disconnectAtEnd(new Client(server.url, { lazyConnect: true, ...options }));
}

beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.disconnect();
  await Promise.all([server.stop(), cluster.stop()]);
});

/** True for a client of ioredis 6, which has this option. */
const knowsResp3 = (client: RedisClient): boolean => 'replyMapping' in (client as Redis).options;

it('uses the major of ioredis that REDIS_CLIENT_MAJOR names', async () => {
  const major = process.env['REDIS_CLIENT_MAJOR'] ?? '6';
  const script = `
    const { Redis } = await import('ioredis');
    console.log('replyMapping' in new Redis({ lazyConnect: true }).options);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);

  expect([knowsResp3(redis(Redis)), stdout.trim(), knowsResp3(redis(Redis5))]).toEqual([
    major === '6',
    String(major === '6'),
    false,
  ]);
});

const standalone: [name: string, open: () => RedisClient][] = [
  ['that gives replies in the shapes of RESP3', () => redis(Redis, { replyMapping: 'resp3' })],
  ['with automatic pipelines', () => redis(Redis, { enableAutoPipelining: true })],
  ['of ioredis 5', () => redis(Redis5)],
];
const ofCluster: typeof standalone = [
  [
    'with automatic pipelines, for a cluster',
    () => disconnectAtEnd(new Cluster(cluster.urls, { enableAutoPipelining: true })),
  ],
  ['of ioredis 5, for a cluster', () => disconnectAtEnd(new Cluster5(cluster.urls))],
];

/** Opens a client before the tests of a group, and waits until it is ready. */
function opened(open: () => RedisClient): { client: RedisClient } {
  const given = {} as { client: RedisClient };
  beforeAll(async () => {
    given.client = open();
    if (given.client.status === 'wait') await (given.client as Redis).connect();
    await until(
      async () => given.client.status === 'ready',
      20_000,
      () => 'The client was not ready in time.',
    );
  });
  return given;
}

describe.each(standalone)('the adapter with a client %s', (name, open) => {
  const given = opened(open);
  let caches = 0;

  describeCacheAdapter(
    `RedisAdapter (a client ${name})`,
    async (context) => {
      const clock = new SystemClock();
      const options = readRedis({
        client: given.client,
        keyPrefix: `${name.replaceAll(' ', '-')}-${++caches}`,
        commandTimeout: '5s',
      });
      return {
        adapter: await whenUp(await openRedisAdapter(options, createEntryCodec({}), { ...context, clock })),
        clock,
        pass: (ms) => sleep(ms),
      };
    },
    { usageLagMs: 100 },
  );
});

describe.each([...standalone, ...ofCluster])('a client %s', (name, open) => {
  const given = opened(open);

  it('keeps near copies up to date', async () => {
    const { client } = given;
    const options = { backend: 'hybrid', redis: { client, keyPrefix: `near-${name.replaceAll(' ', '-')}` } } as const;
    const [one, other] = await Promise.all([createCache(options), createCache(options)]);
    const see = async (value: string): Promise<void> => {
      await one.set('k', value, { tags: ['t'] });
      await until(
        async () => (await other.get('k')) === value,
        5_000,
        () => `The other cache did not see ${value} in time.`,
      );
    };

    await see('a');
    await see('b');
    await one.invalidateTags(['t']);
    await until(
      async () => !(await other.has('k')),
      5_000,
      () => 'The other cache still had the value.',
    );

    expect((await other.getStats()).coherence?.mode).toBe('tracking');
    await Promise.all([one.close(), other.close()]);
    expect(client.status).toBe('ready');
  });
});
