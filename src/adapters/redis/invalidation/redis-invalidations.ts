import { CacheUnavailableError } from '../../../core/vocabulary/cache.errors.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import type { Hides, RedisContext } from '../entries/redis-context.js';
import { GroupEnding } from './group-ending.js';
import type { InvalidationOptions } from './invalidation-options.js';
import { Invalidator } from './invalidator.js';
import { Outbox } from './outbox.js';
import { Redelivery } from './redelivery.js';
import { TagConjunction } from './tag-conjunction.js';
import { TrashSweeper } from './trash-sweeper.js';

/** The invalidations of this process: sent at once, or queued and sent again until Redis acknowledges them. */
export class RedisInvalidations {
  readonly #invalidator: Invalidator;
  readonly #sweeper: TrashSweeper;
  readonly #outbox: Outbox;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
    this.#sweeper = new TrashSweeper(context);
    const ending = new GroupEnding(context, this.#sweeper);
    this.#invalidator = new Invalidator(context, new TagConjunction(context), ending, this.#sweeper);
    this.#outbox = new Outbox(context.clock, new Redelivery(context, this.#invalidator, ending));
  }

  /** Number of queued keys, tags and other targets. */
  get pending(): number {
    return this.#outbox.size;
  }

  /** Returns the filter for reads and loads that begin now. */
  hides(): Hides {
    return this.#outbox.filter();
  }

  /** Invalidates entries. Returns the number of live ones; 0 when the invalidation had to be queued. */
  async run(target: EntryTarget, options: InvalidationOptions): Promise<number> {
    if (options.dryRun) return this.#invalidator.run(target, options);
    try {
      const count = await this.#invalidator.run(target, options);
      this.#outbox.acknowledged(target, options.soft);
      return count;
    } catch (error) {
      // A closed outbox takes nothing.
      if (!this.#outbox.add(target, options.soft)) throw error;
      this.#context.onError(queued(error));
      return 0;
    }
  }

  /** Remembers that other entries replaced the ones under these keys, in case the server loses that. */
  replaced(keys: readonly string[], namespace: string | undefined): void {
    this.#outbox.acknowledged({ kind: 'keys', keys, namespace }, false);
  }

  /** Queues an invalidation of keys whose entries could not be replaced. */
  notReplaced(keys: readonly string[], namespace: string | undefined): void {
    this.#outbox.add({ kind: 'keys', keys, namespace }, false);
  }

  /** Hides what was invalidated lately from the reads and loads that are under way. */
  onStrayed(): void {
    this.#outbox.strayed();
  }

  /** @param isMoved true when the server may have lost what it acknowledged */
  onUp(isMoved: boolean): void {
    if (isMoved) this.#outbox.repeatRecent();
    void this.#outbox.flush();
    void this.#sweeper.adopt();
  }

  /** Resolves when the queue is sent, as far as Redis can be reached, and the memory of the entries is freed. */
  async drain(): Promise<void> {
    if (this.#outbox.size > 0 && this.#context.link.isUp()) await this.#outbox.flush();
    await this.#sweeper.done();
  }

  close(): void {
    if (this.#outbox.size > 0) this.#context.onError(undelivered(this.#outbox.size));
    this.#outbox.close();
    this.#sweeper.close();
  }
}

function queued(cause: unknown): CacheUnavailableError {
  return new CacheUnavailableError(
    'Could not send an invalidation to Redis; it is queued and will be retried until Redis acknowledges it. ' +
      'Until then this process treats the invalidated entries as missing.',
    { cause },
  );
}

function undelivered(count: number): CacheUnavailableError {
  return new CacheUnavailableError(
    `The cache was closed before ${count} invalidations could be sent to Redis. ` +
      'Other processes may serve the entries they name until these expire.',
  );
}
