/**
 * `nestjs-cache-kit/redis`: the Redis and hybrid backends for people who compose by hand. Needs `ioredis` 5.4 or later,
 * or 6.
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
import {
  type CompressionOptions,
  type EncryptionOptions,
  readCompression,
  readEncryption,
} from './core/values/sealing/sealing-options.js';

export interface RedisAdapterOptions extends RedisOptions {
  /** @default none */
  compression?: CompressionOptions;
  /** @default none */
  encryption?: EncryptionOptions;
}

/**
 * Makes the adapter of `backend: 'redis'`, for `CacheKitOptions.adapter`. Set `singleFlight: 'cluster'` beside it where
 * all processes together should load a key once.
 * @throws CacheConfigError naming the option that is wrong
 */
export function redisAdapter({ compression, encryption, ...redis }: RedisAdapterOptions): CacheAdapterFactory {
  const resolved = readRedis(redis);
  const sealing = { compression: readCompression(compression), encryption: readEncryption(encryption) };
  return (context) => openRedisAdapter(resolved, createEntryCodec({ ...sealing, types: context.types }), context);
}

export interface HybridAdapterOptions extends Omit<RedisAdapterOptions, keyof RedisOptions>, HybridRedisOptions {
  /** Of the near tier. @default as of the memory backend */
  memory?: MemoryOptions;
}

/**
 * Makes the adapter of `backend: 'hybrid'`, for `CacheKitOptions.adapter`; `singleFlight` as for `redisAdapter`.
 * @throws CacheConfigError naming the option that is wrong
 */
export function hybridAdapter({
  memory,
  compression,
  encryption,
  ...redis
}: HybridAdapterOptions): CacheAdapterFactory {
  const near = readMemory(memory);
  const far = readHybridRedis(redis);
  const sealing = { compression: readCompression(compression), encryption: readEncryption(encryption) };
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
