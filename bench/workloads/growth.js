import { random, shuffled } from '../lib/random.js';

/*
 * Stores a number of entries, and reads all of them in one random order. With a million entries nearly every read
 * misses the caches of the processor, in any data structure: compare with the same walk over a plain Map.
 */

/** @param {import('../subjects/subject.js').Subject} cache @param {{ entries: number }} settings */
export async function prepare(cache, { entries }) {
  const keys = Array.from({ length: entries }, (_, id) => `product:${id}`);
  for (const [id, key] of keys.entries()) await cache.set(key, { id });
  shuffled(keys, random(2));
  let next = 0;
  let sum = 0;
  return {
    /** @param {number} calls */
    async get(calls) {
      let at = next;
      for (let i = 0; i < calls; i++) {
        const value = await cache.get(keys[at]);
        sum += value.id;
        if (++at === entries) at = 0;
      }
      next = at;
      return { sum };
    },
  };
}
