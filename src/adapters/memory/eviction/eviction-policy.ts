import type { MemoryNode } from '../nodes/memory-node.js';

/**
 * Selects the node to drop when the store is full. The average time of a call does not depend on the number of nodes.
 */
export interface EvictionPolicy {
  /** Adds a node whose key was not stored before. */
  admit(node: MemoryNode): void;

  /** Records a read of the node. */
  touch(node: MemoryNode): void;

  /** Replaces `node` with a new node of the same key. That counts as a use. */
  replace(node: MemoryNode, successor: MemoryNode): void;

  /**
   * Removes a node that was deleted or invalidated, or has expired. That says nothing about its value for the cache.
   */
  remove(node: MemoryNode): void;

  /** Removes the node to drop, and returns it; `undefined` when there is none. */
  evict(): MemoryNode | undefined;
}
