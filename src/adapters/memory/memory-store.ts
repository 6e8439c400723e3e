import type { EvictionPolicy } from './eviction/eviction-policy.js';
import type { MemoryNode } from './nodes/memory-node.js';
import { ScopedMap } from './nodes/scoped-map.js';
import { type SlotSummary, SlotTable } from './nodes/slot-table.js';
import { TagIndex } from './nodes/tag-index.js';

/*
 * The nodes, in all their indexes, within the limits. A node is in the map of its namespace, in the slot table, in the
 * eviction policy and in the index of each of its tags, or in none of them: only this class adds and removes nodes.
 * Nodes are evicted before a new node is added, so a node that was just stored is never evicted for itself.
 *
 * The indexes hold slots, not nodes. When V8 grows a Map or Set, the old table stays linked to the new one, with all
 * its content. Once such a table is in the old generation of the heap, it keeps everything that was ever in the map
 * alive until the next major collection. With nodes in it, a `set` took ten times as long (measured).
 */

export interface StoreLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

const NO_SLOTS: ReadonlyMap<string, number> = new Map();

/** The nodes, in all their indexes and within the limits. */
export class MemoryStore {
  readonly #limits: StoreLimits;
  readonly #policy: EvictionPolicy;
  readonly #index = new ScopedMap<number>();
  readonly #tags = new TagIndex();
  readonly #slots = new SlotTable();
  #evicted: MemoryNode[] = [];
  #bytes = 0;
  /** Number of nodes that expire. */
  #mortals = 0;
  /** Slots whose nodes are hidden and wait for removal. Some nodes may be removed already. */
  readonly #condemned: number[] = [];

  constructor(limits: StoreLimits, policy: EvictionPolicy) {
    this.#limits = limits;
    this.#policy = policy;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True when nodes can expire, or wait for removal. */
  get needsSweep(): boolean {
    return this.#mortals > 0 || this.#condemned.length > 0;
  }

  get slots(): Pick<SlotTable, 'at' | 'length' | 'size' | 'isExpired'> {
    return this.#slots;
  }

  /** Numbers of tags and named namespaces in the indexes. */
  get indexed(): { readonly tags: number; readonly namespaces: number } {
    return { tags: this.#tags.size, namespaces: this.#index.namespaces };
  }

  find(key: string, namespace: string | undefined): MemoryNode | undefined {
    const slot = this.#index.get(key, namespace);
    return slot === undefined ? undefined : this.#slots.at(slot);
  }

  /** The node under a key, if it is neither expired nor hidden. */
  findLive(key: string, namespace: string | undefined, nowMs: number): MemoryNode | undefined {
    const slot = this.#index.get(key, namespace);
    return slot === undefined || this.#slots.isExpired(slot, nowMs) ? undefined : this.#slots.at(slot);
  }

  /** The slots of a namespace by key. */
  scope(namespace: string | undefined): ReadonlyMap<string, number> {
    return this.#index.scope(namespace) ?? NO_SLOTS;
  }

  /** The slots of the nodes that carry any, or all, of `tags`. */
  tagged(tags: readonly string[], mode: 'any' | 'all'): Iterable<number> {
    return this.#tags[mode](tags);
  }

  touch(node: MemoryNode): void {
    this.#policy.touch(node);
  }

  /** Stores `node` in place of the node under its key. False, without a change, when it is larger than the limits. */
  put(node: MemoryNode): boolean {
    if (node.sizeBytes > this.#limits.maxBytes || this.#limits.maxEntries < 1) return false;
    const former = this.find(node.key, node.namespace);
    if (former !== undefined && this.#bytes - former.sizeBytes + node.sizeBytes <= this.#limits.maxBytes) {
      this.#replace(former, node);
      return true;
    }
    if (former !== undefined) this.remove(former);
    this.#makeRoom(node.sizeBytes);
    this.#enter(node);
    return true;
  }

  remove(node: MemoryNode): void {
    this.#policy.remove(node);
    this.#leave(node);
  }

  /** Hides a node in a few nanoseconds. The next eviction or sweep removes it. */
  condemn(slot: number): void {
    if (this.#slots.isCondemned(slot)) return;
    this.#slots.condemn(slot);
    this.#condemned.push(slot);
  }

  /** Removes one condemned node; false when there is none. */
  removeCondemned(): boolean {
    for (let slot = this.#condemned.pop(); slot !== undefined; slot = this.#condemned.pop()) {
      const node = this.#slots.at(slot);
      if (node === undefined || !this.#slots.isCondemned(slot)) continue;
      this.remove(node);
      return true;
    }
    return false;
  }

  /** Makes `node` stale now. Its stale window starts now instead of at the end of its TTL. */
  expire(node: MemoryNode, nowMs: number): void {
    if (node.staleMs <= 0) {
      this.condemn(node.slot);
      return;
    }
    this.#count(node, -1);
    node.freshUntilMs = nowMs;
    node.staleUntilMs = nowMs + node.staleMs;
    this.#count(node, 1);
    this.#slots.reschedule(node);
  }

  /** The nodes that were evicted since the last call. */
  takeEvicted(): readonly MemoryNode[] {
    const evicted = this.#evicted;
    if (evicted.length > 0) this.#evicted = [];
    return evicted;
  }

  summary(nowMs: number): SlotSummary {
    return this.#slots.summary(nowMs);
  }

  #makeRoom(bytes: number): void {
    while (this.#slots.size >= this.#limits.maxEntries || this.#bytes + bytes > this.#limits.maxBytes) {
      if (this.removeCondemned()) continue;
      const victim = this.#policy.evict();
      if (victim === undefined) return;
      this.#leave(victim);
      this.#evicted.push(victim);
    }
  }

  #enter(node: MemoryNode): void {
    this.#policy.admit(node);
    this.#slots.add(node);
    this.#index.set(node.key, node.namespace, node.slot);
    this.#tags.add(node);
    this.#count(node, 1);
  }

  #replace(former: MemoryNode, node: MemoryNode): void {
    this.#policy.replace(former, node);
    this.#tags.remove(former);
    this.#slots.replace(former, node);
    this.#tags.add(node);
    this.#count(former, -1);
    this.#count(node, 1);
  }

  #leave(node: MemoryNode): void {
    this.#index.delete(node.key, node.namespace);
    this.#tags.remove(node);
    this.#slots.remove(node);
    this.#count(node, -1);
  }

  #count(node: MemoryNode, sign: 1 | -1): void {
    this.#bytes += sign * node.sizeBytes;
    if (node.keptUntilMs !== Infinity) this.#mortals += sign;
  }
}
