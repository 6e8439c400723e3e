import { expect, it, jest } from '@jest/globals';
import { times } from '../support/cache-with.js';
import { until } from '../support/redis/until.js';
import { startCluster } from '../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, open, rawClient } from './redis.fixture.js';

jest.setTimeout(60_000);
cleanUpAfterEach();

it('uses the credentials of a listed node for all others, and for a promoted replica (fault 33)', async () => {
  const cluster = await stopAfterTest(startCluster());
  for (const node of cluster.nodes) await rawClient(node).config('SET', 'masterauth', 'pw', 'requirepass', 'pw');
  const [first, second, , , replica] = cluster.nodes;
  const { cache } = await open({
    url: `redis://:pw@127.0.0.1:${first!.port},127.0.0.1:${second!.port}`,
    commandTimeout: '1s',
  });
  const keys = times(60, (i) => `k${i}`);
  const areServed = async (): Promise<boolean> => {
    await cache.setMany(keys.map((key) => [key, key])).catch(() => undefined);
    return (await cache.getMany(keys)).size === keys.length;
  };

  const before = await areServed();
  second!.kill('SIGKILL');
  await until(
    async () => (await rawClient(replica!, 'pw').info('replication')).includes('role:master'),
    15_000,
    () => 'No replica was promoted.',
  );
  await until(areServed, 15_000, () => 'The promoted replica serves nothing.');

  expect(before).toBe(true);
});
