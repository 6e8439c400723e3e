/**
 * A map with a limit, which forgets the keys that were not used lately. It has two halves: when the young half is full,
 * the old half is dropped, and the young half becomes the old one. That is cheaper than an exact LRU, and good enough
 * for hints, whose loss costs a little time and no correctness.
 */
export class BoundedMap<K, V extends object | string | number | boolean> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #half: number;

  /** @param limit keys at most; the half of them that was used last is never forgotten */
  constructor(limit: number) {
    this.#half = limit >> 1;
  }

  /** The value of a key, which counts as used now. */
  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    return old === undefined ? undefined : this.put(key, old);
  }

  /** The value of a key, which does not count as used. */
  peek(key: K): V | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Stores a value, and returns it. */
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
}
