import type { RedisOptions } from '../../src/adapters/redis/options/redis-options.js';
import type { CacheAdapter } from '../../src/core/ports/cache-adapter.port.js';
import { until } from './redis/until.js';
import { type RedisServer, startCluster, startRedis, startSentinels } from './redis-servers.js';

/** Where Redis is, the servers that hold what is stored, and how to end it. */
export interface Deployment {
  readonly redis: RedisOptions;
  readonly masters: readonly RedisServer[];
  stop(): Promise<void>;
}

type Start = () => Promise<Deployment>;

/** A Redis of each kind, empty and of its own. */
export const startDeployment = {
  standalone: async () => {
    const server = await startRedis();
    return { redis: { url: server.url }, masters: [server], stop: () => server.stop() };
  },
  Cluster: async () => {
    const cluster = await startCluster();
    return {
      redis: { cluster: { nodes: cluster.urls } },
      masters: cluster.nodes.slice(0, 3),
      stop: () => cluster.stop(),
    };
  },
  Sentinel: async () => {
    const trio = await startSentinels();
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
    return { redis: { sentinel: { name: trio.name, sentinels } }, masters: [trio.master], stop: () => trio.stop() };
  },
} as const satisfies Record<string, Start>;

export const DEPLOYMENTS = Object.entries(startDeployment) as [name: string, start: Start][];

/**
 * Waits until the adapter reaches Redis. Opening returns after one second in any case, and a busy machine can need
 * longer.
 */
export async function whenUp<T extends CacheAdapter>(adapter: T): Promise<T> {
  await until(
    async () => (await adapter.usage()).status === 'up',
    20_000,
    () => 'The adapter never came up.',
  );
  return adapter;
}
