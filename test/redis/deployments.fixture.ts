import { ask } from '../support/redis/ask.js';
import { until } from '../support/redis/until.js';
import { type Deployment, startDeployment } from '../support/deployments.js';
import type { RedisServer } from '../support/redis-servers.js';
import { stopAfterTest, rawClient, timed } from './redis.fixture.js';

/** One server, and several masters. Each is stopped after the test that started it. */
export const ONE_AND_SEVERAL_MASTERS: readonly (readonly [name: string, start: () => Promise<Deployment>])[] = [
  ['standalone', () => stopAfterTest(startDeployment.standalone())],
  ['Cluster', () => stopAfterTest(startDeployment.Cluster())],
];

/** How many keys there are in all. */
export async function size(masters: readonly RedisServer[]): Promise<number> {
  const sizes = await Promise.all(masters.map(({ port }) => ask(port, 'DBSIZE')));
  return sizes.reduce((sum, each) => sum + Number(each), 0);
}

/** Ends when no key is left. @returns after how long */
export async function untilEmpty(masters: readonly RedisServer[], withinMs: number): Promise<number> {
  let left = 0;
  const isEmpty = async (): Promise<boolean> => (left = await size(masters)) === 0;
  return (await timed(() => until(isEmpty, withinMs, () => `${left} keys are left.`))).tookMs;
}

/** The keys of one server, and for how long they stay; -1 is for ever. */
export async function keysOf({ port }: RedisServer): Promise<{ readonly key: string; readonly ttlMs: number }[]> {
  const client = rawClient({ port });
  const keys = await client.keys('*');
  const found = await Promise.all(keys.map(async (key) => ({ key, ttlMs: await client.pttl(key) })));
  client.disconnect();
  // Some may have gone in between.
  return found.filter(({ ttlMs }) => ttlMs !== -2);
}
