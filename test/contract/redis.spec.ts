import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisAdapter } from '../../src/adapters/redis/open-redis.js';
import { createEntryCodec } from '../../src/core/values/codec.js';
import { readRedis } from '../../src/adapters/redis/options/redis-options.js';
import { readCompression, readEncryption } from '../../src/core/values/sealing/sealing-options.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { describeCacheAdapter } from '../../src/testing/index.js';
import { type Deployment, DEPLOYMENTS, startDeployment, whenUp } from '../support/deployments.js';

// An interleaving takes some hundred round trips, and other workers can slow the machine down.
jest.setTimeout(30_000);

let caches = 0;

function describeRedis(
  name: string,
  start: () => Promise<Deployment>,
  sealing: Parameters<typeof createEntryCodec>[0] = {},
): void {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await start();
  }, 60_000);
  afterAll(() => deployment.stop());

  describeCacheAdapter(
    `RedisAdapter (${name})`,
    async (context) => {
      const clock = new SystemClock();
      // One server for all tests; each test has its own key prefix.
      const options = readRedis({ ...deployment.redis, keyPrefix: `contract-${++caches}`, commandTimeout: '5s' });
      return {
        adapter: await whenUp(
          await openRedisAdapter(options, createEntryCodec({ ...sealing, types: context.types }), {
            ...context,
            clock,
          }),
        ),
        clock,
        pass: (ms) => sleep(ms),
      };
    },
    { usageLagMs: 100, keepsTypes: true },
  );
}

describe.each(DEPLOYMENTS)('%s', describeRedis);

describe('sealed', () => {
  const compression = readCompression({ threshold: 16 });
  const encryption = readEncryption({ keys: [{ id: 'a', secret: 'a secret of the contract suite' }] });
  describeRedis('standalone, compressed and encrypted', startDeployment.standalone, { compression, encryption });
});
