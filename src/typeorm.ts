/** `nestjs-cache-kit/typeorm`: cached queries of TypeORM 1, or 0.3.20 and later. */
export { cacheId } from './integrations/typeorm/cache-id.js';
export { typeormCache } from './integrations/typeorm/typeorm-cache.js';
export { invalidateTables } from './integrations/queries/table-tags.js';
export type { CacheIdOptions } from './integrations/typeorm/cache-id.js';
export type { Subscriber, TypeormCache, TypeormCacheOptions } from './integrations/typeorm/typeorm-cache.js';
