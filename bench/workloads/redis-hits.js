import { random, shuffled } from '../lib/random.js';
import { product } from './product.js';

/**
 * @typedef {object} RedisSubject
 * @property {(key: string) => Promise<unknown>} get
 * @property {(keys: string[]) => Promise<unknown[]>} getMany
 * @property {(key: string, value: unknown) => Promise<unknown>} set
 * @property {() => unknown} close
 */

const ENTRIES = 1024;
const MASK = ENTRIES - 1;
const IN_FLIGHT = 64;
const BATCH = 100;

/** 1,024 products that are all stored, asked for in a random order. @param {RedisSubject} cache */
export async function prepare(cache) {
  const order = shuffled(
    Array.from({ length: ENTRIES }, (_, id) => id),
    random(1),
  );
  const keys = order.map((id) => `product:${id}`);
  const values = order.map(product);
  for (let i = 0; i < ENTRIES; i++) await cache.set(keys[i], values[i]);
  return {
    /** One after the other. @param {number} calls */
    async get(calls) {
      for (let i = 0; i < calls; i++) if ((await cache.get(keys[i & MASK])) === undefined) missed();
    },
    /** Always so many under way. @param {number} calls */
    async inFlight(calls) {
      let next = 0;
      const reader = async () => {
        while (next < calls) if ((await cache.get(keys[next++ & MASK])) === undefined) missed();
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, reader));
    },
    /** A hundred at once. @param {number} calls */
    async getMany(calls) {
      for (let i = 0; i < calls; i++) {
        const start = (i * BATCH) & MASK;
        const found = await cache.getMany(keys.slice(start, start + BATCH));
        if (found.length === 0 || found.includes(undefined)) missed();
      }
    },
    /** @param {number} calls */
    async set(calls) {
      for (let i = 0; i < calls; i++) await cache.set(keys[i & MASK], values[i & MASK]);
    },
    /** Always so many under way. @param {number} calls */
    async setInFlight(calls) {
      let next = 0;
      const writer = async () => {
        while (next < calls) {
          const i = next++ & MASK;
          await cache.set(keys[i], values[i]);
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, writer));
    },
  };
}

/** @returns {never} */
function missed() {
  throw new Error('A key that was stored was not found: this would not measure hits.');
}
