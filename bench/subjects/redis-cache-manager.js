import { createKeyv as createRedisKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';

/** @param {{ url: string }} settings @returns {import('../workloads/redis-hits.js').RedisSubject} */
export function open({ url }) {
  const cache = createCache({ stores: [createRedisKeyv(url, { namespace: 'cache-manager' })], ttl: 3_600_000 });
  return {
    get: (key) => cache.get(key),
    getMany: (keys) => cache.mget(keys),
    set: async (key, value) => void (await cache.set(key, value)),
    close: () => cache.disconnect(),
  };
}
