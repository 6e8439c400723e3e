import { expect } from '@jest/globals';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache, type DrizzleCacheOptions } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import type { ShopDatabase, TestDatabase } from './databases.fixture.js';

export interface Shop extends CacheFixture {
  readonly db: ShopDatabase;
}

/** A cached database of Drizzle on a memory cache of its own. @param fixture to use this cache instead */
export function openShop(
  database: TestDatabase,
  { schema, ...options }: Partial<DrizzleCacheOptions> & { schema?: Record<string, unknown> } = {},
  fixture: CacheFixture = cacheWith(),
): Shop {
  const cache = drizzleCache(fixture.cache, { database: 'shop', ...options });
  return { ...fixture, db: cachedDrizzle(database.connect(cache, schema === undefined ? {} : { schema })) };
}

/** Runs a query twice, which must give the same. Returns the number of times that it reached the database. */
export async function countRuns(database: TestDatabase, query: () => PromiseLike<unknown>): Promise<number> {
  const before = database.statements.length;
  const first = await query();
  const second = await query();
  expect(rowsOf(second)).toEqual(rowsOf(first));
  return database.statements.length - before;
}

/** The rows of a raw result. The drivers add things that are not equal. */
function rowsOf(result: unknown): unknown {
  return (result as { rows?: unknown } | null)?.rows ?? result;
}
