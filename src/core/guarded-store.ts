import type { Awaitable, CacheAdapter, LoadGrant, LoadRequest, StoredEntry } from './ports/cache-adapter.port.js';

/**
 * The one place that decides what a fault of the backend means to a reader or a load: a miss, a load that nobody
 * fences, a value that is not stored. Faults are told to `onFault` and go no further.
 */
export class GuardedStore {
  constructor(
    private readonly adapter: CacheAdapter,
    private readonly onFault: (error: unknown, doing: string) => void,
  ) {}

  get(key: string, namespace: string | undefined, tags?: readonly string[]): Awaitable<StoredEntry | undefined> {
    try {
      const found = this.adapter.get(key, namespace, tags);
      return found instanceof Promise ? found.catch((error: unknown) => this.#asMiss(error)) : found;
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

  /** A grant in any case; its `release` never fails, its `commit` may. */
  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    try {
      const grant = await this.adapter.begin(keys, namespace, request);
      return {
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
function unfenced(count: number): LoadGrant {
  return {
    tickets: Array.from({ length: count }, () => ({ state: 'granted' as const })),
    commit: (drafts) => drafts.map(() => undefined),
    release: () => undefined,
  };
}
