import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';

/**
 * bentocache with Redis as its only store. It has no call for several keys.
 * @param {{ url: string }} settings
 * @returns {import('../workloads/redis-hits.js').RedisSubject}
 */
export function open({ url }) {
  const store = bentostore().useL2Layer(redisDriver({ connection: new Redis(url) }));
  const cache = new BentoCache({ default: 'redis', ttl: '1h', stores: { redis: store } });
  return {
    get: (key) => cache.get({ key }),
    getMany: (keys) => Promise.all(keys.map((key) => cache.get({ key }))),
    set: async (key, value) => void (await cache.set({ key, value })),
    close: () => cache.disconnectAll(),
  };
}
