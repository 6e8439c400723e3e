import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';

/**
 * bentocache with memory in front of Redis, and a bus that notifies other processes.
 * @param {import('./subject.js').SubjectSettings & { url: string }} settings
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries, url }) {
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: maxEntries, serialize: false }))
    .useL2Layer(redisDriver({ connection: new Redis(url) }))
    .useBus(redisBusDriver({ connection: new Redis(url) }));
  const cache = new BentoCache({ default: 'tiers', ttl: '1h', stores: { tiers: store } });
  return {
    get: (key) => cache.get({ key }),
    getOrSet: (key, factory) => cache.getOrSet({ key, factory }),
    set: (key, value) => cache.set({ key, value }),
    close: () => cache.disconnectAll(),
  };
}
