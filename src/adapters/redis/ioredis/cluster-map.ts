import type { Cluster, Redis } from 'ioredis';
import { hashSlot } from '../protocol/hash-slot.js';

/**
 * So many names are tried to find one on a certain master; with fewer slots than that leaves out a master holds next to
 * nothing.
 */
const NAMES_TRIED = 20_000;

/** Which server of a cluster holds what, as ioredis last heard of it. */
export class ClusterMap {
  #nodes = new Map<string, Redis>();
  readonly #names = new Map<string, string | undefined>();

  constructor(private readonly cluster: Cluster) {}

  /** To be called when ioredis has read the map anew. */
  forget(): void {
    this.#nodes = new Map();
    this.#names.clear();
  }

  /** By address. */
  masters(): ReadonlyMap<string, Redis> {
    if (this.#nodes.size === 0) {
      for (const node of this.cluster.nodes('master')) this.#nodes.set(addressOf(node), node);
    }
    return this.#nodes;
  }

  /** The addresses of those that hold slots, in an order of their own. */
  owners(): string[] {
    return [...new Set(this.cluster.slots.map((nodes) => nodes[0] as string))].sort();
  }

  /** The address of the server of a key. */
  ownerOf(key: string): string | undefined {
    return this.cluster.slots[hashSlot(key)]?.[0];
  }

  /** Which keys are on which server; under `undefined` those whose server is not known. */
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
   * The first of `<prefix>:{0}`, `<prefix>:{1}`, ... that is on the master; `undefined` where none is. The same in
   * every process with the same map.
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
