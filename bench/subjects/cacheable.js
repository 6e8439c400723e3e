import { Cacheable, createKeyv } from 'cacheable';
import { HOUR_MS } from './subject.js';

/**
 * @param {import('./subject.js').SubjectSettings & { useClone?: boolean }} settings
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries, useClone = true }) {
  const cache = new Cacheable({ primary: createKeyv({ lruSize: maxEntries, useClone }), ttl: HOUR_MS });
  const options = { ttl: HOUR_MS };
  return {
    get: (key) => cache.get(key),
    getOrSet: (key, load) => cache.getOrSet(key, load, options),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}
