import { Redis } from 'ioredis';
import { PendingValues } from '../../../src/adapters/bullmq/store/pending-values.js';
import { idOf } from '../../../src/adapters/bullmq/store/queue-names.js';
import { bullmqWriteBehind, type BullmqWriter } from '../../../src/bullmq.js';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import type { CacheError } from '../../../src/core/vocabulary/cache.errors.js';
import { SystemClock } from '../../../src/core/system-clock.js';
import { createEntryCodec } from '../../../src/core/values/codec.js';
import { type EncryptionOptions, readSealing } from '../../../src/core/values/sealing/sealing-options.js';
import { createWriteCodec } from '../../../src/core/write-behind/write-codec.js';
import { createCache } from '../../../src/create-cache.js';
import { until } from '../../support/redis/until.js';
import { afterTest } from '../redis.fixture.js';

/** Time for a write that is due, on a busy machine. */
export const WRITTEN_WITHIN_MS = 10_000;

export interface WritingCache {
  readonly cache: CacheService;
  readonly errors: CacheError[];
}

export type Writers = Record<string, BullmqWriter>;

/** Opens a cache that writes behind on BullMQ. It is closed after the test. */
export async function openWriting(
  connection: string | object,
  writers: Writers,
  options: Omit<CacheKitOptions, 'onError'> & { queue?: { name?: string } } = {},
): Promise<WritingCache> {
  const { queue, ...others } = options;
  const errors: CacheError[] = [];
  const cache = await createCache({
    writeBehind: bullmqWriteBehind({ connection, writers, ...queue }),
    ...others,
    onError: (error) => errors.push(error),
  });
  afterTest(() => cache.close());
  return { cache, errors };
}

/** A source with one value per key. Its writes can be held, and can fail. */
export class Source {
  readonly rows = new Map<string, unknown>();
  /** What was written, in order. */
  readonly writes: { readonly key: string; readonly value: unknown; readonly namespace: string | undefined }[] = [];
  /** Writes of the same key at the same time, at most. */
  mostOverlapping = 0;
  #held: (() => void)[] | undefined;
  #failures = 0;
  readonly #running = new Map<string, number>();

  readonly save: BullmqWriter = async (value, key, { namespace }) => {
    const running = (this.#running.get(key) ?? 0) + 1;
    this.#running.set(key, running);
    this.mostOverlapping = Math.max(this.mostOverlapping, running);
    this.writes.push({ key, value, namespace });
    try {
      if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
      if (this.#failures > 0) {
        this.#failures--;
        throw new Error('the source is away');
      }
      this.rows.set(key, value);
    } finally {
      this.#running.set(key, (this.#running.get(key) ?? 1) - 1);
    }
  };

  get values(): unknown[] {
    return this.writes.map(({ value }) => value);
  }

  /** Lets writes begin, and not end. */
  hold(): void {
    this.#held ??= [];
  }

  /** Ends the writes that were held, and holds no more. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const end of held) end();
  }

  /** Lets the next writes fail. */
  failNext(times: number): void {
    this.#failures = times;
  }

  async untilWrites(count: number, withinMs = WRITTEN_WITHIN_MS): Promise<void> {
    await until(
      async () => this.writes.length >= count,
      withinMs,
      () => `Expected ${count} writes, got ${JSON.stringify(this.writes)}.`,
    );
  }
}

/** Waits until nothing is pending in the queue of a cache. */
export async function untilLanded(
  port: number,
  { root = 'cache-kit-write-behind:{default}', withinMs = WRITTEN_WITHIN_MS } = {},
): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1' });
  try {
    let left: string[] = [];
    await until(
      async () => (left = await client.zrange(`${root}:cache-kit:pending`, '0', '-1')).length === 0,
      withinMs,
      () => `Expected nothing to be pending, got ${left.join()}.`,
    );
  } finally {
    client.disconnect();
  }
}

/** Waits until `isTrue` holds. */
export function untilTrue(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  withinMs = WRITTEN_WITHIN_MS,
): Promise<void> {
  return until(
    async () => isTrue(),
    withinMs,
    () => `Expected within ${withinMs} ms: ${what}.`,
  );
}

/** Leaves a pending value in Redis, as a process does that dies before it adds the job. */
export async function leave(
  { port }: { port: number },
  { key, value, writer, encryption }: { key: string; value: unknown; writer: string; encryption?: EncryptionOptions },
): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1' });
  const clock = new SystemClock();
  const values = new PendingValues(client, {
    clock,
    root: 'cache-kit-write-behind:{default}',
    isReady: () => client.status === 'ready',
  });
  const codec = createWriteCodec(createEntryCodec(readSealing({ encryption })), clock);
  const written = { key, namespace: undefined, value };
  const order = { writer, retries: 0, backoffMs: 0 };
  await values.add({
    id: idOf(written),
    key,
    delayMs: 0,
    maxPending: 10,
    order,
    bytes: await codec.encode(written),
  });
  client.disconnect();
}
