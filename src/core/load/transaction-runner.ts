import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Clock, Timer } from '../ports/clock.port.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { type KeptChanges, Transaction } from '../scopes/transaction.js';
import { CacheConfigError } from '../vocabulary/cache.errors.js';
import type { Invalidations } from './invalidations.js';
import type { ValueWriter } from './value-writer.js';

export interface TransactionParts {
  /** Name of the cache. */
  readonly name: string;
  readonly scopes: CallScopes;
  readonly invalidations: Invalidations;
  readonly writer: ValueWriter;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
}

/** Delays before an invalidation that has failed is made again. After the last of them it is given up. */
const RETRY_DELAYS_MS = [100, 1_000, 10_000];

/** Runs transactions, and makes their changes when their work has succeeded. */
export class TransactionRunner {
  readonly #parts: TransactionParts;
  readonly #retries = new Set<Timer>();
  #isClosed = false;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  /**
   * Runs `work`. Its changes are kept back until it has succeeded; a failure of theirs is reported, and does not reach
   * the caller, whose work is done. When `work` fails there are none.
   * @throws CacheConfigError after `close()`
   */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    const { name, scopes } = this.#parts;
    if (this.#isClosed)
      throw new CacheConfigError(
        `Expected an open cache for a transaction, got \`${name}\`, which is closed: its changes would be lost. ` +
          'End all transactions before `close()`; in Nest, before `onApplicationShutdown`.',
      );
    const outer = scopes.transaction;
    const transaction = new Transaction(outer);
    let isDone = false;
    try {
      const result = await scopes.inTransaction(transaction, async () => work());
      isDone = true;
      return result;
    } finally {
      if (outer !== undefined) transaction.joinOuter(outer, isDone);
      const changes = transaction.end();
      if (outer === undefined && isDone) await this.#make(changes);
    }
  }

  /**
   * Invalidates tags, at once or at the end of the running transaction. Never rejects: a failure is reported, and made
   * up for.
   */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    const { scopes, invalidations } = this.#parts;
    const target = { kind: 'tags', tags, mode: 'any' } as const;
    const run = (): Promise<number> => invalidations.ofTags(tags, {});
    if (tags.length === 0) return;
    if (scopes.transaction === undefined) await this.#invalidate(run);
    else scopes.transaction.invalidate(target, false, run);
  }

  /** Begins no further transaction, and gives up what is to be made again. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#retries) timer.cancel();
  }

  async #make({ invalidations, sets, last }: KeptChanges): Promise<void> {
    const { writer } = this.#parts;
    await Promise.all(invalidations.map((run) => this.#invalidate(run)));
    await Promise.all(sets.map(({ namespace, drafts }) => this.#reported(() => writer.store(drafts, namespace))));
    await Promise.all(last.map((run) => this.#reported(run)));
  }

  /** The store reports its own fault. @param failures so far */
  async #invalidate(run: () => Promise<unknown>, failures = 0): Promise<void> {
    try {
      await run();
    } catch {
      const delayMs = RETRY_DELAYS_MS[failures];
      if (delayMs === undefined || this.#isClosed) return;
      const timer = this.#parts.clock.schedule(delayMs, () => {
        this.#retries.delete(timer);
        void this.#invalidate(run, failures + 1);
      });
      this.#retries.add(timer);
    }
  }

  async #reported(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#parts.reporter.fault(error, 'make a change of a transaction');
    }
  }
}
