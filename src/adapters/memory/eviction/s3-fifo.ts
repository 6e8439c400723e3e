import type { EvictionPolicy } from './eviction-policy.js';
import { GhostTable, hashKey } from './ghost-table.js';
import { LinkedList } from '../nodes/linked-list.js';
import type { MemoryNode } from '../nodes/memory-node.js';

/*
 * S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023) whose small queue finds its own
 * size.
 *
 * A new key enters the small queue. At its end a node that was used meanwhile moves to the main queue, any other leaves
 * and is remembered by a ghost: so a scan flows through the small queue and never touches what is in the main one. A
 * key that comes back while its ghost is known enters the main queue at once. At the end of the main queue a node goes
 * around again as often as it was used, three times at most.
 *
 * With the small queue fixed at 10 % this loses to LRU where old keys die: a feed, a hot set that moves. There the
 * small queue throws out what is needed a moment later. So the border between the queues moves to where one more place
 * is worth the same on both sides. What a place is worth is told by the ghosts next to the border: keys that come back
 * within a tenth of the cache's size in evictions, counted for each queue by its own evictions. One that left the small
 * queue says that this one is too short, one that left the main queue the opposite. On a stationary Zipf load that ends
 * at 5 %, with a moving hot set near 60 %.
 */

const SMALL = 0;
const MAIN = 1;

const MAX_USES = 3;
const INITIAL_SHARE = 0.1;
const MIN_SHARE = 0.05;
const MAX_SHARE = 0.8;
/** Which ghosts stand next to the border, as a share of the cache's size. */
const BORDER_SHARE = 0.1;
/** By how many places one ghost moves the border, and the most of the cache that this may be. */
const STEP_NODES = 3;
const MAX_STEP = 0.05;
/** How much larger than needed a ghost table is made: a new one has forgotten everything. */
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

  /** Each round costs a use, so this ends; over time each use is paid for by one read. */
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

  /** Whether a key was here lately. Learns from it on which side of the border a place is worth more. */
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

  /** The size is only known once the cache is full, and moves when bytes are the limit. */
  #sizeGhosts(): void {
    if (this.#size <= this.#leftSmall.capacity) return;
    const capacity = Math.ceil(this.#size * GROWTH);
    this.#leftSmall = new GhostTable(capacity);
    this.#leftMain = new GhostTable(Math.ceil(capacity * BORDER_SHARE));
  }
}
