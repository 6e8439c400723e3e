import type { CacheService } from '../../core/cache.service.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { show } from '../../core/vocabulary/show.js';

/*
 * The tags of tables. A query that reads `shop.orders` is tagged with `table:shop.orders` and `table:orders`, so that a
 * write to `orders`, of a schema that is not told, invalidates it, too. A query on `orders` that a person named, and
 * which might be that of any schema, is also tagged with `table:.orders`, which every write to an `orders` of some
 * schema invalidates.
 */

/** The tags of a query on tables that the ORM names. */
export function tagsOfQuery(tables: readonly string[]): string[] {
  return tables.flatMap((table) => {
    const bare = bareName(table);
    return bare === table ? [tagOf(table)] : [tagOf(table), tagOf(bare)];
  });
}

/** The tags of a query on tables that a person names. */
export function tagsOfNamed(tables: readonly string[]): string[] {
  return tagsOfQuery(tables).concat(tables.flatMap((table) => (bareName(table) === table ? [tagOf(`.${table}`)] : [])));
}

/** The tags that a write to the tables invalidates. */
export function tagsOfWrite(tables: readonly string[]): string[] {
  return tables.flatMap((table) => {
    const bare = bareName(table);
    return bare === table ? [tagOf(table)] : [tagOf(table), tagOf(`.${bare}`)];
  });
}

/**
 * Invalidates all cached queries that read one of the tables, in every database. For writes that an ORM does not tell
 * of, such as raw SQL. In `cache.transaction` it is done at the end.
 * @param tables names as the ORM knows them, `schema.table` where a table has a schema
 * @returns the number of queries that reads no longer find
 * @throws CacheConfigError for names that are no strings, CacheUnavailableError as `cache.invalidateTags`
 */
export async function invalidateTables(cache: CacheService, tables: readonly string[]): Promise<number> {
  checkTables(tables);
  return cache.invalidateTags(tagsOfWrite(tables));
}

/** @throws CacheConfigError unless it is a list of names, with one at least */
export function checkTables(tables: unknown): asserts tables is readonly string[] {
  if (Array.isArray(tables) && tables.length > 0 && tables.every((table) => typeof table === 'string' && table !== ''))
    return;
  throw new CacheConfigError(
    `Expected the names of tables, such as \`['user']\` or \`['shop.order']\`, got \`${show(tables)}\`. Name each ` +
      'table that the statement reads or writes.',
  );
}

function tagOf(table: string): string {
  return `table:${table}`;
}

function bareName(table: string): string {
  return table.slice(table.lastIndexOf('.') + 1);
}
