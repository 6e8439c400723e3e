/**
 * A map that forgets what was not used for long: when the young half is full, the old half goes and the young becomes
 * old. Cheaper than an exact LRU, and good enough for hints that can be had again.
 */
export class BoundedMap<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #half: number;

  /** @param limit how many are remembered at most; at least half of it is */
  constructor(limit: number) {
    this.#half = Math.max(1, limit >> 1);
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    return old === undefined ? undefined : this.put(key, old);
  }

  put(key: K, value: V): V {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
    return value;
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
