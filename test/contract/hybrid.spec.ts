import { afterAll, beforeAll, describe, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../../src/core/system-clock.js';
import { hybridAdapter } from '../../src/redis.js';
import { describeCacheAdapter } from '../../src/testing/index.js';
import { type Deployment, startDeployment, whenUp } from '../support/deployments.js';

// An interleaving takes some hundred round trips, and other workers can slow the machine down.
jest.setTimeout(30_000);

let caches = 0;

function describeHybrid(start: () => Promise<Deployment>, coherence: 'tracking' | 'bus' | 'ttl'): void {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await start();
  }, 60_000);
  afterAll(() => deployment.stop());

  describeCacheAdapter(
    `HybridAdapter (${coherence})`,
    async (context) => {
      const clock = new SystemClock();
      // One server for all tests; each test has its own key prefix.
      const open = hybridAdapter({
        ...deployment.redis,
        coherence,
        keyPrefix: `contract-${++caches}`,
        commandTimeout: '5s',
      });
      return { adapter: await whenUp(await open({ ...context, clock })), clock, pass: (ms) => sleep(ms) };
    },
    { usageLagMs: 100, keepsTypes: true },
  );
}

describe('standalone', () => describeHybrid(startDeployment.standalone, 'tracking'));
describe('standalone', () => describeHybrid(startDeployment.standalone, 'ttl'));
describe('Cluster', () => describeHybrid(startDeployment.Cluster, 'tracking'));
describe('Cluster', () => describeHybrid(startDeployment.Cluster, 'bus'));
describe('Sentinel', () => describeHybrid(startDeployment.Sentinel, 'tracking'));
