import type { MemoryNode } from './memory-node.js';

const NO_SLOTS: ReadonlySet<number> = new Set();

/** In which slots there is a node that carries a tag. A tag that no node carries leaves nothing behind. */
export class TagIndex {
  readonly #slots = new Map<string, Set<number>>();

  get size(): number {
    return this.#slots.size;
  }

  add(node: MemoryNode): void {
    for (const tag of node.tags) {
      const slots = this.#slots.get(tag);
      if (slots === undefined) this.#slots.set(tag, new Set([node.slot]));
      else slots.add(node.slot);
    }
  }

  remove(node: MemoryNode): void {
    for (const tag of node.tags) {
      const slots = this.#slots.get(tag);
      slots?.delete(node.slot);
      if (slots?.size === 0) this.#slots.delete(tag);
    }
  }

  any(tags: readonly string[]): Iterable<number> {
    if (tags.length === 1) return this.#of(tags[0] as string);
    const found = new Set<number>();
    for (const tag of tags) for (const slot of this.#of(tag)) found.add(slot);
    return found;
  }

  /** Takes time in proportion to the rarest of `tags`. No tags: no slots. */
  all(tags: readonly string[]): Iterable<number> {
    const sets = tags.map((tag) => this.#of(tag)).sort((a, b) => a.size - b.size);
    const [rarest = NO_SLOTS, ...others] = sets;
    return [...rarest].filter((slot) => others.every((slots) => slots.has(slot)));
  }

  #of(tag: string): ReadonlySet<number> {
    return this.#slots.get(tag) ?? NO_SLOTS;
  }
}
