import type { EntryDraft } from '../../src/core/ports/cache-adapter.port.js';
import { snapshot } from '../../src/core/values/value-copier.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { EvictionPolicy } from '../../src/adapters/memory/eviction/eviction-policy.js';
import { MemoryNode } from '../../src/adapters/memory/nodes/memory-node.js';
import { StoreTime } from '../../src/adapters/memory/nodes/store-time.js';

const MOMENT = { nowMs: 1_000, wallMs: 2_000 };
const TIME = new StoreTime(new FakeClock());
const NOTHING = snapshot(null, 'none');

export function nodeOf(key: string, draft: Partial<EntryDraft> = {}, namespace?: string): MemoryNode {
  return new MemoryNode(
    { key, value: null, ttlMs: Infinity, staleMs: 0, tags: [], loadMs: 0, ...draft },
    namespace,
    NOTHING,
    MOMENT,
    TIME,
  );
}

/** Uses an eviction policy as a cache of `capacity` entries does. */
export class PolicyCache {
  readonly #nodes = new Map<string, MemoryNode>();

  constructor(
    readonly policy: EvictionPolicy,
    readonly capacity: number,
  ) {}

  get keys(): string[] {
    return [...this.#nodes.keys()];
  }

  /** Reads `key`, or stores it after a miss. True for a hit. */
  use(key: string): boolean {
    const known = this.#nodes.get(key);
    if (known !== undefined) {
      this.policy.touch(known);
      return true;
    }
    if (this.#nodes.size >= this.capacity) this.evict();
    const node = nodeOf(key);
    this.policy.admit(node);
    this.#nodes.set(key, node);
    return false;
  }

  store(key: string): void {
    const former = this.#nodes.get(key) as MemoryNode;
    const successor = nodeOf(key);
    this.policy.replace(former, successor);
    this.#nodes.set(key, successor);
  }

  remove(key: string): void {
    this.policy.remove(this.#nodes.get(key) as MemoryNode);
    this.#nodes.delete(key);
  }

  evict(): string | undefined {
    const victim = this.policy.evict();
    if (victim !== undefined) this.#nodes.delete(victim.key);
    return victim?.key;
  }

  /** Hit ratio over `trace`, in percent. */
  hitRatio(trace: Iterable<string>): number {
    let hits = 0;
    let uses = 0;
    for (const key of trace) {
      uses++;
      if (this.use(key)) hits++;
    }
    return (100 * hits) / uses;
  }
}
