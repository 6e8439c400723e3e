import { klona } from 'klona/lite';
import { LRUCache } from 'lru-cache';
import { HOUR_MS } from './subject.js';

/**
 * The floor: lru-cache with a TTL behind one async function, with a single-flight map on a miss. The lowest cost of a
 * cache that is asynchronous, bounded and safe from stampedes.
 * @param {import('./subject.js').SubjectSettings & { isCopying?: boolean }} settings `isCopying`: every reader gets a
 * copy
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries, isCopying }) {
  return isCopying === true ? new CopyingFloor(maxEntries) : new Floor(maxEntries);
}

class Floor {
  #flights = new Map();

  /** @param {number} maxEntries */
  constructor(maxEntries) {
    /** @type {LRUCache<string, any>} */
    this.lru = new LRUCache({ max: maxEntries, ttl: HOUR_MS });
  }

  /** @param {string} key */
  async get(key) {
    return this.lru.get(key);
  }

  /** @param {string} key @param {() => Promise<unknown>} load */
  async getOrSet(key, load) {
    const found = this.lru.get(key);
    if (found !== undefined) return found;
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#load(key, load);
      this.#flights.set(key, flight);
    }
    return flight;
  }

  /** @param {string} key @param {unknown} value */
  async set(key, value) {
    this.lru.set(key, value);
  }

  /** @param {string} key @param {() => Promise<unknown>} load */
  async #load(key, load) {
    try {
      const value = await load();
      this.lru.set(key, value);
      return value;
    } finally {
      this.#flights.delete(key);
    }
  }
}

class CopyingFloor {
  #floor;

  /** @param {number} maxEntries */
  constructor(maxEntries) {
    this.#floor = new Floor(maxEntries);
  }

  /** @param {string} key */
  async get(key) {
    return klona(this.#floor.lru.get(key));
  }

  /** @param {string} key @param {() => Promise<unknown>} load */
  async getOrSet(key, load) {
    const found = this.#floor.lru.get(key);
    return klona(found ?? (await this.#floor.getOrSet(key, load)));
  }

  /** @param {string} key @param {unknown} value */
  async set(key, value) {
    this.#floor.lru.set(key, klona(value));
  }
}
