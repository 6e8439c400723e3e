import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import { show } from '../../core/vocabulary/show.js';
import { drizzleCacheParts, type DrizzleCacheParts } from './drizzle-cache.js';
import { type Database, entityKindOf, type Session } from './drizzle-internals.js';
import { SchemaTables } from './schema/schema-tables.js';
import { SessionWatch } from './session-watch.js';
import { readStatement, type SqlStatement } from './sql/sql-statement.js';
import type { SqlDialect } from './sql/sql-tokens.js';
import { StatementFactsReader } from './statement-facts.js';
import { StatementRunner } from './statement-runner.js';

const watched = sharedByCopies('drizzle sessions', () => new WeakSet<Session>());

/**
 * Lets the cache of a Drizzle database see its transactions and the end of each write. Without it nothing is cached.
 * @param db made by `drizzle({ client, schema, cache: drizzleCache(...) })`
 * @returns the same database
 * @throws CacheConfigError for a database without such a cache, or with a driver that asks no cache
 */
export function cachedDrizzle<T extends object>(db: T): T {
  const given: unknown = db;
  const { session, $cache, $primary, resultKind } = (given ?? {}) as Partial<Database>;
  if (typeof session?.prepareQuery !== 'function')
    throw new CacheConfigError(`Expected a database of Drizzle, made by \`drizzle()\`, got \`${show(db)}\`.`);
  const parts = drizzleCacheParts($cache);
  if (parts === undefined)
    throw new CacheConfigError(
      'Expected a database with `cache: drizzleCache(...)`, got one without. Write `cachedDrizzle(drizzle({ client, ' +
        'schema, cache: drizzleCache(cache, { ... }) }))`, with a driver that takes a `cache`.',
    );
  if (resultKind === 'sync')
    throw new CacheConfigError(
      `Expected a driver that gives promises, got ${entityKindOf(db)}, which asks no cache. Use libSQL, or cache in ` +
        'your services: `cache.getOrSet`.',
    );
  if (!watched.has(session)) {
    watched.add(session);
    watchOf(($primary ?? db) as Database, parts).watch(session);
  }
  return db;
}

function watchOf(database: Database, { queries, isGlobal, wallMs }: DrizzleCacheParts): SessionWatch {
  const { session, _: meta } = database;
  const dialect = dialectOf(session);
  const readQuery = (query: unknown): SqlStatement => readStatement(session.dialect.sqlToQuery(query).sql, dialect);
  const { fullSchema = {}, relations = {} } = meta ?? {};
  const objects: unknown[] = [...Object.values(fullSchema), ...Object.values(relations).map(tableOfRelations)];
  const facts = new StatementFactsReader(new SchemaTables(objects, dialect, readQuery), dialect);
  const driver = entityKindOf(session);
  return new SessionWatch(queries, new StatementRunner({ queries, facts, isGlobal, driver, wallMs }));
}

/** The table in an entry of `relations` of Drizzle 1.0. */
function tableOfRelations(entry: unknown): unknown {
  return (entry as { table?: unknown } | null)?.table;
}

const DIALECTS: readonly (readonly [RegExp, SqlDialect])[] = [
  [/^(?:pg|cockroach)/i, 'postgres'],
  [/^(?:mysql|singlestore)/i, 'mysql'],
  [/^sqlite/i, 'sqlite'],
];

function dialectOf({ dialect }: Session): SqlDialect {
  const kind = entityKindOf(dialect);
  const known = DIALECTS.find(([pattern]) => pattern.test(kind));
  if (known !== undefined) return known[1];
  throw new CacheConfigError(
    `Expected a database of the dialects of PostgreSQL, MySQL, SingleStore or SQLite, got ${kind}. Cache in your ` +
      'services: `cache.getOrSet`.',
  );
}
