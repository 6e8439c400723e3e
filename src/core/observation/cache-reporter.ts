import type { LoadOutcome } from '../ports/cache-entry.js';
import { type CacheEvent, CacheEventStream, type InvalidationSubject } from './cache-events.js';
import { StatsRecorder } from './cache-stats.js';
import { CacheError, type CacheErrorCode, CacheUnavailableError, isCallersFault } from '../vocabulary/cache.errors.js';
import { type Caller, notStored } from './caller.js';
import type { StoredEntry } from '../ports/cache-adapter.port.js';

/**
 * Reports what happens in a cache to the statistics, the events and the user's `onError`. Makes no event while nobody
 * listens.
 */
export class CacheReporter {
  readonly stream = new CacheEventStream();
  /** `undefined` with `stats: false`. */
  readonly stats: StatsRecorder | undefined;
  readonly #onError: (error: CacheError) => void;
  /** The codes that were reported for each decorated method. */
  readonly #reported = new WeakMap<Caller, Set<CacheErrorCode>>();

  constructor(options: { hasStats: boolean; onError: (error: CacheError) => void }) {
    this.stats = options.hasStats ? new StatsRecorder() : undefined;
    this.#onError = options.onError;
  }

  /** Counts a fresh entry that was served to a caller. */
  hit(entry: StoredEntry): void {
    entry.countHit();
    this.stats?.hit(entry.key, entry.namespace, entry.loadMs);
    if (this.stream.isObserved) this.#announce('hit', entry);
  }

  /** Counts an expired entry that was served to a caller. */
  stale(entry: StoredEntry): void {
    entry.countHit();
    this.stats?.stale(entry.key, entry.namespace, entry.loadMs);
    if (this.stream.isObserved) this.#announce('stale', entry);
  }

  miss(key: string, namespace: string | undefined): void {
    this.stats?.miss(key, namespace);
    if (this.stream.isObserved) this.stream.emit({ type: 'miss', key, namespace });
  }

  /** @param outcome absent when the load failed */
  outcome(key: string, namespace: string | undefined, outcome: LoadOutcome | undefined): void {
    if (outcome?.entry === undefined || outcome.status === 'miss') this.miss(key, namespace);
    else this[outcome.status](outcome.entry);
  }

  stored(key: string, namespace: string | undefined): void {
    if (this.stats !== undefined) this.stats.sets++;
    if (this.stream.isObserved) this.stream.emit({ type: 'set', key, namespace });
  }

  /** @returns `count` */
  deleted(keys: readonly string[], namespace: string | undefined, count: number): number {
    if (this.stats !== undefined) this.stats.deletes += count;
    if (this.stream.isObserved) this.stream.emit({ type: 'delete', keys, namespace, count });
    return count;
  }

  invalidated(target: InvalidationSubject, isSoft: boolean, count: number): void {
    if (this.stats !== undefined) this.stats.invalidations++;
    if (this.stream.isObserved) this.stream.emit({ type: 'invalidate', target, isSoft, count });
  }

  evicted(key: string, namespace: string | undefined): void {
    if (this.stream.isObserved) this.stream.emit({ type: 'evict', key, namespace });
  }

  loaded(
    keys: readonly string[],
    namespace: string | undefined,
    durationMs: number,
    isStored: (key: string) => boolean,
  ): void {
    this.stats?.loaded(durationMs, false);
    for (const key of keys) {
      if (isStored(key)) this.stored(key, namespace);
      if (this.stream.isObserved)
        this.stream.emit({ type: 'load', key, namespace, durationMs, isStored: isStored(key) });
    }
  }

  loadFailed(keys: readonly string[], namespace: string | undefined, durationMs: number, error: unknown): void {
    this.stats?.loaded(durationMs, true);
    if (!this.stream.isObserved) return;
    for (const key of keys)
      this.stream.emit({ type: 'load-failed', key, namespace, durationMs, error } satisfies CacheEvent);
  }

  #announce(type: 'hit' | 'stale', { key, namespace }: StoredEntry): void {
    this.stream.emit({ type, key, namespace });
  }

  coalesced(): void {
    if (this.stats !== undefined) this.stats.coalesced++;
  }

  /** Reports a result that was returned and not stored. @param caller the decorated method that loaded it */
  notStored(error: unknown, key: string, caller: Caller | undefined): void {
    if (isCallersFault(error)) this.misuse(notStored(error, key, caller), caller);
    else this.fault(error, 'store a value');
  }

  /**
   * Reports a fault in how the cache is used. A wrongly decorated method repeats its fault with each call; it is
   * reported with the first one.
   */
  misuse(error: CacheError, caller: Caller | undefined): void {
    if (caller === undefined) {
      this.fault(error, 'use the cache');
      return;
    }
    const reported = this.#reported.get(caller) ?? new Set();
    this.#reported.set(caller, reported);
    if (!reported.has(error.code)) this.fault(error, 'cache a method');
    else if (this.stats !== undefined) this.stats.errors++;
    reported.add(error.code);
  }

  /**
   * Reports a fault that must not reach a caller.
   * @returns the fault as a CacheError, for the few calls that reject with it
   */
  fault(error: unknown, doing: string): CacheError {
    const fault =
      error instanceof CacheError
        ? error
        : new CacheUnavailableError(`Could not ${doing}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
    if (this.stats !== undefined) this.stats.errors++;
    if (this.stream.isObserved) this.stream.emit({ type: 'error', error: fault });
    try {
      this.#onError(fault);
    } catch {
      // The user's own handler has failed, and there is nobody else to report that to.
    }
    return fault;
  }
}
