/**
 * The kit, with all methods of its service.
 * @param {{ kit: string, options: object }} settings
 * @returns {Promise<import('nestjs-cache-kit').CacheService>}
 */
export async function open({ kit, options }) {
  const { createCache } = await import(kit);
  return createCache(options);
}
