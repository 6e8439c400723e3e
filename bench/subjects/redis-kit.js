/**
 * The kit on Redis.
 * @param {{ kit: string, url: string, tags?: string[], namespace?: string }} settings @returns
 * {Promise<import('../workloads/redis-hits.js').RedisSubject>}
 */
export async function open({ kit, url, tags, namespace }) {
  const { createCache } = await import(kit);
  const service = await createCache({ backend: 'redis', redis: { url, keyPrefix: `kit-${tags?.length ?? 0}` } });
  const cache = namespace === undefined ? service : service.namespace(namespace);
  return {
    get: (key) => cache.get(key),
    getMany: async (keys) => [...(await cache.getMany(keys)).values()],
    set: (key, value) => cache.set(key, value, { ...(tags && { tags }) }),
    close: () => service.close(),
  };
}
