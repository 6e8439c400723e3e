import type { DataSource } from 'typeorm';
import type { CacheService } from '../../core/cache.service.js';
import type { Ttl } from '../../core/vocabulary/duration.js';
import { checkNames, expected, type OtherNames } from '../../core/vocabulary/option-checks.js';
import { QueryCache } from '../queries/query-cache.js';
import { CacheSubscriber, subscribe } from './cache-subscriber.js';
import { checkDriver, checkSubscriber, checkVersion } from './data-source-checks.js';
import { databaseNameOf } from './database-name.js';
import { entityClassesOf } from './entity-classes.js';
import { NO_DURATION, ResultCache } from './result-cache.js';
import type { QueryResultCache } from './typeorm-types.js';

/** A class of a subscriber, or the path of its file. */
export type Subscriber = (new (...parameters: never[]) => object) | string;

export interface TypeormCacheOptions {
  /** The TTL of a query that names no duration, as with `cache: true`. @default the cache's `defaultTtl` */
  readonly ttl?: Ttl;
  /** Subscribers of yours. @default none */
  readonly subscribers?: readonly Subscriber[] | Readonly<Record<string, Subscriber>>;
  /**
   * The name of the database. Data sources of one name share results.
   * @default a name of its address and user, which processes share; one for each data source of a database in memory
   */
  readonly database?: string;
}

/** A part of the options of a data source, to spread into them. */
export interface TypeormCache {
  readonly cache: {
    readonly provider: (dataSource: DataSource) => QueryResultCache;
    readonly duration: number;
    readonly ignoreErrors: boolean;
  };
  readonly subscribers: Subscriber[];
}

const OTHER_NAMES: OtherNames = {
  duration: '`ttl`',
  alwaysEnabled: '`cache: { ...typeormCache(cache).cache, alwaysEnabled: true }` in the options of the data source',
  namespace: '`database`',
};

/**
 * Keeps results of TypeORM's cached queries in a cache, and invalidates them by table when writes are committed:
 * `new DataSource({ ..., ...typeormCache(cache, { ttl: '5m', subscribers: [Mine] }) })`.
 * @throws CacheConfigError that names the wrong option; from the data source one that says what to change in it
 */
export function typeormCache(cache: CacheService, options: TypeormCacheOptions = {}): TypeormCache {
  checkNames(options, ['ttl', 'subscribers', 'database'], 'typeormCache().', OTHER_NAMES);
  checkVersion();
  const { ttl, database } = options;
  const open = (name: string): QueryCache => new QueryCache(cache, { database: name, ttl });
  open(database ?? 'default');
  return {
    cache: {
      provider: (dataSource) => provide(dataSource, () => open(database ?? databaseNameOf(dataSource.options))),
      duration: NO_DURATION,
      // TypeORM makes JSON of a result itself, which fails for a bigint.
      ignoreErrors: true,
    },
    subscribers: [...readSubscribers(options.subscribers), CacheSubscriber],
  };
}

function provide(dataSource: DataSource, open: () => QueryCache): ResultCache {
  checkDriver(dataSource);
  const results = new ResultCache(dataSource, open);
  subscribe(dataSource, results);
  const initialize = dataSource.initialize.bind(dataSource);
  dataSource.initialize = async () => {
    await initialize();
    try {
      checkSubscriber(dataSource, CacheSubscriber);
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
    results.addTypes(entityClassesOf(dataSource));
    return dataSource;
  };
  return results;
}

function readSubscribers(value: unknown): Subscriber[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null) throw expected('subscribers', 'an array of classes', value);
  const subscribers = Object.values(value) as unknown[];
  const wrong = subscribers.find((one) => typeof one !== 'function' && typeof one !== 'string');
  if (wrong === undefined) return subscribers as Subscriber[];
  throw expected('subscribers', 'an array of classes with @EventSubscriber()', wrong);
}
