/**
 * The kit on the memory backend.
 * @param {import('./subject.js').SubjectSettings & { kit: string, isolation?: string, stats?: boolean, policy?: string,
 * namespace?: string }} settings `kit`: the URL of the build's `index.js`
 * @returns {Promise<import('./subject.js').Subject>}
 */
export async function open({ kit, maxEntries, isolation, stats, policy, namespace }) {
  const { createCache } = await import(kit);
  const memory = { maxEntries, maxBytes: 8 * 2 ** 30, ...(isolation && { isolation }), ...(policy && { policy }) };
  const service = await createCache({ memory, ...(stats !== undefined && { stats }) });
  const cache = namespace === undefined ? service : service.namespace(namespace);
  return {
    get: (key) => cache.get(key),
    getOrSet: (key, load) => cache.getOrSet(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => service.close(),
  };
}
