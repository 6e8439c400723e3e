import type { MemoryNode } from './memory-node.js';

/**
 * The slots of the nodes by tag. A tag without nodes takes no memory. A tag with one node, such as the id of a row,
 * takes a number instead of a set.
 */
export class TagIndex {
  readonly #slots = new Map<string, number | Set<number>>();

  get size(): number {
    return this.#slots.size;
  }

  add(node: MemoryNode): void {
    for (const tag of node.tags) {
      const slots = this.#slots.get(tag);
      if (slots === undefined) this.#slots.set(tag, node.slot);
      else if (typeof slots === 'number') this.#slots.set(tag, new Set([slots, node.slot]));
      else slots.add(node.slot);
    }
  }

  remove(node: MemoryNode): void {
    for (const tag of node.tags) {
      const slots = this.#slots.get(tag);
      if (slots instanceof Set) slots.delete(node.slot);
      if (slots === node.slot || (slots instanceof Set && slots.size === 0)) this.#slots.delete(tag);
    }
  }

  any(tags: readonly string[]): Iterable<number> {
    if (tags.length === 1) return this.#of(tags[0] as string);
    const found = new Set<number>();
    for (const tag of tags) for (const slot of this.#of(tag)) found.add(slot);
    return found;
  }

  /** The slots of nodes with all of `tags`; none for no tags. Takes time in proportion to the rarest tag. */
  all(tags: readonly string[]): Iterable<number> {
    const [rarest, ...others] = tags.map((tag) => this.#of(tag)).sort((a, b) => a.size - b.size);
    return rarest === undefined ? [] : [...rarest].filter((slot) => others.every((slots) => slots.has(slot)));
  }

  #of(tag: string): ReadonlySet<number> {
    const slots = this.#slots.get(tag);
    return slots instanceof Set ? slots : new Set(slots === undefined ? [] : [slots]);
  }
}
