import type { MemoryNode } from './memory-node.js';

const INITIAL_CAPACITY = 64;
const CONDEMNED = -Infinity;

/** The result of a pass over the table. */
export interface SlotSummary {
  /** Number of nodes that are neither expired nor hidden. */
  readonly live: number;
  /** Number of hidden nodes, which wait for removal. */
  readonly condemned: number;
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
}

/**
 * The nodes by slot: a small number that a node keeps, and that the next node of the same key inherits. So a walk by
 * ascending slot, with any number of pauses, reaches each node that is stored all the time exactly once.
 *
 * The times that are compared in passes over many nodes are in arrays: a pass over a million of them takes a
 * millisecond or two and touches no node. This table decides when a node expires, not the node's `keptUntilMs`: a
 * condemned (hidden) node counts as expired here, and does not know it.
 */
export class SlotTable {
  readonly #nodes: (MemoryNode | undefined)[] = [];
  readonly #free: number[] = [];
  #keptUntilMs = new Float64Array(INITIAL_CAPACITY);
  #createdAtMs = new Float64Array(INITIAL_CAPACITY);
  #size = 0;

  /** Stored nodes, live or not. */
  get size(): number {
    return this.#size;
  }

  /** One more than the highest number in use. */
  get length(): number {
    return this.#nodes.length;
  }

  at(slot: number): MemoryNode | undefined {
    return this.#nodes[slot];
  }

  isExpired(slot: number, nowMs: number): boolean {
    return (this.#keptUntilMs[slot] as number) <= nowMs;
  }

  /** Hides a node that will be removed later. */
  condemn(slot: number): void {
    this.#keptUntilMs[slot] = CONDEMNED;
  }

  isCondemned(slot: number): boolean {
    return this.#keptUntilMs[slot] === CONDEMNED;
  }

  add(node: MemoryNode): void {
    this.#put(node, this.#takeSlot());
    this.#size++;
  }

  replace(node: MemoryNode, successor: MemoryNode): void {
    this.#put(successor, node.slot);
    node.slot = -1;
  }

  remove(node: MemoryNode): void {
    const { slot } = node;
    node.slot = -1;
    this.#nodes[slot] = undefined;
    this.#keptUntilMs[slot] = Infinity;
    this.#createdAtMs[slot] = NaN;
    this.#free.push(slot);
    this.#size--;
    this.#trim();
  }

  /** Takes over the changed times of a stored node. */
  reschedule(node: MemoryNode): void {
    this.#keptUntilMs[node.slot] = node.keptUntilMs;
  }

  summary(nowMs: number): SlotSummary {
    let live = this.#size;
    let condemned = 0;
    let oldestMs = Infinity;
    let newestMs = -Infinity;
    for (let slot = 0; slot < this.#nodes.length; slot++) {
      if (this.isExpired(slot, nowMs)) {
        live--;
        if (this.isCondemned(slot)) condemned++;
        continue;
      }
      const createdAtMs = this.#createdAtMs[slot] as number;
      if (createdAtMs < oldestMs) oldestMs = createdAtMs;
      if (createdAtMs > newestMs) newestMs = createdAtMs;
    }
    return live === 0 ? { live, condemned, oldestMs: null, newestMs: null } : { live, condemned, oldestMs, newestMs };
  }

  #put(node: MemoryNode, slot: number): void {
    node.slot = slot;
    this.#nodes[slot] = node;
    this.#keptUntilMs[slot] = node.keptUntilMs;
    this.#createdAtMs[slot] = node.createdAtMs;
  }

  /** A free slot. Slots that were trimmed off stay in `#free`, and may be in use again. */
  #takeSlot(): number {
    for (let slot = this.#free.pop(); slot !== undefined; slot = this.#free.pop()) {
      if (slot < this.#nodes.length && this.#nodes[slot] === undefined) return slot;
    }
    this.#grow();
    this.#nodes.push(undefined);
    return this.#nodes.length - 1;
  }

  #trim(): void {
    while (this.#nodes.length > 0 && this.#nodes.at(-1) === undefined) this.#nodes.pop();
    if (this.#nodes.length === 0) this.#free.length = 0;
  }

  #grow(): void {
    const capacity = this.#keptUntilMs.length;
    if (this.#nodes.length < capacity) return;
    this.#keptUntilMs = enlarged(this.#keptUntilMs, capacity * 2);
    this.#createdAtMs = enlarged(this.#createdAtMs, capacity * 2);
  }
}

function enlarged(times: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity);
  larger.set(times);
  return larger;
}
