import { createKeyv as createRedisKeyv } from '@keyv/redis';
import { Cacheable } from 'cacheable';

/**
 * cacheable with Redis as its only store.
 * @param {{ url: string }} settings
 * @returns {import('../workloads/redis-hits.js').RedisSubject}
 */
export function open({ url }) {
  const cache = new Cacheable({ primary: createRedisKeyv(url, { namespace: 'cacheable' }), ttl: 3_600_000 });
  return {
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany(keys),
    set: async (key, value) => void (await cache.set(key, value)),
    close: () => cache.disconnect(),
  };
}
