import type { EvictionPolicy } from './eviction-policy.js';
import { LinkedList } from '../nodes/linked-list.js';
import type { MemoryNode } from '../nodes/memory-node.js';

/** Drops the least recently used node. */
export class Lru implements EvictionPolicy {
  readonly #nodes = new LinkedList<MemoryNode>();

  admit(node: MemoryNode): void {
    this.#nodes.add(node);
  }

  touch(node: MemoryNode): void {
    if (node.newer === null) return;
    this.#nodes.remove(node);
    this.#nodes.add(node);
  }

  replace(node: MemoryNode, successor: MemoryNode): void {
    this.#nodes.remove(node);
    this.#nodes.add(successor);
  }

  remove(node: MemoryNode): void {
    this.#nodes.remove(node);
  }

  evict(): MemoryNode | undefined {
    const oldest = this.#nodes.oldest;
    if (oldest === null) return undefined;
    this.#nodes.remove(oldest);
    return oldest;
  }
}
