import { createKeyv as createRedisKeyv } from '@keyv/redis';
import { Cacheable, createKeyv } from 'cacheable';
import { HOUR_MS } from './subject.js';

/**
 * cacheable with memory in front of Redis; other processes are not notified.
 * @param {import('./subject.js').SubjectSettings & { url: string }} settings
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries, url }) {
  const primary = createKeyv({ lruSize: maxEntries, useClone: false });
  const cache = new Cacheable({
    primary,
    secondary: createRedisKeyv(url, { namespace: 'hybrid-cacheable' }),
    ttl: HOUR_MS,
  });
  const options = { ttl: HOUR_MS };
  return {
    get: (key) => cache.get(key),
    getOrSet: (key, load) => cache.getOrSet(key, load, options),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}
