/** `nestjs-cache-kit/prisma`: a client extension that caches queries, invalidated after commits. For Prisma 7. */
export { prismaCache } from './integrations/prisma/prisma-cache.js';
export type { PrismaCacheOptions } from './integrations/prisma/prisma-cache.js';
export type { CachedOperations, CacheStrategy, PrismaCacheExtension } from './integrations/prisma/prisma-types.js';
export { invalidateTables } from './integrations/queries/table-tags.js';
