import { Utils } from '@mikro-orm/core';
import type { CacheService } from '../../core/cache.service.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { Ttl } from '../../core/vocabulary/duration.js';
import { checkNames, expected } from '../../core/vocabulary/option-checks.js';
import { QueryCache } from '../queries/query-cache.js';
import { KnownOrm } from './known-orm.js';
import { ResultCacheAdapter } from './result-cache.adapter.js';
import { Transactions } from './transactions.js';
import { WriteSubscriber } from './write-subscriber.js';

export interface MikroOrmCacheOptions {
  /** TTL of `cache: true`. @default the cache's `defaultTtl` */
  readonly ttl?: Ttl;
  /**
   * A name that tells this database from others on one cache. Needed only where driver, host, port and database name
   * are the same. @default 'mikro-orm'
   */
  readonly database?: string;
  /** Your own subscribers: the spread takes the place of `subscribers`. @default none */
  readonly subscribers?: readonly object[];
}

/** The port for result caches of MikroORM. */
export interface ResultCache {
  get(name: string): Promise<any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- the port's own type
  set(name: string, data: unknown): Promise<void>;
  remove(): void;
  clear(): Promise<void>;
  close(): void;
}

/** A part of the configuration of `MikroORM.init`. It names no type of MikroORM, so that CommonJS can read it. */
export interface MikroOrmCacheConfig {
  resultCache: { adapter: new () => ResultCache };
  subscribers: object[];
}

/**
 * Makes the result cache of one MikroORM instance, to spread into its configuration:
 * `MikroORM.init({ ..., ...mikroOrmCache(cache) })`. Queries with `cache: true`, or a TTL in milliseconds, are cached.
 * @throws CacheConfigError for a cache, an option or a version of MikroORM that cannot be used
 */
export function mikroOrmCache(cache: CacheService, options: MikroOrmCacheOptions = {}): MikroOrmCacheConfig {
  checkNames(options, ['ttl', 'database', 'subscribers']);
  const { ttl, database = 'mikro-orm', subscribers = [] } = options;
  if (!Array.isArray(subscribers)) throw expected('subscribers', 'a list of your subscribers', subscribers);
  checkVersion(Utils.getORMVersion());
  const queries = new QueryCache(cache, { database, ttl });
  const orm = new KnownOrm();
  const transactions = new Transactions();
  const subscriber = new WriteSubscriber(queries, orm, transactions);
  orm.subscriber = subscriber;
  class CacheKitResultCache extends ResultCacheAdapter {
    constructor() {
      super(queries, orm, transactions);
    }
  }
  return { resultCache: { adapter: CacheKitResultCache }, subscribers: [subscriber, ...(subscribers as object[])] };
}

/** @throws CacheConfigError for a version that the kit is not tested with */
export function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 7 && minor >= 2) return;
  throw new CacheConfigError(
    `Expected @mikro-orm/core 7.2 or a later 7, got \`${version}\`. Install \`@mikro-orm/core@^7.2.0\`, with drivers ` +
      'of the same version.',
  );
}
