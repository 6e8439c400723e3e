/*
 * What this process has stored, and which tags it has invalidated: counts for the doctor. Tags are counted by their
 * family, which is the text up to the first colon: `product:1` and `product:2` are of one family. Memory is bounded. A
 * family that is first seen when the ledger is full is not counted, so the counts of the others are complete.
 */

const MOST_FAMILIES = 1_000;

/** Families whose tags the kit itself writes and invalidates, each without a look at the other side. */
const AUTOMATIC = new Set(['url:', 'table:']);

/** Counts of one family of tags. */
export interface TagCounts {
  /** `product:` or, for a tag without a colon, the tag. */
  readonly family: string;
  /** Entries that were stored with a tag of the family. */
  stored: number;
  /** Invalidations that named a tag of the family. */
  invalidated: number;
  /** True when one of them has removed something, or may have. */
  hasRemoved: boolean;
}

export class WriteLedger {
  /** Entries without a tag that were stored for ever. */
  endless = 0;
  /** The key of one of them. */
  endlessKey: string | undefined;
  readonly #families = new Map<string, TagCounts>();

  /** @param ttlMs `Infinity` for ever */
  stored(key: string, tags: readonly string[], ttlMs: number): void {
    if (tags.length === 0) {
      if (ttlMs !== Infinity) return;
      this.endless++;
      this.endlessKey = key;
      return;
    }
    for (const tag of tags) {
      const counts = this.#of(tag);
      if (counts !== undefined) counts.stored++;
    }
  }

  /** @param removed number of entries that were removed */
  invalidated(tags: readonly string[], mode: 'any' | 'all', removed: number): void {
    for (const tag of tags) {
      const counts = this.#of(tag);
      if (counts === undefined) continue;
      counts.invalidated++;
      // With 'all', nothing is removed where one of the tags alone is not there.
      if (removed > 0 || mode === 'all') counts.hasRemoved = true;
    }
  }

  families(): TagCounts[] {
    return [...this.#families.values()];
  }

  #of(tag: string): TagCounts | undefined {
    const end = tag.indexOf(':');
    const family = end < 0 ? tag : tag.slice(0, end + 1);
    const known = this.#families.get(family);
    if (known !== undefined) return known;
    if (this.#families.size >= MOST_FAMILIES || AUTOMATIC.has(family)) return undefined;
    const counts = { family, stored: 0, invalidated: 0, hasRemoved: false };
    this.#families.set(family, counts);
    return counts;
  }
}
