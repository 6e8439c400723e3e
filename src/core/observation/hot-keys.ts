export interface KeyCounts {
  readonly key: string;
  hits: number;
  misses: number;
}

/** Number of unknown keys per admitted one, once all places are taken. */
const ADMIT_EVERY = 16;
/** Number of hits that are counted one by one. */
const EXACT_HITS = 4096;
/**
 * Weight of a sampled hit. After the exact ones about one hit in eight is counted, because a look-up for each would be
 * the most expensive part of a hit.
 */
const SAMPLE_WEIGHT = 8;

/**
 * Counts the keys that are used most. The counts are exact for the first hits, as long as there are no more different
 * keys than places. After that hits are sampled, and a new key gets in only after it was seen several times. It takes
 * the place of the least used of a few others and starts with that one's count, which is its error (the idea of
 * Space-Saving; Metwally, Agrawal, El Abbadi, 2005).
 */
export class HotKeys {
  readonly #counts = new Map<string, KeyCounts>();
  readonly #places: KeyCounts[] = [];
  #unknown = 0;
  #hand = 0;
  #seen = 0;
  #toSkip = 0;
  #random = 0x9e3779b9;

  constructor(readonly capacity: number) {}

  hit(key: string): void {
    if (this.#toSkip-- <= 0) this.#count(key);
  }

  #count(key: string): void {
    this.#seen++;
    const isExact = this.#seen <= EXACT_HITS;
    const counts = this.#counts.get(key) ?? this.#admit(key);
    if (counts !== undefined) counts.hits += isExact ? 1 : SAMPLE_WEIGHT;
    this.#toSkip = isExact ? 0 : this.#randomSkip();
  }

  miss(key: string): void {
    const counts = this.#counts.get(key) ?? this.#admit(key);
    if (counts !== undefined) counts.misses++;
  }

  /** The most used keys, in falling order. */
  top(limit: number): KeyCounts[] {
    return [...this.#places]
      .sort(byUse)
      .slice(0, limit)
      .map((counts) => ({ ...counts }));
  }

  /** A random number from 0 to 14, so that the sample follows no rhythm of the load (xorshift; Marsaglia, 2003). */
  #randomSkip(): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % (2 * SAMPLE_WEIGHT - 1);
  }

  #admit(key: string): KeyCounts | undefined {
    if (this.#places.length < this.capacity) return this.#take(this.#places.length, { key, hits: 0, misses: 0 });
    if (++this.#unknown % ADMIT_EVERY !== 0) return undefined;
    const place = this.#leastUsedOfNext(8);
    const loser = this.#places[place] as KeyCounts;
    this.#counts.delete(loser.key);
    return this.#take(place, { ...loser, key });
  }

  #take(place: number, counts: KeyCounts): KeyCounts {
    this.#places[place] = counts;
    this.#counts.set(counts.key, counts);
    return counts;
  }

  #leastUsedOfNext(count: number): number {
    let best = this.#hand;
    for (let i = 0; i < count; i++) {
      this.#hand = (this.#hand + 1) % this.capacity;
      if (uses(this.#places[this.#hand] as KeyCounts) < uses(this.#places[best] as KeyCounts)) best = this.#hand;
    }
    return best;
  }
}

/** Sorts by use, in falling order. */
export function byUse(a: KeyCounts, b: KeyCounts): number {
  return uses(b) - uses(a);
}

function uses({ hits, misses }: KeyCounts): number {
  return hits + misses;
}
