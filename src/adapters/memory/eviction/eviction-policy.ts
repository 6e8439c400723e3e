import type { MemoryNode } from '../nodes/memory-node.js';

/** Decides who leaves when there is no room. On average a call takes the same time whatever the number of nodes. */
export interface EvictionPolicy {
  /** A node was stored under a key that was not there. */
  admit(node: MemoryNode): void;

  /** The node was read. */
  touch(node: MemoryNode): void;

  /** The key of `node` was stored anew as `successor`, which counts as a use. */
  replace(node: MemoryNode, successor: MemoryNode): void;

  /** The node left for a reason that says nothing about its worth: deleted, invalidated, expired. */
  remove(node: MemoryNode): void;

  /** The node to drop, already forgotten; `undefined` when there is none. */
  evict(): MemoryNode | undefined;
}
