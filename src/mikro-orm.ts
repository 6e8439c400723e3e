/** `nestjs-cache-kit/mikro-orm`: a result cache, invalidated after commits. Needs `@mikro-orm/core` 7.2. */
export { mikroOrmCache } from './integrations/mikro-orm/mikro-orm-cache.js';
export type {
  MikroOrmCacheConfig,
  MikroOrmCacheOptions,
  ResultCache,
} from './integrations/mikro-orm/mikro-orm-cache.js';
export { invalidateTables } from './integrations/queries/table-tags.js';
