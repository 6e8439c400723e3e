import type { Cluster, Redis } from 'ioredis';
import { hashSlot } from '../protocol/hash-slot.js';

/** Names tried to find one on a certain master. A master that none of them hits has only a few slots. */
const NAMES_TRIED = 20_000;

/** The servers of a cluster and their slots, by the latest slot map of ioredis. */
export class ClusterMap {
  #nodes = new Map<string, Redis>();
  readonly #names = new Map<string, string | undefined>();

  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Forgets what came from the previous slot map. Call it when ioredis has read a new one. */
  forget(): void {
    this.#nodes = new Map();
    this.#names.clear();
  }

  /** The clients of the masters, by address. */
  masters(): ReadonlyMap<string, Redis> {
    if (this.#nodes.size === 0) {
      for (const node of this.#cluster.nodes('master')) this.#nodes.set(addressOf(node), node);
    }
    return this.#nodes;
  }

  /** The addresses of the masters that have slots, sorted. */
  owners(): string[] {
    return [...new Set(this.#cluster.slots.map((nodes) => nodes[0] as string))].sort();
  }

  /** The address of the master of a key. */
  ownerOf(key: string): string | undefined {
    return this.#cluster.slots[hashSlot(key)]?.[0];
  }

  /** Groups keys, by index, by the client of their master; under `undefined` those whose master is not known. */
  byNode(keys: readonly string[]): Map<Redis | undefined, number[]> {
    const groups = new Map<Redis | undefined, number[]>();
    keys.forEach((key, i) => {
      const owner = this.ownerOf(key);
      const node = owner === undefined ? undefined : this.masters().get(owner);
      const group = groups.get(node);
      if (group === undefined) groups.set(node, [i]);
      else group.push(i);
    });
    return groups;
  }

  /**
   * The first of `<prefix>:{0}`, `<prefix>:{1}`, ... that is on the master; `undefined` if none is. The same in every
   * process with the same slot map.
   */
  nameOn(master: string, prefix: string): string | undefined {
    const id = `${master} ${prefix}`;
    if (!this.#names.has(id)) this.#names.set(id, this.#find(master, prefix));
    return this.#names.get(id);
  }

  #find(master: string, prefix: string): string | undefined {
    for (let n = 0; n < NAMES_TRIED; n++) {
      const name = `${prefix}:{${n}}`;
      if (this.ownerOf(name) === master) return name;
    }
    return undefined;
  }
}

export function addressOf({ options }: Redis): string {
  return `${options.host ?? ''}:${options.port ?? 0}`;
}
