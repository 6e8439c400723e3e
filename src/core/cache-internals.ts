import type { Factory, GetOrSetOptions, NamespaceOption } from './load/call-options.js';
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
   * The stored entry, fresh or expired, for a caller that decides itself whether to serve it. Copies and counts
   * nothing: the caller reports what it serves to `countServed`. Answers at once where the store does. Rejects where
   * the store cannot be reached, after reporting that; asking again would be for nothing.
   */
  find(key: string, options?: NamespaceOption): Awaitable<StoredEntry | undefined>;

  /**
   * Does the same as `getOrSet`, and says where the value came from. `outcome.entry.shared` is the stored value without
   * a copy.
   * @param found the answer of an earlier `find` of this key; without it the store is asked
   */
  load<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>, found?: TimedRead): Promise<LoadOutcome<T>>;

  delete(key: string, options?: NamespaceOption): Promise<boolean>;

  /** Counts an entry of `find` that was served to a caller. */
  countServed(entry: StoredEntry, status: 'hit' | 'stale'): void;

  /** Reports a fault in how the cache is used that must not reach a caller; once for each decorated method and code. */
  reportMisuse(error: CacheError, caller?: Caller): void;
}

/** By cache. A route of one copy of the kit may use the cache of another copy. */
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
