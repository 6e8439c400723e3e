import { describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from '../../src/core/cache-internals.js';
import type { CacheService } from '../../src/core/cache.service.js';
import type { Finding } from '../../src/core/vocabulary/finding.js';
import { startRedis } from '../support/redis-servers.js';
import { cleanUpAfterEach, open, openHybrid, rawClient, stopAfterTest, untilStatus } from './redis.fixture.js';

/** What the doctor finds in a Redis that runs; the findings of the start are tested in long/set-up.spec.ts. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const findingsOf = async (cache: CacheService): Promise<readonly Finding[]> =>
  (await internalsOf(cache).diagnose()).findings;

describe('the doctor asks Redis', () => {
  it('how it evicts now, not how it did at the start', async () => {
    const { port } = await stopAfterTest(startRedis());
    const client = rawClient({ port });
    const { cache } = await open({ url: `redis://localhost:${port}`, commandTimeout: '5s' });
    expect(await internalsOf(cache).diagnose()).toEqual({ isStoreAsked: true, findings: [] });

    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await client.config('SET', 'maxmemory', '64mb');
    expect(await findingsOf(cache)).toMatchObject([
      { problem: expect.stringMatching(/^Redis at redis:\/\/localhost:\d+\/0 may hold 64 MiB and evicts nothing/) },
    ]);

    await client.config('SET', 'maxmemory', '1mb');
    expect(await findingsOf(cache)).toContainEqual(
      expect.objectContaining({
        level: 'error',
        problem: expect.stringMatching(/is full to \d+ % and evicts nothing/),
      }),
    );

    await client.config('SET', 'maxmemory-policy', 'allkeys-lfu');
    await client.config('SET', 'maxmemory', '64mb');
    expect(await findingsOf(cache)).toEqual([]);
  });

  it('whether it has become a replica', async () => {
    const { port } = await stopAfterTest(startRedis());
    const client = rawClient({ port });
    const { cache } = await open({ url: `redis://localhost:${port}`, commandTimeout: '5s' });

    await client.replicaof('localhost', 1);

    expect(await findingsOf(cache)).toContainEqual(
      expect.objectContaining({
        level: 'error',
        problem: expect.stringMatching(/is a replica, which takes no writes/),
      }),
    );
  });

  it('nothing while it is away, and says that', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await open({ url: `redis://localhost:${server.port}` });
    await server.stop();
    await untilStatus(cache, 'down');

    const { isStoreAsked, findings } = await internalsOf(cache).diagnose();

    expect(isStoreAsked).toBe(false);
    expect(findings).toMatchObject([{ level: 'error', problem: expect.stringMatching(/cannot be reached/) }]);
  });

  it('which rights near copies lack', async () => {
    const { port } = await stopAfterTest(startRedis());
    const client = rawClient({ port });
    await client.call('ACL', 'SETUSER', 'default', '-client|tracking');
    const { cache } = await openHybrid({ url: `redis://localhost:${port}`, commandTimeout: '5s' });

    expect(await findingsOf(cache)).toMatchObject([
      {
        problem: expect.stringMatching(/^Near copies learn of changes by 'bus' in place of 'tracking'\. .*NOPERM.*\.$/),
        fix: expect.stringMatching(/`\+client\|tracking`/),
      },
    ]);
  });
});
