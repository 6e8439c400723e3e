import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import type {
  CacheAdapter,
  CacheAdapterContext,
  LoadGrant,
  StoredEntry,
} from '../../src/core/ports/cache-adapter.port.js';

/** A store with the latency of a network: it answers in a later turn, when the test says so, or never. */
export class HeldStore {
  /**
   * `open`: answers in the next turn of the event loop. `held`: answers after `open()`. `lost`: every call rejects.
   * `taken`: another process holds the lease of every key until `open()`.
   */
  state: 'open' | 'held' | 'lost' | 'taken' = 'open';
  /** Numbers of reads and of started loads. */
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

  /** Number of calls that wait for an answer. */
  get waiting(): number {
    return this.#held.length;
  }

  /** Answers all waiting calls, in their order. */
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
    if (this.state === 'lost') return Promise.reject(new Error('The store is unavailable.'));
    return new Promise((resolve) => (this.state === 'held' ? this.#held.push(resolve) : setImmediate(resolve)));
  }
}
