/** `nestjs-cache-kit/redis`: the Redis backend for people who compose by hand. Needs `ioredis` 6. */
import { openRedisAdapter } from './adapters/redis/open-redis.js';
import { createEntryCodec } from './core/codec.js';
import type { CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import { readRedis, type RedisOptions } from './core/redis-options.js';
import { type CompressionOptions, type EncryptionOptions, readCompression, readEncryption } from './core/sealing-options.js';

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
  const codec = createEntryCodec({ compression: readCompression(compression), encryption: readEncryption(encryption) });
  return (context) => openRedisAdapter(resolved, codec, context);
}

export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/sealing-options.js';
export type { RedisAddress, RedisOptions } from './core/redis-options.js';
