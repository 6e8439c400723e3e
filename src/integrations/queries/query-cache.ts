import { type CacheInternals, hasInternals, internalsOf } from '../../core/cache-internals.js';
import type { CacheService } from '../../core/cache.service.js';
import type { GetOrSetOptions } from '../../core/load/call-options.js';
import type { Begun } from '../../core/load/open-loads.js';
import { argumentKey } from '../../core/values/argument-key.js';
import { checkedTags } from '../../core/vocabulary/cache-key.js';
import { BoundedMap } from '../../core/vocabulary/bounded-map.js';
import { CacheConfigError, CacheError } from '../../core/vocabulary/cache.errors.js';
import { parseTtl, type Ttl } from '../../core/vocabulary/duration.js';
import { expected } from '../../core/vocabulary/option-checks.js';
import { show } from '../../core/vocabulary/show.js';
import { tagsOfNamed, tagsOfQuery, tagsOfWrite } from './table-tags.js';

export interface QueryCacheOptions {
  /** The name of the database: two databases on one cache must not share results. */
  readonly database: string;
  /** @default the cache's `defaultTtl` */
  readonly ttl?: Ttl | undefined;
}

/** A query whose result may be cached. */
export interface Query {
  /** All that decides the result, such as the SQL and its parameters. Their types count: 1 is not '1'. */
  readonly identity: readonly unknown[];
  /** The tables that it reads, as the ORM names them. */
  readonly tables: readonly string[];
  /** More tables that it reads, as a person named them. */
  readonly named?: readonly string[];
  /** @default that of the query cache */
  readonly ttl?: Ttl | undefined;
  /** More tags. @default none */
  readonly tags?: readonly string[] | undefined;
}

/** Where the results of a query are kept, whatever its parameters are. It is made once and used many times. */
export interface QueryPlace {
  readonly key: string;
  readonly options: GetOrSetOptions<unknown>;
}

/** The answer to `QueryCache.open`. */
export type OpenQuery =
  | { readonly state: 'cached'; readonly result: unknown }
  /** The query must run. `store` takes its result; `drop` says that there is none. One of both is called. */
  | { readonly state: 'open'; store(result: unknown): Promise<void>; drop(): void };

/** Reasons for not caching that are remembered, so that each is reported once. */
const REPORTED_REASONS = 1_000;

const NOT_CACHED: OpenQuery = { state: 'open', store: () => Promise.resolve(), drop: () => undefined };

/**
 * Caches the results of queries for an ORM. A result is stored only if no table of the query was written, through this
 * cache, since the query began. No method rejects because of the cache; a query that cannot be cached runs, and the
 * reason is reported.
 */
export class QueryCache {
  readonly #cache: CacheService;
  readonly #internals: CacheInternals;
  readonly #ttl: Ttl | undefined;
  readonly #namespace: string;
  readonly #reported = new BoundedMap<string, true>(REPORTED_REASONS);

  /** @throws CacheConfigError for a cache or an option that cannot be used */
  constructor(cache: CacheService, { database, ttl }: QueryCacheOptions) {
    if (typeof cache !== 'object' || (cache as unknown) === null || !hasInternals(cache))
      throw new CacheConfigError(
        `Expected a CacheService for cached queries, got \`${show(cache)}\`. Inject it (\`inject: [CacheService]\`, ` +
          "or `[getCacheToken('name')]` for one with a name), or make it with `await createCache()`; in tests write " +
          '`provideTestCache()` of nestjs-cache-kit/testing.',
      );
    if (typeof database !== 'string' || database === '')
      throw expected('database', 'the name of the database', database);
    if (ttl !== undefined) parseTtl(ttl, 'ttl');
    this.#cache = cache;
    this.#internals = internalsOf(cache);
    this.#ttl = ttl;
    this.#namespace = `queries:${database}`;
  }

  /** True where results are neither read nor stored: in a transaction, and after `close()`. */
  get isBypassed(): boolean {
    return this.#internals.isInTransaction() || this.#internals.isClosed();
  }

  /** Gives the cached result; else the result of `run`, which runs once for all who ask at the same time. */
  answer<T>(query: Query, run: () => Promise<T>): Promise<T> {
    const place = this.isBypassed ? undefined : this.place(query);
    return place === undefined ? run() : this.#cache.getOrSet(place.key, run, place.options);
  }

  /** Does what `answer` does for a query whose place is known. @param parameters are a part of the key, with types */
  answerAt<T>(place: QueryPlace, parameters: readonly unknown[], run: () => Promise<T>): Promise<T> {
    const own = this.isBypassed ? undefined : this.#reporting(() => keyOf(parameters));
    return own === undefined ? run() : this.#cache.getOrSet(place.key + own, run, place.options);
  }

