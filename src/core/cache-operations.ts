import type { Observable } from 'rxjs';
import type { CacheEntry } from './ports/cache-entry.js';
import type { CacheEvent } from './observation/cache-events.js';
import type { CacheExplanation } from './observation/cache-explanation.js';
import type { ClusterStats } from './cluster/cluster-stats.js';
import type { CacheStats } from './observation/cache-stats.js';
import type {
  Factory,
  GetOrSetOptions,
  InvalidateOptions,
  InvalidatePatternOptions,
  InvalidateTagsOptions,
  ManyFactory,
  NamespaceOption,
  SetOptions,
  WriteThroughOptions,
} from './load/call-options.js';
import type { Ttl } from './vocabulary/duration.js';
import type { WarmOptions, WarmReport } from './warm.js';
import type { WriteBehindOptions, Writer } from './write-behind/write-behind-options.js';

/**
 * The operations of a cache; `CacheService` implements them. A fault of the backend never reaches the caller of a read
 * or a load: it is reported to `onError` and counted, a read becomes a miss, and a load runs the factory. A call
 * rejects when its key (`CacheKeyError`), an option (`CacheConfigError`) or its value (`CacheSerializationError`)
 * cannot be used.
 */
export interface CacheOperations {
  /** Gives the fresh value under `key`. `undefined` is a miss; `null` is a value. */
  get<T>(key: string, options?: NamespaceOption): Promise<T | undefined>;

  /**
   * Stores a value and replaces the earlier one. TTL 0 removes the key.
   * @throws CacheSerializationError when the value cannot be stored; nothing is changed then
   */
  set<T>(key: string, value: T, options?: SetOptions): Promise<void>;

  /**
   * Removes the key.
   * @returns true when there was an entry
   * @throws CacheUnavailableError when the backend cannot be reached and the removal cannot be kept for later either
   */
  delete(key: string, options?: NamespaceOption): Promise<boolean>;

  /** Returns true when `get` would give a value. Not counted as a read. */
  has(key: string, options?: NamespaceOption): Promise<boolean>;

  /**
   * Gives a fresh value another TTL, counted from now. Its stale period stays at least as long as it was.
   * @returns false when there is no fresh value, or when it was invalidated meanwhile
   */
  touch(key: string, ttl: Ttl, options?: NamespaceOption): Promise<boolean>;

  /** Gives the entry under `key`, fresh or expired; `undefined` when absent. Not counted as a read. */
  getEntry<T>(key: string, options?: NamespaceOption): Promise<CacheEntry<T> | undefined>;

  /**
   * Gives the value under `key`. On a miss the factory computes it, once for all concurrent callers, and it is stored.
   * A factory's `undefined` is returned and not stored; its error reaches every waiting caller unchanged.
   */
  getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T>;

  /** Computes and stores the value now, even if a fresh one is stored. */
  refresh<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T>;

  /**
   * Runs `write`, then stores its result. When the result cannot be stored, or the key was written or invalidated
   * elsewhere while `write` ran, the key is invalidated instead, so that the next read loads. A fault is reported.
   */
  writeThrough<T>(key: string, write: () => Promise<T>, options?: WriteThroughOptions<T>): Promise<T>;

  /**
   * Stores a value now, and calls `write` with it later. Later values of the key replace it until then; the writes of
   * one key never overlap and never change order. A failed write is tried again; after the last retry the key is
   * invalidated. Removing or invalidating the key does not stop the write.
   * @param write a function; with `bullmqWriteBehind` the name of a registered one
   * @returns when the value is stored and its write is taken over; waits while `maxPending` keys are pending
   * @throws CacheUnavailableError when the write was not taken over; nothing is stored then
   */
  writeBehind<T>(key: string, value: T, write: Writer<T>, options?: WriteBehindOptions): Promise<void>;

  /** Gives the fresh values of `keys`, in their order, without the misses. One round trip. */
  getMany<T>(keys: readonly string[], options?: NamespaceOption): Promise<Map<string, T>>;

  /**
   * Stores all values, or none when one of them cannot be stored. One round trip.
   * @throws CacheSerializationError when one of them cannot be stored
   */
  setMany<T>(entries: Iterable<readonly [string, T]>, options?: SetOptions): Promise<void>;

  /**
   * Removes the keys.
   * @returns the number of keys that had an entry
   * @throws CacheUnavailableError as `delete` does
   */
  deleteMany(keys: readonly string[], options?: NamespaceOption): Promise<number>;

