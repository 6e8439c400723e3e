/**
 * `nestjs-cache-kit/redis`: the Redis and hybrid backends for the option `adapter`. Needs `ioredis` 5.4 or later, or 6.
 */
import { HybridAdapter } from './adapters/hybrid/hybrid.adapter.js';
import { MemoryAdapter } from './adapters/memory/memory.adapter.js';
import { type MemoryOptions, readMemory } from './adapters/memory/memory-options.js';
import { openCoherentRedis, openRedisAdapter } from './adapters/redis/open-redis.js';
import {
  type HybridRedisOptions,
  readHybridRedis,
  readRedis,
  type RedisOptions,
} from './adapters/redis/options/redis-options.js';
import { createEntryCodec } from './core/values/codec.js';
import type { CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import { readSealing, type SealingOptions } from './core/values/sealing/sealing-options.js';

/** The options of `redisAdapter`. */
export interface RedisAdapterOptions extends RedisOptions, SealingOptions {}

/**
 * Makes the adapter of `backend: 'redis'`, for `CacheKitOptions.adapter`. Set `singleFlight: 'cluster'` beside it where
 * a key must load once for all processes together.
 * @throws CacheConfigError that names the wrong option
 */
export function redisAdapter({ compression, encryption, ...redis }: RedisAdapterOptions): CacheAdapterFactory {
  const resolved = readRedis(redis);
  const sealing = readSealing({ compression, encryption });
  return (context) => openRedisAdapter(resolved, createEntryCodec({ ...sealing, types: context.types }), context);
}

/** The options of `hybridAdapter`. */
export interface HybridAdapterOptions extends HybridRedisOptions, SealingOptions {
  /** Limits of the near tier, with the defaults of the memory backend. */
  memory?: MemoryOptions;
}

/**
 * Makes the adapter of `backend: 'hybrid'`, for `CacheKitOptions.adapter`; `singleFlight` as for `redisAdapter`.
 * @throws CacheConfigError that names the wrong option
 */
export function hybridAdapter({
  memory,
  compression,
  encryption,
  ...redis
}: HybridAdapterOptions): CacheAdapterFactory {
  const near = readMemory(memory);
  const far = readHybridRedis(redis);
  const sealing = readSealing({ compression, encryption });
  return async (context) => {
    const redis = await openCoherentRedis(far, createEntryCodec({ ...sealing, types: context.types }), context);
    return new HybridAdapter({ near: new MemoryAdapter(near, context), ...redis, clock: context.clock });
  };
}

export type { MemoryOptions } from './adapters/memory/memory-options.js';
export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/values/sealing/sealing-options.js';
export type {
  CoherenceMode,
  HybridRedisOptions,
  RedisAddress,
  RedisClient,
  RedisOptions,
} from './adapters/redis/options/redis-options.js';
