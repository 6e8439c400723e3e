import type { EvictionPolicy } from './eviction-policy.js';
import { GhostTable, hashKey } from './ghost-table.js';
import { LinkedList } from '../nodes/linked-list.js';
import type { MemoryNode } from '../nodes/memory-node.js';

/*
 * S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023) with a small queue whose size
 * adapts to the load.
 *
 * A new key enters the small queue. At the end of that queue, a node that was used since then moves to the main queue.
 * Any other node is dropped, and a ghost remembers its key: so a scan passes through the small queue and does not touch
 * the main queue. A key that returns while its ghost is known enters the main queue directly. At the end of the main
 * queue a node starts again once for each use, three times at most.
 *
 * With a small queue of fixed 10 %, this is worse than LRU where old keys lose their use: a feed, a hot set that moves.
 * There the small queue drops nodes that are needed shortly afterwards. So the border between the queues moves until
 * one more place has the same value on both sides. The ghosts next to the border measure this value: keys that return
 * within a tenth of the cache's size in evictions, where each queue counts its own evictions. A key that returns from
 * the small queue shows that this queue is too short; one from the main queue shows the opposite. With a stationary
 * Zipf load the small queue ends at 5 %, with a moving hot set near 60 %.
 */

const SMALL = 0;
const MAIN = 1;

const MAX_USES = 3;
const INITIAL_SHARE = 0.1;
const MIN_SHARE = 0.05;
const MAX_SHARE = 0.8;
/** Age of the ghosts next to the border, as a share of the cache's size. */
const BORDER_SHARE = 0.1;
/** Places by which one ghost moves the border. */
const STEP_NODES = 3;
/** Largest step of the border, as a share of the cache's size. */
const MAX_STEP = 0.05;
/** Size of a new ghost table as a multiple of the needed size. Growth is rare then: a new table is empty. */
const GROWTH = 1.25;

export class S3Fifo implements EvictionPolicy {
  readonly #small = new LinkedList<MemoryNode>();
  readonly #main = new LinkedList<MemoryNode>();
  #smallShare = INITIAL_SHARE;
  #leftSmall = new GhostTable(1);
  #leftMain = new GhostTable(1);

  admit(node: MemoryNode): void {
    node.hash = hashKey(node.key, node.namespace);
    this.#enter(node, this.#isKnown(node.hash) ? MAIN : SMALL);
  }

  touch(node: MemoryNode): void {
    if (node.uses < MAX_USES) node.uses++;
  }

  replace(node: MemoryNode, successor: MemoryNode): void {
    successor.hash = node.hash;
    successor.queue = node.queue;
    successor.uses = node.uses;
    this.#queueOf(node).replace(node, successor);
    this.touch(successor);
  }

  remove(node: MemoryNode): void {
    this.#queueOf(node).remove(node);
  }

  evict(): MemoryNode | undefined {
    this.#sizeGhosts();
    const isSmallTooLong = this.#small.size > this.#smallShare * this.#size;
    return isSmallTooLong ? (this.#evictSmall() ?? this.#evictMain()) : (this.#evictMain() ?? this.#evictSmall());
  }

  get #size(): number {
    return this.#small.size + this.#main.size;
  }

  #queueOf(node: MemoryNode): LinkedList<MemoryNode> {
    return node.queue === MAIN ? this.#main : this.#small;
  }

  #enter(node: MemoryNode, queue: number): void {
    node.queue = queue;
    this.#queueOf(node).add(node);
  }

  #evictSmall(): MemoryNode | undefined {
    for (let node = this.#small.oldest; node !== null; node = this.#small.oldest) {
      this.#small.remove(node);
      if (node.uses === 0) {
        this.#leftSmall.remember(node.hash);
        return node;
      }
      node.uses = 0;
      this.#enter(node, MAIN);
    }
    return undefined;
  }

  /**
   * Ends, because each round takes one use from a node. Each use comes from one read, so the average cost is constant.
   */
  #evictMain(): MemoryNode | undefined {
    for (let node = this.#main.oldest; node !== null; node = this.#main.oldest) {
      this.#main.remove(node);
      if (node.uses === 0) {
        this.#leftMain.remember(node.hash);
        return node;
      }
      node.uses--;
      this.#main.add(node);
    }
    return undefined;
  }

  /** True when the key was evicted lately. Moves the border towards the queue that dropped the key too early. */
  #isKnown(hash: number): boolean {
    const smallAge = this.#leftSmall.take(hash);
    const mainAge = this.#leftMain.take(hash);
    const size = this.#size;
    const border = Math.max(1, BORDER_SHARE * size);
    if (smallAge <= border) this.#moveBorder(STEP_NODES / size);
    if (mainAge <= border) this.#moveBorder(-STEP_NODES / size);
    return smallAge <= size || mainAge <= border;
  }

  #moveBorder(step: number): void {
    const share = this.#smallShare + Math.max(-MAX_STEP, Math.min(MAX_STEP, step));
    this.#smallShare = Math.max(MIN_SHARE, Math.min(MAX_SHARE, share));
  }

  /**
   * Adapts the ghost tables to the number of nodes, which is known once the cache is full, and varies with `maxBytes`.
   */
  #sizeGhosts(): void {
    if (this.#size <= this.#leftSmall.capacity) return;
    const capacity = Math.ceil(this.#size * GROWTH);
    this.#leftSmall = new GhostTable(capacity);
    this.#leftMain = new GhostTable(Math.ceil(capacity * BORDER_SHARE));
  }
}
