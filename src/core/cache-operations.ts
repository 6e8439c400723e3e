import type { Observable } from 'rxjs';
import type { CacheEntry } from './ports/cache-entry.js';
import type { CacheEvent } from './observation/cache-events.js';
import type { CacheExplanation } from './observation/cache-explanation.js';
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

/**
 * What one can do with a cache; `CacheService` is how it is done. A fault of the backend never reaches a caller of a
 * read or a load: it is told to `onError` and counted, a read is then a miss and a load runs the factory. Calls with an
 * unusable key (`CacheKeyError`), option (`CacheConfigError`) or value (`CacheSerializationError`) reject.
 */
export interface CacheOperations {
  /** The fresh value under `key`; `undefined` is a miss, `null` a value. */
  get<T>(key: string, options?: NamespaceOption): Promise<T | undefined>;

  /**
   * Stores a value in place of what was there. TTL 0 removes the key.
   * @throws CacheSerializationError, and changes nothing, when the value cannot be stored
   */
  set<T>(key: string, value: T, options?: SetOptions): Promise<void>;

  /**
   * Removes the key.
   * @returns whether there was an entry
   * @throws CacheUnavailableError when that could not even be recorded for later
   */
  delete(key: string, options?: NamespaceOption): Promise<boolean>;

  /** Whether `get` would answer with a value. Not counted as a read. */
  has(key: string, options?: NamespaceOption): Promise<boolean>;

  /**
   * Gives a fresh value another TTL, counted from now; it is kept beyond that for as long as it was before.
   * @returns false when there is none, or it was invalidated meanwhile
   */
  touch(key: string, ttl: Ttl, options?: NamespaceOption): Promise<boolean>;

  /** The entry under `key`, expired or not; `undefined` when absent. Not counted as a read. */
  getEntry<T>(key: string, options?: NamespaceOption): Promise<CacheEntry<T> | undefined>;

  /**
   * The value under `key`; when there is none the factory computes it, once for all who ask meanwhile, and it is
   * stored. A factory's `undefined` is returned and not stored; its error reaches every waiter unchanged.
   */
  getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T>;

  /** Computes and stores the value now, whatever is stored. */
  refresh<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T>;

  /**
   * Runs `write`, then stores what it answered. When that fails, or the key was written or invalidated by somebody else
   * while `write` ran, the key is invalidated instead, so that the next read loads; the fault is reported.
   */
  writeThrough<T>(key: string, write: () => Promise<T>, options?: WriteThroughOptions<T>): Promise<T>;

  /** The fresh values of `keys`, in their order; misses are absent. One round trip. */
  getMany<T>(keys: readonly string[], options?: NamespaceOption): Promise<Map<string, T>>;

  /** Stores all or, when one of them cannot be stored, none. One round trip. */
  setMany<T>(entries: Iterable<readonly [string, T]>, options?: SetOptions): Promise<void>;

  /** Removes the keys. @returns how many of them had an entry */
  deleteMany(keys: readonly string[], options?: NamespaceOption): Promise<number>;

  /**
   * The values of `keys`, in their order; those that are missing come from one call of the factory. Keys that it leaves
   * out, or has `undefined` for, are absent. One round trip to read and one to store.
   */
  getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: GetOrSetOptions<T>,
  ): Promise<Map<string, T>>;

  /** Invalidates the entries that carry these tags. @returns how many it removed from view */
  invalidateTags(tags: readonly string[], options?: InvalidateTagsOptions): Promise<number>;

  /** Invalidates everything in the namespace. @returns how many entries it removed from view */
  invalidateNamespace(namespace: string, options?: InvalidateOptions): Promise<number>;

  /**
   * Invalidates the keys of one namespace that match a glob: `*`, `?`, `[a-z]`, `[^a]`, and `\` before a character
   * that is meant literally. @returns how many entries it removed from view
   */
  invalidatePattern(pattern: string, options?: InvalidatePatternOptions): Promise<number>;

  /** Removes every entry of this cache, and of no other. @returns how many there were */
  clear(): Promise<number>;

  /** Frees what has expired and was not freed yet, which also happens by itself. @returns how many entries */
  cleanupExpired(): Promise<number>;

  /** Loads the keys that are not fresh, a few at a time. A key that fails is told in the report and stops nothing. */
  warm<T>(
    keys: Iterable<string> | AsyncIterable<string>,
    factory: (key: string) => T | Promise<T>,
    options?: WarmOptions<T>,
  ): Promise<WarmReport>;

  getStats(): Promise<CacheStats>;

  /** What is stored, a page at a time. Values are the caller's own. Not counted as reads. */
  list(options?: ListOptions): Promise<EntryPage>;

  /** Where the key is stored, in what state, and why the next read would hit or miss. */
  explain(key: string, options?: NamespaceOption): Promise<CacheExplanation>;

  /** What happens in this cache, told after the fact. Costs nothing while nobody listens; completes on `close()`. */
  readonly events: Observable<CacheEvent>;

  /** Waits up to 5 s for loads under way, then frees everything. Later reads are misses, later loads are not stored. */
  close(): Promise<void>;
}

/** One page of entries. */
export interface EntryPage {
  entries: CacheEntry[];
  /** For the next page; absent after the last. */
  cursor?: string;
}

export interface ListOptions {
  /** Only this namespace. @default all */
  namespace?: string;
  /** Only keys that match this glob. */
  pattern?: string;
  cursor?: string;
  /** @default 100 */
  limit?: number;
}