  /**
   * Gives the values of `keys`, in their order. One call of the factory computes all missing ones. A key is absent when
   * the factory leaves it out, or gives `undefined` for it. One round trip to read and one to store.
   */
  getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: GetOrSetOptions<T>,
  ): Promise<Map<string, T>>;

  /**
   * Invalidates the entries that carry these tags.
   * @returns the number of entries that reads no longer find
   * @throws CacheUnavailableError as `delete` does
   */
  invalidateTags(tags: readonly string[], options?: InvalidateTagsOptions): Promise<number>;

  /**
   * Invalidates every entry of the namespace.
   * @returns the number of entries that reads no longer find
   * @throws CacheUnavailableError as `delete` does
   */
  invalidateNamespace(namespace: string, options?: InvalidateOptions): Promise<number>;

  /**
   * Invalidates the keys of one namespace that match a glob: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character
   * with a literal meaning.
   * @returns the number of entries that reads no longer find
   * @throws CacheUnavailableError as `delete` does
   */
  invalidatePattern(pattern: string, options?: InvalidatePatternOptions): Promise<number>;

  /**
   * Removes every entry of this cache, and of no other.
   * @returns the number of entries
   * @throws CacheUnavailableError as `delete` does
   */
  clear(): Promise<number>;

  /** Frees expired entries now; this also happens by itself. @returns the number of entries */
  cleanupExpired(): Promise<number>;

  /**
   * Loads the keys that are not fresh, a few at a time. A key that fails is listed in the report and stops nothing. The
   * log tells the progress every 5 s, and the result.
   */
  warm<T>(
    keys: Iterable<string> | AsyncIterable<string>,
    factory: (key: string) => T | Promise<T>,
    options?: WarmOptions<T>,
  ): Promise<WarmReport>;

  /**
   * Runs `work`, and keeps back what it changes in this cache, wherever it calls to: `set`, `delete` and invalidations
   * are made when `work` has succeeded, and dropped when it fails. Reads of what they concern go past the cache
   * meanwhile, and nothing that is loaded in `work` is stored; `writeThrough` and `refresh` invalidate their key at the
   * end instead. Nested calls join the outer one. A change that fails is reported, and made again for some seconds.
   * @throws CacheConfigError when the cache is closed; else whatever `work` throws
   */
  transaction<T>(work: () => T | Promise<T>): Promise<T>;

  /**
   * Runs `work` with a memory of its own: a read that is repeated in it gets the same answer without another look-up,
   * until `work` itself changes what it concerns. Without `requestScope: true` it only runs the work. HTTP requests
   * have such a memory by themselves.
   */
  runInRequest<T>(work: () => T): T;

  /** Gives the counters of this process and the use of the store. */
  getStats(): Promise<CacheStats>;

  /**
   * Gives the counters of every process that shares the entries of this cache in Redis, and their sums. Those of others
   * are at most some 5 s old; a closed process leaves at once, one that has died within 15 s. The first call after a
   * quiet minute waits 300 ms for the others; an answer is given again for one second. Lists this process alone with a
   * backend in the process or in files, and while Redis is away. Processes with `stats: false` are not seen by others.
   */
  getClusterStats(): Promise<ClusterStats>;

  /** Gives one page of the stored entries. Values are copies for the caller. Not counted as reads. */
  list(options?: ListOptions): Promise<EntryPage>;

  /**
   * Explains where the key is stored, in which state, and why the next read would hit or miss. Not counted as a read.
   */
  explain(key: string, options?: NamespaceOption): Promise<CacheExplanation>;

  /** Events of this cache, after the fact. Without a subscriber they cost nothing. Completes on `close()`. */
  readonly events: Observable<CacheEvent>;

  /**
   * Waits up to 5 s for running loads and pending writes, then frees everything. Later reads are misses; later loads
   * are not stored.
   */
  close(): Promise<void>;
}

/** One page of entries. */
export interface EntryPage {
  entries: CacheEntry[];
  /** Start of the next page, for `ListOptions.cursor`. Absent after the last page. */
  cursor?: string;
}

export interface ListOptions {
  /** Only entries of this namespace. @default all */
  namespace?: string;
  /** Only keys that match this glob. @default all */
  pattern?: string;
  /** `cursor` of the page before. @default the first page */
  cursor?: string;
  /** Entries per page, 1 to 1000. @default 100 */
  limit?: number;
}
