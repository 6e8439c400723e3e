import { type CacheEntry, type LoadOutcome, toCacheEntry } from '../ports/cache-entry.js';
import type {
  Awaitable,
  CacheAdapter,
  LoadGrant,
  LoadRequest,
  StoredEntry,
  TierEntry,
} from '../ports/cache-adapter.port.js';

export interface GuardedGrant extends LoadGrant {
  /** False where the store could not be reached. */
  readonly isFenced: boolean;
}

/** In the place of a stored value that cannot be made again: a symbol is no value that can be stored. */
export const UNREADABLE = Symbol('unreadable');

/**
 * The one place that decides what a fault of the backend means to a reader or a load: a miss, a load that nobody
 * fences, a value that is not stored. Faults are told to `onFault` and go no further.
 */
export class GuardedStore {
  constructor(
    private readonly adapter: CacheAdapter,
    private readonly onFault: (error: unknown, doing: string) => void,
  ) {}

  get(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    const found = this.find(key, namespace);
    return found instanceof Promise ? found.catch((error: unknown) => this.#asMiss(error)) : found;
  }

  /**
   * As `get`, but a promise may reject: it is for `go` or `orReported`. A chain of promises that is one shorter is felt
   * by every read.
   */
  find(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    try {
      return this.adapter.get(key, namespace);
    } catch (error) {
      this.#asMiss(error);
      return undefined;
    }
  }

  /** What `find` brings. Rejects where it does, and has told of it. */
  orReported(found: Promise<StoredEntry | undefined>): Promise<StoredEntry | undefined> {
    return found.catch((error: unknown) => {
      this.#asMiss(error);
      throw error;
    });
  }

  /** Goes on with what `find` brings, or with a miss. */
  go<T>(found: Promise<StoredEntry | undefined>, next: (entry: StoredEntry | undefined) => T | Promise<T>): Promise<T> {
    return found.then(next, (error: unknown) => {
      this.#asMiss(error);
      return next(undefined);
    });
  }

  /**
   * A copy of the stored value for its caller; `UNREADABLE`, which is a miss, where it cannot be made: the `from` of a
   * type may fail at any time.
   */
  read(entry: StoredEntry): unknown {
    try {
      return entry.read();
    } catch (error) {
      this.#asMiss(error);
      return UNREADABLE;
    }
  }

  /** As `read`. */
  valueOf(outcome: LoadOutcome): unknown {
    try {
      return outcome.value;
    } catch (error) {
      this.#asMiss(error);
      return UNREADABLE;
    }
  }

  /** The entry for a user; `undefined` where its value cannot be read. */
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
      return await this.adapter.getMany(keys, namespace);
    } catch (error) {
      this.#asMiss(error);
      return [];
    }
  }

  /** What each tier has under a key. */
  async look(key: string, namespace: string | undefined): Promise<readonly TierEntry[]> {
    if (this.adapter.look === undefined) return [{ name: this.adapter.kind, entry: await this.get(key, namespace) }];
    try {
      return await this.adapter.look(key, namespace);
    } catch (error) {
      this.#asMiss(error);
      return [];
    }
  }

  /** A grant in any case; its `release` never fails, its `commit` may. */
  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<GuardedGrant> {
    try {
      const grant = await this.adapter.begin(keys, namespace, request);
      return {
        isFenced: true,
        tickets: grant.tickets,
        commit: (drafts) => grant.commit(drafts),
        release: () => this.#quietly(() => grant.release(), 'end a load'),
      };
    } catch (error) {
      this.onFault(error, 'begin a load');
      return unfenced(keys.length);
    }
  }

  close(): Promise<void> {
    return this.#quietly(() => this.adapter.close(), 'close the backend');
  }

  async #quietly(work: () => Awaitable<void>, doing: string): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.onFault(error, doing);
    }
  }

  #asMiss(error: unknown): undefined {
    this.onFault(error, 'read an entry');
    return undefined;
  }
}

/** The grant of a store that cannot be reached: everybody may load, nothing can be stored. */
function unfenced(count: number): GuardedGrant {
  return {
    isFenced: false,
    tickets: Array.from({ length: count }, () => ({ state: 'granted' as const })),
    commit: (drafts) => drafts.map(() => undefined),
    release: () => undefined,
  };
}
