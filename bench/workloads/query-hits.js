/*
 * Asks for 1,024 results of one query by its parameter: by a ready key of `getOrSet`, by a prepared query of Drizzle
 * without and with the cache, and by a query that Drizzle builds anew each time.
 */

const MASK = 1023;

/** @param {Awaited<ReturnType<typeof import('../subjects/drizzle.js').open>>} subject */
export async function prepare({ rows, endFilling, getOrSet, plain, cached, select, selectPlain }) {
  const keys = Array.from({ length: MASK + 1 }, (_, id) => `product:${id}`);
  for (let id = 0; id <= MASK; id++) {
    await getOrSet(keys[id], rows);
    await cached.execute({ id });
    await select(id);
  }
  endFilling();
  return {
    /** @param {number} calls */
    async getOrSet(calls) {
      for (let i = 0; i < calls; i++) await getOrSet(keys[i & MASK], rows);
    },
    /** @param {number} calls */
    async plain(calls) {
      for (let i = 0; i < calls; i++) await plain.execute({ id: i & MASK });
    },
    /** @param {number} calls */
    async cached(calls) {
      for (let i = 0; i < calls; i++) await cached.execute({ id: i & MASK });
    },
    /** @param {number} calls */
    async selectPlain(calls) {
      for (let i = 0; i < calls; i++) await selectPlain(i & MASK);
    },
    /** @param {number} calls */
    async select(calls) {
      for (let i = 0; i < calls; i++) await select(i & MASK);
    },
  };
}
