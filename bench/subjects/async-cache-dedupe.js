import { createCache } from 'async-cache-dedupe';

/** @param {import('./subject.js').SubjectSettings} settings @returns {import('./subject.js').Subject} */
export function open({ maxEntries }) {
  const ttl = 3600;
  const cache = createCache({ ttl, storage: { type: 'memory', options: { size: maxEntries } } });
  /** @type {() => Promise<unknown>} */
  let factory;
  const { value } = /** @type {any} */ (cache.define('value', () => factory()));
  return {
    get: (key) => cache.get('value', key),
    getOrSet: (key, load) => {
      factory = load;
      return value(key);
    },
    set: (key, value) => cache.set('value', key, value, ttl),
  };
}
