import type { Cluster, Redis } from 'ioredis';
import type { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5';
import type { RedisClient, RedisOptions } from '../../src/index.js';

// Compiled, never run: accepted types of `redis.client`.

declare const redis: Redis;
declare const cluster: Cluster;
declare const redis5: Redis5;
declare const cluster5: Cluster5;

export const accepted: RedisClient[] = [redis, cluster, redis5, cluster5];
export const options: RedisOptions[] = [
  { client: redis },
  { client: cluster },
  { client: redis5 },
  { client: cluster5 },
];

// @ts-expect-error a client of another library
export const refused: RedisClient = { isOpen: true, isReady: true, duplicate: () => undefined };
