import type { MemoryNode } from './memory-node.js';

const INITIAL_CAPACITY = 64;
const CONDEMNED = -Infinity;

/** What a pass over the table finds. */
export interface SlotSummary {
  /** Nodes that are not past their time, and those that only wait for their removal. */
  readonly live: number;
  readonly condemned: number;
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
}

/**
 * Every node under a small number that it keeps for life, and that its successor under the same key inherits: so a walk
 * by ascending number, interrupted as often as one likes, meets every node that is there throughout exactly once.
 * The times that passes over many nodes compare stand in arrays of their own: looking through a million of them takes a
 * millisecond or two and touches no node. Until when a node is kept is decided here, not by its own `keptUntilMs`: a
 * condemned one is past its time although nobody told it.
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

  /** Takes a node out of sight; it is removed later. */
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

  /** To be called when a stored node's times have changed. */
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

  /** Numbers that were trimmed off stay among the free ones, and may have been given out again since. */
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
