import { random, shuffled } from '../lib/random.js';
import { product } from './product.js';

/*
 * Reads 1,024 stored products in a random order. Each operation has a loop of its own, written out, so that no two
 * operations share the compiler's optimizations of the calls inside.
 */

export const ENTRIES = 1024;
const MASK = ENTRIES - 1;

/** @param {import('../subjects/subject.js').Subject} cache */
export async function prepare(cache) {
  const order = shuffled(
    Array.from({ length: ENTRIES }, (_, id) => id),
    random(1),
  );
  const keys = order.map((id) => `product:${id}`);
  const values = order.map(product);
  for (let i = 0; i < ENTRIES; i++) {
    await cache.set(keys[i], values[i]);
    // Fills both, for caches where `getOrSet` and `set` store in different places.
    await cache.getOrSet(keys[i], async () => values[i]);
  }
  return cache.isSync ? syncOperations(cache, keys, values) : operations(cache, keys, values);
}

/** @param {import('../subjects/subject.js').Subject} cache @param {string[]} keys @param {unknown[]} values */
function operations(cache, keys, values) {
  return {
    /** @param {number} calls */
    async get(calls) {
      for (let i = 0; i < calls; i++) if ((await cache.get(keys[i & MASK])) === undefined) missed();
    },
    /** @param {number} calls */
    async getOrSet(calls) {
      for (let i = 0; i < calls; i++) if ((await cache.getOrSet(keys[i & MASK], missed)) === undefined) missed();
    },
    /** @param {number} calls */
    async set(calls) {
      for (let i = 0; i < calls; i++) await cache.set(keys[i & MASK], values[i & MASK]);
    },
    /** A turn of the event loop with nothing in it. @param {number} calls */
    async turn(calls) {
      for (let i = 0; i < calls; i++) await nextTurn();
    },
    /** One hit in each turn of the event loop. @param {number} calls */
    async getInTurn(calls) {
      for (let i = 0; i < calls; i++) {
        await nextTurn();
        if ((await cache.get(keys[i & MASK])) === undefined) missed();
      }
    },
  };
}

/** @param {import('../subjects/subject.js').Subject} cache @param {string[]} keys @param {unknown[]} values */
function syncOperations(cache, keys, values) {
  return {
    /** @param {number} calls */
    get(calls) {
      for (let i = 0; i < calls; i++) if (cache.get(keys[i & MASK]) === undefined) missed();
    },
    /** @param {number} calls */
    getOrSet(calls) {
      for (let i = 0; i < calls; i++) if (cache.getOrSet(keys[i & MASK], missed) === undefined) missed();
    },
    /** @param {number} calls */
    set(calls) {
      for (let i = 0; i < calls; i++) cache.set(keys[i & MASK], values[i & MASK]);
    },
  };
}

/** @returns {Promise<void>} */
function nextTurn() {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** @returns {never} */
function missed() {
  throw new Error('A key that was stored was not found: this would not measure hits.');
}
