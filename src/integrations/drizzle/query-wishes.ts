import { AsyncLocalStorage } from 'node:async_hooks';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import { parseTtl, type Ttl } from '../../core/vocabulary/duration.js';
import { checkNames, expected } from '../../core/vocabulary/option-checks.js';
import { show } from '../../core/vocabulary/show.js';
import { checkTables } from '../queries/table-tags.js';
import type { WithCacheConfig } from './drizzle-internals.js';
import { isTable, tableName } from './schema/schema-entities.js';

/** The options of `cachedQuery`. */
export interface CachedQueryOptions {
  /** @default the `ttl` of `drizzleCache` */
  readonly ttl?: Ttl;
  /** More tags, for `cache.invalidateTags` or `db.$cache.invalidate({ tags })`. @default none */
  readonly tags?: readonly string[];
  /**
   * Tables that the query reads, as objects of the schema or by name, besides those that its words name. Raw SQL is
   * cached only with them, and a query only with them if it reads a view or a function.
   */
  readonly tables?: readonly (string | object)[];
}

/** What is said about the caching of one query. */
export interface QueryWishes {
  readonly ttl: Ttl | undefined;
  readonly tags: readonly string[];
  /** Tables that a person names. */
  readonly named: readonly string[];
  /** False for a query that writes must not invalidate. */
  readonly hasTables: boolean;
}

type Scope = CachedQueryOptions | false;

const scopes = sharedByCopies('drizzle queries', () => new AsyncLocalStorage<Scope>());

/**
 * Caches the queries that `query` runs, of whatever kind: of a query builder, relational, prepared, `$count`, or raw
 * SQL with `tables`. With `false` in place of the options they go past the cache, also with `global: true`.
 * @returns the result of `query`
 * @throws CacheConfigError when `query` is no function. An option that cannot be used is reported to `onError`, and the
 * query runs uncached
 */
export async function cachedQuery<T>(options: CachedQueryOptions | false, query: () => PromiseLike<T>): Promise<T> {
  if (typeof query !== 'function')
    throw expected('query', 'a function', query, 'Write `cachedQuery(options, () => db.query.users.findMany())`.');
  // It is awaited inside, because the queries of Drizzle run only when somebody waits for them.
  return scopes.run(options, async () => await query());
}

/**
 * Reads what `$withCache` and `cachedQuery` say about a query: `undefined` when both are silent, `false` for a query
 * that must not be cached.
 * @throws CacheConfigError that names a wrong option
 */
export function readWishes(config: WithCacheConfig | undefined, wallMs: () => number): QueryWishes | false | undefined {
  const scope = scopes.getStore();
  if (scope === false || isOff(config)) return false;
  if (scope === undefined && config === undefined) return undefined;
  const { named, ...ofScope } = readScope(scope ?? {});
  const ofConfig = readConfig(config ?? {}, wallMs);
  return {
    ttl: ofConfig.ttl ?? ofScope.ttl,
    tags: [...ofConfig.tags, ...ofScope.tags],
    named,
    hasTables: config?.autoInvalidate !== false,
  };
}

function isOff(config: WithCacheConfig | undefined): boolean {
  return config !== undefined && (config.enable ?? config.enabled) !== true;
}

const OTHER_NAMES = {
  tag: "`tags: ['...']`",
  ex: "`ttl: '60s'`",
  px: "`ttl: '500ms'`",
  table: "`tables: ['...']`",
  config: "`ttl: '60s'`",
};

function readScope(scope: CachedQueryOptions): Omit<QueryWishes, 'hasTables'> {
  checkNames(scope, ['ttl', 'tags', 'tables'], 'cachedQuery ', OTHER_NAMES);
  const { ttl, tags = [], tables = [] } = scope;
  if (ttl !== undefined) parseTtl(ttl, 'ttl');
  if (!Array.isArray(tags)) throw expected('tags', 'a list of texts', tags);
  return { ttl, tags: tags as readonly string[], named: namesOf(tables) };
}

function namesOf(tables: unknown): readonly string[] {
  if (!Array.isArray(tables)) throw expected('tables', 'a list of tables or their names', tables);
  const names = tables.map((table: unknown) => (isTable(table) ? tableName(table) : table));
  if (names.length > 0) checkTables(names);
  return names as string[];
}

const MILLISECONDS: Readonly<Record<string, (value: number, wallMs: () => number) => number>> = {
  ex: (seconds) => seconds * 1000,
  px: (ms) => ms,
  exat: (seconds, wallMs) => seconds * 1000 - wallMs(),
  pxat: (ms, wallMs) => ms - wallMs(),
};

function readConfig(
  { tag, config = {} }: WithCacheConfig,
  wallMs: () => number,
): { readonly ttl: number | undefined; readonly tags: readonly string[] } {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  const [first, second] = given;
  if (second !== undefined)
    throw new CacheConfigError(
      `Expected one of ${Object.keys(MILLISECONDS).join(', ')} in \`$withCache({ config })\`, got ` +
        `\`${given.map(([name]) => name).join(', ')}\`.`,
    );
  return { ttl: first === undefined ? undefined : readTtl(first, wallMs), tags: tag === undefined ? [] : [tag] };
}

function readTtl([name, value]: [string, unknown], wallMs: () => number): number {
  const read = Object.hasOwn(MILLISECONDS, name) ? MILLISECONDS[name] : undefined;
  if (read === undefined)
    throw new CacheConfigError(
      `Expected a life time in \`$withCache({ config })\`, got \`${show(name)}\`, which is for Redis alone. Write ` +
        '`ex` (seconds), `px` (milliseconds), or `exat` or `pxat` (the same as Unix times).',
    );
  if (typeof value !== 'number' || !(value >= 0)) throw expected(`config.${name}`, 'a number of 0 or more', value);
  return Math.max(0, Math.round(read(value, wallMs)));
}
