import { Cache, type MutationOption } from 'drizzle-orm/cache/core';
import { npmVersion } from 'drizzle-orm/version';
import { internalsOf } from '../../core/cache-internals.js';
import type { CacheService } from '../../core/cache.service.js';
import { checkedTags } from '../../core/vocabulary/cache-key.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import type { Ttl } from '../../core/vocabulary/duration.js';
import { checkNames, readBoolean } from '../../core/vocabulary/option-checks.js';
import { QueryCache } from '../queries/query-cache.js';
import { checkTables, tagsOfWrite } from '../queries/table-tags.js';
import { isTable, tableName } from './schema/schema-entities.js';
import { checkVersion } from './tested-versions.js';

/** The options of `drizzleCache`. */
export interface DrizzleCacheOptions {
  /** The name of the database. Two databases, or two roles that see other rows, need two names. */
  readonly database: string;
  /** Life time of results. @default the `defaultTtl` of the cache */
  readonly ttl?: Ttl;
  /** True to cache every query of query builders and relational queries. @default only those with `$withCache` */
  readonly global?: boolean;
}

/**
 * The `cache` of `drizzle()`. Not Drizzle's own class: its ES and CommonJS declarations are two types, and the one set
 * of declarations of the kit must fit both.
 */
export interface DrizzleCache {
  strategy(): 'all' | 'explicit';
  get(...query: never[]): Promise<undefined>;
  put(...result: never[]): Promise<void>;
  onMutate(change: never): Promise<void>;
}

/** What `cachedDrizzle` needs of a cache that `drizzleCache` has made. */
export interface DrizzleCacheParts {
  readonly queries: QueryCache;
  readonly isGlobal: boolean;
  readonly wallMs: () => number;
}

const parts = sharedByCopies('drizzle caches', () => new WeakMap<object, DrizzleCacheParts>());

/** The parts of a cache that `drizzleCache` has made; `undefined` for anything else. */
export function drizzleCacheParts(value: unknown): DrizzleCacheParts | undefined {
  return typeof value === 'object' && value !== null ? parts.get(value) : undefined;
}

/**
 * Makes the cache of a Drizzle database, for `drizzle({ cache })`. `cachedDrizzle` must wrap that database: nothing is
 * cached without it, because Drizzle tells a cache neither of transactions nor of the end of a write.
 * @throws CacheConfigError for a cache or an option that cannot be used, and for a version of drizzle-orm that the kit
 * does not know
 */
export function drizzleCache(cache: CacheService, options: DrizzleCacheOptions): DrizzleCache {
  checkNames(options, ['database', 'ttl', 'global'], 'drizzleCache ', { enabled: '`global`', name: '`database`' });
  checkVersion(npmVersion);
  const { database, ttl, global } = options;
  const queries = new QueryCache(cache, { database, ttl });
  const made = new KitCache(queries, readBoolean(global, 'global', false));
  const { clock } = internalsOf(cache);
  parts.set(made, { queries, isGlobal: made.strategy() === 'all', wallMs: () => clock.wallMs() });
  return made;
}

/**
 * What Drizzle itself sees of the cache. `cachedDrizzle` answers queries before Drizzle asks, so `get` and `put` are
 * called only for a database that it has not wrapped.
 */
class KitCache extends Cache {
  readonly #queries: QueryCache;
  readonly #isGlobal: boolean;

  constructor(queries: QueryCache, isGlobal: boolean) {
    super();
    this.#queries = queries;
    this.#isGlobal = isGlobal;
  }

  strategy(): 'all' | 'explicit' {
    return this.#isGlobal ? 'all' : 'explicit';
  }

  get(): Promise<undefined> {
    this.#queries.refuse(
      'A query was not cached, because its database is not wrapped. Write `cachedDrizzle(drizzle({ client, schema, ' +
        'cache: drizzleCache(cache, { ... }) }))`.',
    );
    return Promise.resolve(undefined);
  }

  put(): Promise<void> {
    return Promise.resolve();
  }

  /** `db.$cache.invalidate`. In a transaction it is done at the end. */
  async onMutate({ tables = [], tags = [] }: MutationOption): Promise<void> {
    try {
      const names = listOf<unknown>(tables).map((table) => (isTable(table) ? tableName(table) : table));
      if (names.length > 0) checkTables(names);
      await this.#queries.invalidateTags([...tagsOfWrite(names as string[]), ...checkedTags(listOf(tags))]);
    } catch (error) {
      this.#queries.refuse(`Nothing was invalidated: ${(error as Error).message}`, error);
    }
  }
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
