import { random, zipf } from '../lib/random.js';
import { product } from './product.js';

/*
 * `getOrSet` of 20,000 products by Zipf's law, on a cache with room for a tenth of them: the mix of hits, loads and
 * evictions of a shop's catalogue.
 */

export const PRODUCTS = 20_000;
const DRAWS = 2 ** 18;

export const CAPACITY = PRODUCTS / 10;

/** @param {import('../subjects/subject.js').Subject} cache */
export async function prepare(cache) {
  const draws = zipf({ ranks: PRODUCTS, exponent: 0.9, draws: DRAWS, next: random(3) });
  const values = Array.from({ length: PRODUCTS }, (_, id) => product(id));
  const keys = values.map(({ id }) => `product:${id}`);
  let loads = 0;
  const loaders = values.map((value) => async () => {
    loads++;
    return value;
  });
  let next = 0;

  /** @param {number} calls */
  async function getOrSet(calls) {
    for (let i = 0; i < calls; i++, next++) {
      const id = draws[next & (DRAWS - 1)];
      await cache.getOrSet(keys[id], loaders[id]);
    }
  }

  /** The share of hits over the same draws for every cache, after enough of them to fill it. @param {number} calls */
  async function hitRatio(calls) {
    next = 0;
    await getOrSet(calls);
    loads = 0;
    await getOrSet(calls);
    return { hitRatio: 1 - loads / calls };
  }

  return { getOrSet, hitRatio };
}