  /** The place of a query; `undefined` for one that cannot be cached, which is reported. */
  place({ identity, tables, named = [], ttl = this.#ttl, tags = [] }: Query): QueryPlace | undefined {
    return this.#reporting(() => {
      const all = new Set([...tagsOfQuery(tables), ...tagsOfNamed(named), ...checkedTags(tags)]);
      if (ttl !== undefined) parseTtl(ttl, 'ttl');
      return {
        key: keyOf(identity),
        options: { namespace: this.#namespace, tags: [...all], ...(ttl === undefined ? {} : { ttl }) },
      };
    });
  }

  /** Looks a query up for an ORM that runs it itself. */
  async open(query: Query): Promise<OpenQuery> {
    const place = this.isBypassed ? undefined : this.place(query);
    return place === undefined ? NOT_CACHED : this.openAt(place, []);
  }

  /**
   * Does what `open` does for a query whose place is known. A hit is answered at once where the store does.
   * @param parameters are a part of the key, with types
   */
  openAt(place: QueryPlace, parameters: readonly unknown[]): OpenQuery | Promise<OpenQuery> {
    const own = this.isBypassed ? undefined : this.#reporting(() => keyOf(parameters));
    if (own === undefined) return NOT_CACHED;
    try {
      const begun = this.#internals.open(place.key + own, place.options);
      return begun instanceof Promise ? begun.then(answerTo).catch(this.#notCached) : answerTo(begun);
    } catch (error) {
      return this.#notCached(error);
    }
  }

  /** Invalidates the queries on tables that were written; in a transaction at its end. */
  async invalidate(tables: readonly string[]): Promise<void> {
    await this.invalidateTags(tagsOfWrite(tables));
  }

  /** The tag of the queries of this database that a person gave an id. */
  tagOfId(id: string): string {
    return `${this.#namespace}:${id}`;
  }

  /** Invalidates tags; in a transaction at its end. */
  async invalidateTags(tags: readonly string[]): Promise<void> {
    if (!this.#internals.isClosed()) await this.#internals.invalidateTags([...new Set(tags)]);
  }

  /**
   * Invalidates the queries on tables whose writes the database has committed, and tags. It is done at once, also in a
   * transaction of the cache: that one may still fail, and the database is changed all the same.
   */
  async invalidateCommitted(tables: readonly string[], tags: readonly string[] = []): Promise<void> {
    await this.#internals.outsideTransaction(() => this.invalidateTags([...tagsOfWrite(tables), ...tags]));
  }

  /** Removes the results of all queries of this database. */
  async clear(): Promise<void> {
    try {
      await this.#cache.invalidateNamespace(this.#namespace);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Runs a transaction of the database: its invalidations are made when it is committed. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#internals.isClosed() ? work() : this.#cache.transaction(work);
  }

  /** Does the same for a transaction that is committed on its own, although the call is in another one. */
  separateTransaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#internals.outsideTransaction(() => this.transaction(work));
  }

  /** Lets the cache give back instances of these classes as instances, on every backend. */
  addTypes(classes: readonly unknown[]): void {
    this.#internals.addTypes(classes);
  }

  /** Reports a query that the cache cannot be used for; each reason once. */
  refuse(why: string, cause?: unknown): void {
    if (this.#reported.get(why) === true) return;
    this.#reported.put(why, true);
    this.#report(new CacheConfigError(why, { cause }));
  }

  /** Gives the result of `make`; `undefined` where it throws, and reports that. */
  #reporting<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      this.refuse(`A query was not cached: ${error instanceof Error ? error.message : String(error)}`, error);
      return undefined;
    }
  }

  readonly #notCached = (error: unknown): OpenQuery => {
    this.#report(error);
    return NOT_CACHED;
  };

  #report(error: unknown): void {
    this.#internals.reportMisuse(
      error instanceof CacheError ? error : new CacheConfigError('A query was not cached.', { cause: error }),
    );
  }
}

/** @throws CacheConfigError where a parameter of the query has no value that a key could hold */
function keyOf(identity: readonly unknown[]): string {
  try {
    return argumentKey(identity);
  } catch (cause) {
    const message =
      'no key can be made of its parameters. Pass text, numbers, dates, bytes, or plain objects and arrays of them.';
    throw new CacheConfigError(message, { cause });
  }
}

function answerTo(begun: Begun): OpenQuery {
  if ('entry' in begun) return { state: 'cached', result: begun.entry.read() };
  return { state: 'open', store: (result) => begun.load.commit(result), drop: () => begun.load.drop() };
}
