import type { RedisContext } from '../entries/redis-context.js';
import { plain } from '../connection/command.js';

/** Lifetime of a lock: the time that a process that has died keeps others from sweeping. */
const LOCK_MS = 60_000;

/** Lets one process of a cache at a time walk its indexes, and not too often. Two at the same time would do no harm. */
export class SweepLock {
  readonly #key: string;
  readonly #context: RedisContext;

  constructor(key: string, context: RedisContext) {
    this.#key = key;
    this.#context = context;
  }

  async acquire(): Promise<boolean> {
    const [reply] = await this.#context.run([plain('SET', this.#key, 1, 'PX', LOCK_MS, 'NX')]);
    // A server that is out of memory stores no lock, and needs the sweep most.
    return reply instanceof Error ? reply.message.startsWith('OOM') : reply !== null;
  }

  /** Renews the lock. To be called every half minute during a sweep. */
  renew(): void {
    this.expireIn(LOCK_MS);
  }

  /** Lets no process sweep for `ms`. */
  expireIn(ms: number): void {
    this.#context.link.post([plain('SET', this.#key, 1, 'PX', Math.ceil(ms))]);
  }

  release(): void {
    this.#context.link.post([plain('UNLINK', this.#key)]);
  }
}
