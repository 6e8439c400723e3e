import { afterAll, beforeAll, describe } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisAdapter } from '../../src/adapters/redis/open-redis.js';
import { createEntryCodec } from '../../src/core/codec.js';
import { readRedis, type RedisOptions } from '../../src/core/redis-options.js';
import { readCompression, readEncryption } from '../../src/core/sealing-options.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { describeCacheAdapter } from '../../src/testing/index.js';
import { startCluster, startRedis, startSentinels } from '../support/redis-servers.js';

/** Where Redis is, and how to end it. */
interface Deployment {
  readonly redis: RedisOptions;
  stop(): Promise<void>;
}

const DEPLOYMENTS: readonly (readonly [name: string, start: () => Promise<Deployment>])[] = [
  ['standalone', async () => {
    const server = await startRedis();
    return { redis: { url: server.url }, stop: () => server.stop() };
  }],
  ['Cluster', async () => {
    const cluster = await startCluster();
    return { redis: { cluster: { nodes: cluster.urls } }, stop: () => cluster.stop() };
  }],
  ['Sentinel', async () => {
    const { name, sentinels, stop } = await startSentinels().then((trio) => ({ name: trio.name, sentinels: trio.sentinels, stop: () => trio.stop() }));
    return { redis: { sentinel: { name, sentinels: sentinels.map(({ host, port }) => ({ host, port })) } }, stop };
  }],
];

let caches = 0;

function describeRedis(name: string, start: () => Promise<Deployment>, codec = createEntryCodec({})): void {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await start();
  }, 60_000);
  afterAll(() => deployment.stop());

  describeCacheAdapter(
    `RedisAdapter (${name})`,
    async (context) => {
      const clock = new SystemClock();
      // Every test has a cache of its own, on one server.
      const options = readRedis({ ...deployment.redis, keyPrefix: `contract-${++caches}`, commandTimeout: '5s' });
      return { adapter: await openRedisAdapter(options, codec, { ...context, clock }), clock, pass: (ms) => sleep(ms) };
    },
    { usageLagMs: 100 },
  );
}

describe.each(DEPLOYMENTS)('%s', describeRedis);

describe('sealed', () => {
  const compression = readCompression({ threshold: 16 });
  const encryption = readEncryption({ keys: [{ id: 'a', secret: 'a secret of the contract suite' }] });
  describeRedis('standalone, compressed and encrypted', (DEPLOYMENTS[0] as (typeof DEPLOYMENTS)[number])[1], createEntryCodec({ compression, encryption }));
});
