import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import type {
  CacheAdapter,
  CacheAdapterContext,
  LoadGrant,
  StoredEntry,
} from '../../src/core/ports/cache-adapter.port.js';

/** A store that is reached over a network: its answers come later, when the test says so, or not at all. */
export class HeldStore {
  /**
   * `open`: answers at the next turn. `held`: answers when it is opened. `lost`: every call rejects. `taken`: somebody
   * else loads everything, until it is opened.
   */
  state: 'open' | 'held' | 'lost' | 'taken' = 'open';
  /** Reads, and loads that were begun. */
  asked = { reads: 0, begins: 0 };
  #held: (() => void)[] = [];

  readonly adapter = (context: CacheAdapterContext): CacheAdapter => {
    const memory = new MemoryAdapter(
      { maxEntries: 1_000, maxBytes: 1024 ** 2, policy: 'adaptive', isolation: 'clone' },
      context,
    );
    const after = <T>(call: () => T | Promise<T>): Promise<T> => this.#passed().then(call);
    return {
      kind: 'held',
      get: (key, namespace): Promise<StoredEntry | undefined> => {
        this.asked.reads++;
        return after(() => memory.get(key, namespace));
      },
      getMany: (keys, namespace) => after(() => memory.getMany(keys, namespace)),
      begin: (keys, namespace, request) => {
        this.asked.begins++;
        if (this.state === 'taken') return this.#takenGrant(keys.length);
        return after(() => memory.begin(keys, namespace, request));
      },
      set: (drafts, namespace) => after(() => memory.set(drafts, namespace)),
      invalidate: (target, how) => after(() => memory.invalidate(target, how)),
      scan: (query) => memory.scan(query),
      usage: () => memory.usage(),
      close: () => memory.close(),
    };
  };

  /** How many questions are held back. */
  get waiting(): number {
    return this.#held.length;
  }

  /** Answers what it was asked, the first first. */
  open(): void {
    this.state = 'open';
    for (const answer of this.#held.splice(0)) answer();
  }

  #takenGrant(count: number): LoadGrant {
    const settled = new Promise<void>((resolve) => this.#held.push(resolve));
    return {
      tickets: Array.from({ length: count }, () => ({ state: 'held', settled })),
      commit: async (drafts) => drafts.map(() => undefined),
      release: () => undefined,
    };
  }

  #passed(): Promise<void> {
    if (this.state === 'lost') return Promise.reject(new Error('The store is away.'));
    return new Promise((resolve) => (this.state === 'held' ? this.#held.push(resolve) : setImmediate(resolve)));
  }
}
