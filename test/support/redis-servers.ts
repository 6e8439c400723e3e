import { type RedisServer, startServer } from './redis/redis-server.js';
import { commonArgs } from './redis/server-args.js';

export { type RedisCluster, startCluster } from './redis/redis-cluster.js';
export { type RedisSentinelTrio, startSentinels } from './redis/redis-sentinels.js';
export { findServer } from './redis/server-process.js';
export type { RedisServer };

export interface RedisOptions {
  /** After those of every server, and stronger: `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
  /** @default a free one */
  readonly port?: number;
}

/** An empty server of its own, which keeps nothing. */
export function startRedis({ args = [], port: fixedPort }: RedisOptions = {}): Promise<RedisServer> {
  return startServer((port) => [...commonArgs(port), ...args], fixedPort);
}
