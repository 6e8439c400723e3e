import { type RedisServer, startServer } from './redis/redis-server.js';
import { commonArgs } from './redis/server-args.js';

export { type RedisCluster, startCluster } from './redis/redis-cluster.js';
export { type RedisSentinelTrio, startSentinels } from './redis/redis-sentinels.js';
export { findServer } from './redis/server-process.js';
export type { RedisServer };

export interface RedisOptions {
  /** Additional server arguments, which override the common ones: `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
  /** @default a free port */
  readonly port?: number;
}

/** Starts an empty server that writes nothing to disk. */
export function startRedis({ args = [], port: fixedPort }: RedisOptions = {}): Promise<RedisServer> {
  return startServer((port) => [...commonArgs(port), ...args], fixedPort);
}
