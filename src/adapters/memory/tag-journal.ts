/** Tags in a journal at most; with more, it forgets them all. */
export const MAX_JOURNAL_TAGS = 10_000;

interface Conjunction {
  readonly tags: readonly string[];
  readonly at: number;
}

/**
 * The invalidations of tags during loads that are under way, because the tags of a result may be unknown until it is
 * loaded. When the journal is full, it keeps only the time: every tag then counts as invalidated for loads that began
 * before. That refuses a few results that could be stored, and never stores one that is too old.
 */
export class TagJournal {
  readonly #any = new Map<string, number>();
  /** Invalidations of entries that have all of several tags, by the first of these tags. */
  readonly #all = new Map<string, Conjunction[]>();
  #size = 0;
  #forgottenUntil = 0;

  get size(): number {
    return this.#size;
  }

  /** @param at a number that grows with every call, on the scale of `isInvalidSince` */
  record(tags: readonly string[], mode: 'any' | 'all', at: number): void {
    const [first] = tags;
    if (first === undefined) return;
    if (mode === 'any' || tags.length === 1) for (const tag of tags) this.#recordOne(tag, at);
    else this.#recordAll(first, { tags: [...tags], at });
    if (this.#size > MAX_JOURNAL_TAGS) this.#forget(at);
  }

  /** True when an invalidation after `since` hit an entry with `tags`, or may have hit it. */
  isInvalidSince(since: number, tags: readonly string[]): boolean {
    if (tags.length === 0) return false;
    if (since < this.#forgottenUntil) return true;
    return tags.some((tag) => (this.#any.get(tag) ?? 0) > since || this.#isHitByConjunction(tag, since, tags));
  }

  clear(): void {
    this.#any.clear();
    this.#all.clear();
    this.#size = 0;
    this.#forgottenUntil = 0;
  }

  #recordOne(tag: string, at: number): void {
    if (!this.#any.has(tag)) this.#size++;
    this.#any.set(tag, at);
  }

  #recordAll(first: string, conjunction: Conjunction): void {
    const known = this.#all.get(first);
    if (known === undefined) this.#all.set(first, [conjunction]);
    else known.push(conjunction);
    this.#size += conjunction.tags.length;
  }

  #isHitByConjunction(first: string, since: number, tags: readonly string[]): boolean {
    const conjunctions = this.#all.get(first) ?? [];
    return conjunctions.some(({ tags: needed, at }) => at > since && needed.every((tag) => tags.includes(tag)));
  }

  #forget(until: number): void {
    this.clear();
    this.#forgottenUntil = until;
  }
}
