import { fnv1a } from '../../../core/vocabulary/hash.js';

const WAYS = 4;
const MIN_SLOTS = 64;
/** Room to spare, so that few buckets are full before their time. */
const SLOTS_PER_KEY = 1.2;

/**
 * Remembers which keys were evicted lately, and how long ago counted in evictions. Lossy on purpose: it keeps 32 bits
 * of a key's hash in buckets of four, the oldest of a full bucket gives way, and two keys with one hash are one. What
 * is lost or confused costs a little of the hit ratio and nothing else.
 */
export class GhostTable {
  readonly capacity: number;
  readonly #fingerprints: Uint32Array;
  readonly #evictedAt: Uint32Array;
  readonly #lastBucket: number;
  #evictions = 0;

  /** @param capacity how many keys to remember */
  constructor(capacity: number) {
    const slots = Math.max(MIN_SLOTS, 2 ** Math.ceil(Math.log2(capacity * SLOTS_PER_KEY)));
    this.capacity = capacity;
    this.#fingerprints = new Uint32Array(slots);
    this.#evictedAt = new Uint32Array(slots);
    this.#lastBucket = slots / WAYS - 1;
  }

  remember(hash: number): void {
    const fingerprint = fingerprintOf(hash);
    const first = this.#bucketOf(fingerprint);
    let chosen = first;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#fingerprints[slot] === fingerprint || this.#fingerprints[slot] === 0) {
        chosen = slot;
        break;
      }
      if (this.#ageAt(slot) > this.#ageAt(chosen)) chosen = slot;
    }
    this.#fingerprints[chosen] = fingerprint;
    this.#evictedAt[chosen] = this.#evictions++;
  }

  /** How many evictions ago the key was remembered, `Infinity` if it is not; it is forgotten then. */
  take(hash: number): number {
    const fingerprint = fingerprintOf(hash);
    const first = this.#bucketOf(fingerprint);
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#fingerprints[slot] !== fingerprint) continue;
      this.#fingerprints[slot] = 0;
      return this.#ageAt(slot);
    }
    return Infinity;
  }

  #bucketOf(fingerprint: number): number {
    return (fingerprint & this.#lastBucket) * WAYS;
  }

  #ageAt(slot: number): number {
    return (this.#evictions - (this.#evictedAt[slot] as number)) >>> 0;
  }
}

/** 0 marks an empty slot. */
function fingerprintOf(hash: number): number {
  return hash === 0 ? 1 : hash >>> 0;
}

/** 32 well-mixed bits of a key and its namespace. */
export function hashKey(key: string, namespace: string | undefined): number {
  let hash = fnv1a(key);
  if (namespace !== undefined) hash = fnv1a(namespace, fnv1a('\uffff', hash));
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
