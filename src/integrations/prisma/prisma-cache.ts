import type { CacheService } from '../../core/cache.service.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { Ttl } from '../../core/vocabulary/duration.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import { QueryCache } from '../queries/query-cache.js';
import { CachedClient, type Call } from './cached-client.js';
import { type DataModel, ModelTables } from './data-model.js';
import type { PrismaCacheExtension } from './prisma-types.js';

export interface PrismaCacheOptions {
  /** TTL of a `cacheStrategy` without one. @default the cache's `defaultTtl` */
  readonly ttl?: Ttl;
  /** A name that tells this database from others on one cache. @default 'prisma' */
  readonly database?: string;
}

/** The parts of a Prisma client that the extension uses. */
interface Client {
  readonly _runtimeDataModel?: DataModel;
  readonly _clientVersion?: string;
  readonly _globalOmit?: unknown;
  $extends(extension: object): never;
  $transaction(this: unknown, ...parameters: unknown[]): Promise<unknown>;
}

/**
 * Makes an extension that caches the reads with `cacheStrategy`: `prisma.$extends(prismaCache(cache, { ttl: '5m' }))`.
 * Writes of the extended client invalidate by table; use it for all of them.
 * @throws CacheConfigError for a cache or an option that cannot be used; `$extends` throws it for another version
 */
export function prismaCache(cache: CacheService, options: PrismaCacheOptions = {}): PrismaCacheExtension {
  checkNames(options, ['ttl', 'database']);
  const { ttl, database = 'prisma' } = options;
  const queries = new QueryCache(cache, { database, ttl });
  return (client: Client): never => {
    checkClient(client);
    const cached = new CachedClient(queries, new ModelTables(client._runtimeDataModel), client._globalOmit);
    return client.$extends({
      name: 'nestjs-cache-kit',
      query: { $allModels: { $allOperations: (call: Call) => cached.run(call) } },
      client: {
        $transaction(this: unknown, ...parameters: unknown[]) {
          return cached.transaction(() => client.$transaction.apply(this, parameters));
        },
      },
    });
  };
}

/** @throws CacheConfigError for anything but a client of Prisma 7 */
function checkClient(client: Client): asserts client is Client & { readonly _runtimeDataModel: DataModel } {
  const version = client._clientVersion ?? 'a client without a version';
  if (version.startsWith('7.') && client._runtimeDataModel !== undefined) return;
  throw new CacheConfigError(
    `Expected a client of Prisma 7, got \`${version}\`. Install \`@prisma/client@^7.0.0\`, and call ` +
      '`prisma.$extends(prismaCache(cache))`.',
  );
}
