import { LRUCache } from 'lru-cache';
import { HOUR_MS } from './subject.js';

/**
 * lru-cache without a wrapper: synchronous, without promises.
 * @param {import('./subject.js').SubjectSettings} settings
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries }) {
  /** @type {LRUCache<string, any>} */
  const lru = new LRUCache({ max: maxEntries, ttl: HOUR_MS });
  return {
    isSync: true,
    get: (key) => lru.get(key),
    getOrSet: (key, load) => {
      const found = lru.get(key);
      if (found !== undefined) return found;
      const value = load();
      lru.set(key, value);
      return value;
    },
    set: (key, value) => lru.set(key, value),
  };
}
