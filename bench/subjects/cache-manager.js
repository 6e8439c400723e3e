import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { HOUR_MS } from './subject.js';

/**
 * cache-manager on its default store, an unbounded Map; Nest's own cache module uses it.
 * @param {import('./subject.js').SubjectSettings & { isSerialized?: boolean }} settings `isSerialized`: on a Keyv with
 * its default options
 * @returns {import('./subject.js').Subject}
 */
export function open({ isSerialized = false }) {
  const cache = createCache({ ttl: HOUR_MS, ...(isSerialized && { stores: [new Keyv()] }) });
  return {
    get: (key) => cache.get(key),
    getOrSet: (key, load) => cache.wrap(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}
