import { fnv1a } from '../../../core/vocabulary/hash.js';

const WAYS = 4;
const MIN_SLOTS = 64;
/** Slots per key, so that few buckets are full too early. */
const SLOTS_PER_KEY = 1.2;

/**
 * The keys that were evicted lately, each with its age in evictions. The table loses keys on purpose: it keeps 32 bits
 * of the hash of a key in buckets of four, a full bucket drops its oldest key, and two keys with the same hash are one.
 * A lost or confused key only costs a little of the hit ratio.
 */
export class GhostTable {
  readonly capacity: number;
  readonly #fingerprints: Uint32Array;
  readonly #evictedAt: Uint32Array;
  readonly #lastBucket: number;
  #evictions = 0;

  /** @param capacity the number of keys to remember */
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

  /** Forgets the key. Returns its age in evictions, `Infinity` for an unknown key. */
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
