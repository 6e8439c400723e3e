import type { CacheMetrics } from './observation/cache-metrics.js';
import type { Diagnosis } from './observation/diagnosis.js';
import type { CacheTracer } from './ports/cache-tracer.port.js';
import type { Factory, GetOrSetOptions, NamespaceOption } from './load/call-options.js';
import type { Begun } from './load/open-loads.js';
import type { Caller } from './observation/caller.js';
import type { Awaitable, StoredEntry } from './ports/cache-adapter.port.js';
import type { LoadOutcome } from './ports/cache-entry.js';
import type { Clock } from './ports/clock.port.js';
import type { CacheError } from './vocabulary/cache.errors.js';
import { sharedByCopies } from './vocabulary/copies.js';

/** The result of a read, and the time that it took. */
export interface TimedRead {
  readonly entry: StoredEntry | undefined;
  readonly waitedMs: number;
}

/** The side of a cache that routes, decorators and warming work with. Applications see `CacheOperations` alone. */
export interface CacheInternals {
  readonly clock: Clock;

  /**
   * Gives the stored entry, fresh or expired, to a caller that decides itself whether to serve it. Copies and counts
   * nothing: the caller reports a served entry to `countServed`. Answers at once where the store does. Rejects where
   * the store cannot be reached; that is reported already, and a second read would fail too.
   */
  find(key: string, options?: NamespaceOption): Awaitable<StoredEntry | undefined>;

  /**
   * Gives the value as `getOrSet` does, and where it came from. `outcome.entry.shared` is the stored value without a
   * copy.
   * @param found the result of an earlier `find` of this key; without it the store is read
   */
  load<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>, found?: TimedRead): Promise<LoadOutcome<T>>;

  /**
   * Looks a key up for an owner that computes its value itself, and sets the fence for it. A fresh entry is counted as
   * a hit, and answered at once where the store does.
   * @returns the entry, or the open load
   */
  open(key: string, options: GetOrSetOptions<unknown>): Awaitable<Begun>;

  /**
   * Invalidates tags, in a transaction at its end. Never rejects: a failure is reported, and repeated for some seconds.
   */
  invalidateTags(tags: readonly string[]): Promise<void>;

  /** Removes the key, as `CacheOperations.delete` does. */
  delete(key: string, options?: NamespaceOption): Promise<boolean>;

  /** True for a call in a transaction, which must not read or store what other calls share. */
  isInTransaction(): boolean;

  /** Runs `work` outside of the transaction that the call is in: its changes are made at once. */
  outsideTransaction<T>(work: () => T): T;

  /**
   * Lists classes whose instances are given back as instances. Leaves out a class that `types` would refuse alone, and
   * one that is listed already or whose name is.
   */
  addTypes(classes: readonly unknown[]): void;

  isClosed(): boolean;

  /** Counts an entry of `find` that was served to a caller. */
  countServed(entry: StoredEntry, status: 'hit' | 'stale', caller: Caller): void;

  /** Counts a request that went past the cache. */
  countBypass(caller: Caller): void;

  /**
   * Follows the reads, loads and invalidations of the cache from now on. Returns the function that ends it.
   * @throws CacheConfigError where the cache is traced already
   */
  traceWith(tracer: CacheTracer): () => void;

  /** Counts for metrics, more exact than `getStats`. */
  metrics(): Promise<CacheMetrics>;

  /** Looks for what is wrong with the cache now. */
  diagnose(): Promise<Diagnosis>;

  /** Tells operators a fact in one sentence, as `CacheAdapterContext.onNotice` does. */
  notice(sentence: string, level?: 'log' | 'warn'): void;

  /** Reports a fault in how the cache is used that must not reach a caller; once for each decorated method and code. */
  reportMisuse(error: CacheError, caller?: Caller): void;

  readonly pendingWrites: {
    /** Begins to write what is pending, also what an earlier process has left. Does nothing the second time. */
    start(): void;

    /** Writes what is pending at once. Waits for it for the time that `close()` has, and takes that off it. */
    flush(): Promise<void>;
  };
}

/** The internals of each cache. A route of one copy of the kit may use a cache of another copy. */
const internals = sharedByCopies('internals', () => new WeakMap<object, CacheInternals>());

/** Registers the internals of a new cache. */
export function keepInternals(cache: object, own: CacheInternals): void {
  internals.set(cache, own);
}

/** True for a cache, false for an object that a test has put in its place. */
export function hasInternals(cache: object): boolean {
  return internals.has(cache);
}

/** @throws TypeError for an object that is no cache of the kit */
export function internalsOf(cache: object): CacheInternals {
  const own = internals.get(cache);
  if (own === undefined) throw new TypeError('Expected a CacheService, got an object in its place.');
  return own;
}
