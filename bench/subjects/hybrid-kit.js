/**
 * The kit with near copies of entries in Redis.
 * @param {import('./subject.js').SubjectSettings & { kit: string, url: string, id: string, isolation: string,
 * coherence?: string, stats?: boolean }} settings
 * @returns {Promise<import('../workloads/near-hits.js').NearSubject>}
 */
export async function open({ kit, url, id, maxEntries, isolation, coherence, stats }) {
  const { createCache } = await import(kit);
  // A long timeout: all processes fill their caches at the same time, and timeouts are not measured here.
  const redis = { url, keyPrefix: id, commandTimeout: '10s', ...(coherence && { coherence }) };
  const memory = { maxEntries, maxBytes: 8 * 2 ** 30, isolation };
  const cache = await createCache({ backend: 'hybrid', redis, memory, ...(stats !== undefined && { stats }) });
  return {
    get: (key) => cache.get(key),
    getOrSet: (key, load) => cache.getOrSet(key, load),
    set: (key, value) => cache.set(key, value),
    nearHits: async () => (await cache.getStats()).tiers[0].hits,
    close: () => cache.close(),
  };
}
