import { type CacheEntry, type LoadOutcome, toCacheEntry } from '../ports/cache-entry.js';
import type {
  AdapterUsage,
  Awaitable,
  CacheAdapter,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  ScanPage,
  ScanQuery,
  StoredEntry,
  TierEntry,
} from '../ports/cache-adapter.port.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import type { Finding } from '../vocabulary/finding.js';
import { type CacheError, isCallersFault } from '../vocabulary/cache.errors.js';

export interface GuardedGrant extends LoadGrant {
  /** False where the store could not be reached, or must not be. */
  readonly isFenced: boolean;
}

/**
 * Takes the place of a stored value that cannot be read. A symbol can never be a stored value, so the two cannot be
 * mixed up.
 */
export const UNREADABLE = Symbol('unreadable');

/**
 * The one place that decides the effect of a backend fault: a read becomes a miss, a load runs without a fence, a value
 * is not stored, and only an invalidation rejects. Every fault goes to `onFault`.
 */
export class GuardedStore {
  readonly #adapter: CacheAdapter;
  readonly #scopes: CallScopes;
  readonly #onFault: (error: unknown, doing: string) => CacheError;

  /** @param onFault reports a fault, and returns it as a `CacheError` */
  constructor(adapter: CacheAdapter, scopes: CallScopes, onFault: (error: unknown, doing: string) => CacheError) {
    this.#adapter = adapter;
    this.#scopes = scopes;
    this.#onFault = onFault;
  }

  /** The adapter's name for itself, such as `memory`. */
  get kind(): string {
    return this.#adapter.kind;
  }

  get(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    const found = this.tryGet(key, namespace);
    return found instanceof Promise ? found.catch((error: unknown) => this.#asMiss(error)) : found;
  }

  /**
   * Does the same as `get`, but a promise may reject: give it to `continueWith` or `orReported`. This saves one promise
   * in the chain, which every read would feel.
   */
  tryGet(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    try {
      return this.#scopes.isUsed ? this.#scopes.get(this.#adapter, key, namespace) : this.#adapter.get(key, namespace);
    } catch (error) {
      this.#asMiss(error);
      return undefined;
    }
  }

  /** Reports the rejection of a promise of `tryGet`, and rejects too. */
  orReported(found: Promise<StoredEntry | undefined>): Promise<StoredEntry | undefined> {
    return found.catch((error: unknown) => {
      this.#asMiss(error);
      throw error;
    });
  }

  /** Calls `next` with the result of a promise of `tryGet`; a rejection is reported and counts as a miss. */
  continueWith<T>(
    found: Promise<StoredEntry | undefined>,
    next: (entry: StoredEntry | undefined) => T | Promise<T>,
  ): Promise<T> {
    return found.then(next, (error: unknown) => {
      this.#asMiss(error);
      return next(undefined);
    });
  }

  /**
   * A copy of the stored value for its caller. `UNREADABLE`, which is a miss, where no copy can be made: the `from` of
   * a registered type may fail at any time.
   */
  read(entry: StoredEntry): unknown {
    try {
      return entry.read();
    } catch (error) {
      this.#asMiss(error);
      return UNREADABLE;
    }
  }

  /** The value of an outcome, or `UNREADABLE`, as for `read`. */
  valueOf(outcome: LoadOutcome): unknown {
    try {
      return outcome.value;
    } catch (error) {
      this.#asMiss(error);
      return UNREADABLE;
    }
  }

  /** The entry as users see it; `undefined` where its value cannot be read. */
  describe<T>(entry: StoredEntry, times: { nowMs: number; wallMs: number }): CacheEntry<T> | undefined {
    try {
      return toCacheEntry<T>(entry, times);
    } catch (error) {
      this.#asMiss(error);
      return undefined;
    }
  }

  async getMany(keys: readonly string[], namespace: string | undefined): Promise<readonly (StoredEntry | undefined)[]> {
    if (keys.length === 0) return [];
    try {
      return await this.#scopes.getMany(this.#adapter, keys, namespace);
    } catch (error) {
      this.#asMiss(error);
      return [];
    }
  }

  /** The entry of each tier under a key, from near to far. */
  async look(key: string, namespace: string | undefined): Promise<readonly TierEntry[]> {
    if (this.#adapter.look === undefined) return [{ name: this.#adapter.kind, entry: await this.get(key, namespace) }];
    try {
      return await this.#adapter.look(key, namespace);
    } catch (error) {
      this.#asMiss(error);
      return [];
    }
  }

  /**
   * Always gives a grant. Its `release` never fails, its `commit` may. In a transaction it stores nothing: what is
   * loaded there may be rolled back.
   */
  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<GuardedGrant> {
    if (this.#scopes.transaction !== undefined) return unfenced(keys.length);
    try {
      const grant = await this.#adapter.begin(keys, namespace, request);
      return {
        isFenced: true,
        tickets: grant.tickets,
        commit: (drafts) => grant.commit(drafts),
        release: () => this.#quietly(() => grant.release(), 'end a load'),
      };
    } catch (error) {
      this.#onFault(error, 'begin a load');
      return unfenced(keys.length);
    }
  }

  /**
   * Stores the drafts.
   * @returns false where the store failed
   * @throws CacheSerializationError and other errors that are the caller's fault
   */
  async set(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<boolean> {
    try {
      await this.#adapter.set(drafts, namespace);
      return true;
    } catch (error) {
      if (isCallersFault(error)) throw error;
      this.#onFault(error, 'store a value');
      return false;
    }
  }

  /** @throws CacheError where the store failed: nobody must take an entry for invalidated that is not */
  async invalidate(target: InvalidationTarget, how: { soft: boolean; dryRun: boolean }): Promise<number> {
    try {
      return await this.#adapter.invalidate(target, how);
    } catch (error) {
      throw this.#onFault(error, 'invalidate');
    }
  }

  /** Rejects with the store's own error, which people who look into a cache need to see. It is not reported. */
  async scan(query: ScanQuery): Promise<ScanPage> {
    return this.#adapter.scan(query);
  }

  /** As `CacheAdapter.diagnose`; `undefined` also after a fault, which is reported. */
  async diagnose(): Promise<readonly Finding[] | undefined> {
    try {
      return await this.#adapter.diagnose?.();
    } catch (error) {
      this.#onFault(error, 'ask the store how it is set up');
      return undefined;
    }
  }

  /** Rejects as `scan` does. */
  async usage(): Promise<AdapterUsage> {
    return this.#adapter.usage();
  }

  /** The name of an entry in the store, for operators; `undefined` where entries have no names. */
  storedKey(key: string, namespace: string | undefined): string | undefined {
    return this.#adapter.storedKey?.(key, namespace);
  }

  close(): Promise<void> {
    return this.#quietly(() => this.#adapter.close(), 'close the backend');
  }

  async #quietly(work: () => Awaitable<void>, doing: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#onFault(error, doing);
    }
  }

  #asMiss(error: unknown): undefined {
    this.#onFault(error, 'read an entry');
    return undefined;
  }
}

/** The grant of a store that cannot be reached, or must not be: every caller may load, and nothing is stored. */
function unfenced(count: number): GuardedGrant {
  return {
    isFenced: false,
    tickets: Array.from({ length: count }, () => ({ state: 'granted' as const })),
    commit: (drafts) => drafts.map(() => undefined),
    release: () => undefined,
  };
}
