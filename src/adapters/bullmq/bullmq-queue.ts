import { type BullmqWriteBehindOptions, readBullmqOptions, type ResolvedBullmqOptions } from './bullmq-options.js';
import { BullmqWrites } from './bullmq-writes.js';
import { loadBullmq } from './load-bullmq.js';
import type { WriteBehindContext, WriteBehindQueue } from '../../core/ports/write-behind-queue.port.js';
import { createEntryCodec } from '../../core/values/codec.js';
import { InProcessQueue } from '../../core/write-behind/in-process-queue.js';
import { createWriteCodec } from '../../core/write-behind/write-codec.js';

/** A queue on BullMQ. Each cache that it is given to has a queue of its own in Redis. */
export class BullmqQueue implements WriteBehindQueue {
  readonly #options: ResolvedBullmqOptions;

  /** @throws CacheConfigError that names the wrong option */
  constructor(options: BullmqWriteBehindOptions) {
    this.#options = readBullmqOptions(options);
  }

  async open(context: WriteBehindContext): Promise<BullmqWrites> {
    const { sealing } = this.#options;
    const codec =
      sealing === undefined
        ? context.codec
        : createWriteCodec(createEntryCodec({ ...sealing, types: context.types }), context.clock);
    return new BullmqWrites({
      packages: await loadBullmq(),
      options: this.#options,
      context: { ...context, codec },
    });
  }

  inProcess(): InProcessQueue {
    return new InProcessQueue(this.#options.writers);
  }
}
