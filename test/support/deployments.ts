import type { RedisOptions } from '../../src/core/redis-options.js';
import { startCluster, startRedis, startSentinels } from './redis-servers.js';

/** Where Redis is, and how to end it. */
export interface Deployment {
  readonly redis: RedisOptions;
  stop(): Promise<void>;
}

type Start = () => Promise<Deployment>;

/** A Redis of each kind, empty and of its own. */
export const startDeployment = {
  standalone: async () => {
    const server = await startRedis();
    return { redis: { url: server.url }, stop: () => server.stop() };
  },
  Cluster: async () => {
    const cluster = await startCluster();
    return { redis: { cluster: { nodes: cluster.urls } }, stop: () => cluster.stop() };
  },
  Sentinel: async () => {
    const trio = await startSentinels();
    return { redis: { sentinel: { name: trio.name, sentinels: trio.sentinels.map(({ host, port }) => ({ host, port })) } }, stop: () => trio.stop() };
  },
} as const satisfies Record<string, Start>;

export const DEPLOYMENTS = Object.entries(startDeployment) as [name: string, start: Start][];
