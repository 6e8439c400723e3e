import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';

/**
 * @param {import('./subject.js').SubjectSettings & { serialize?: boolean }} settings
 * @returns {import('./subject.js').Subject}
 */
export function open({ maxEntries, serialize = true }) {
  const memory = bentostore().useL1Layer(memoryDriver({ maxItems: maxEntries, serialize }));
  const cache = new BentoCache({ default: 'memory', ttl: '1h', stores: { memory } });
  return {
    get: (key) => cache.get({ key }),
    getOrSet: (key, factory) => cache.getOrSet({ key, factory }),
    set: (key, value) => cache.set({ key, value }),
    close: () => cache.disconnectAll(),
  };
}
