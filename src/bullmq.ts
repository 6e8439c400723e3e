/** `nestjs-cache-kit/bullmq`: durable write-behind, for the option `writeBehind`. Needs `bullmq` 6 and `ioredis`. */
import type { BullmqWriteBehindOptions } from './adapters/bullmq/bullmq-options.js';
import { BullmqQueue } from './adapters/bullmq/bullmq-queue.js';
import type { WriteBehindQueue } from './core/ports/write-behind-queue.port.js';

/**
 * Makes a queue for `CacheKitOptions.writeBehind` that keeps values in Redis until they are written: a process that
 * dies loses none of them. It works with every backend.
 * ```ts
 * bullmqWriteBehind({ connection: 'redis://localhost:6379', writers: { saveProduct: async (value) => { ... } } })
 * ```
 * @throws CacheConfigError that names the wrong option
 */
export function bullmqWriteBehind(options: BullmqWriteBehindOptions): WriteBehindQueue {
  return new BullmqQueue(options);
}

export type { BullmqWriteBehindOptions, BullmqWriter } from './adapters/bullmq/bullmq-options.js';
export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/values/sealing/sealing-options.js';
