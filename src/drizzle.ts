/** `nestjs-cache-kit/drizzle`: a cache for the queries of Drizzle. Needs `drizzle-orm` 0.44 or 0.45. */
export { cachedDrizzle } from './integrations/drizzle/cached-drizzle.js';
export { drizzleCache } from './integrations/drizzle/drizzle-cache.js';
export type { DrizzleCache, DrizzleCacheOptions } from './integrations/drizzle/drizzle-cache.js';
export { cachedQuery } from './integrations/drizzle/query-wishes.js';
export type { CachedQueryOptions } from './integrations/drizzle/query-wishes.js';
export { invalidateTables } from './integrations/queries/table-tags.js';
