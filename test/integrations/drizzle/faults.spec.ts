import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { Cache } from 'drizzle-orm/cache/core';
import { withReplicas } from 'drizzle-orm/pg-core';
import type { CacheService } from '../../../src/core/cache.service.js';
import type { CacheAdapter } from '../../../src/core/ports/cache-adapter.port.js';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cacheWith } from '../../support/cache-with.js';
import { DATABASES, type TestDatabase } from './databases.fixture.js';
import { labels } from './schema.fixture.js';
import { countRuns, openShop } from './shop.fixture.js';

/** An adapter whose methods reject while `isDown`. */
function failing(adapter: CacheAdapter, state: { isDown: boolean }): CacheAdapter {
  return new Proxy(adapter, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || name === 'close') return value;
      return (...args: unknown[]): unknown =>
        state.isDown ? Promise.reject(new Error('the store is down')) : value.apply(target, args);
    },
  });
}

describe.each(DATABASES)('with faults, %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.reset();
    await database.run("insert into labels values (1, 'red')");
  });

  it('works without the cache while its store fails', async () => {
    const state = { isDown: true };
    const { db, errors } = openShop(
      database,
      { global: true },
      cacheWith({}, (adapter) => failing(adapter, state)),
    );

    expect(await db.select().from(labels)).toHaveLength(1);
    await db.insert(labels).values({ id: 2, name: 'blue' });
    await db.transaction((tx) => tx.insert(labels).values({ id: 3, name: 'green' }).then());
    await db.$cache.invalidate({ tables: labels, tags: ['x'] });
    expect(await db.query.labels.findMany()).toHaveLength(3);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['CACHE_BACKEND_UNAVAILABLE']));
  });

  it.each<[string, (db: ReturnType<typeof openShop>['db']) => PromiseLike<unknown>]>([
    ['a write', (db) => db.insert(labels).values({ id: 2, name: 'blue' })],
    ['a transaction', (db) => db.transaction((tx) => tx.insert(labels).values({ id: 2, name: 'blue' }).then())],
  ])('makes the invalidation of %s when the store is back', async (_title, write) => {
    const state = { isDown: false };
    const { db, clock } = openShop(
      database,
      { global: true },
      cacheWith({}, (adapter) => failing(adapter, state)),
    );
    await db.select().from(labels);
    state.isDown = true;
    await write(db);
    state.isDown = false;

    await clock.advance(100);

    expect(await db.select().from(labels)).toHaveLength(2);
  });

  it('rejects with the error of a query that fails, and stores nothing', async () => {
    const { db, errors, cache } = openShop(database);
    const query = (divisor: number) =>
      db
        .select({ value: sql<number>`6 / ${divisor}::int` })
        .from(labels)
        .$withCache()
        .then();

    const failures = await Promise.allSettled([query(0), query(0)]);

    expect(failures.map((failure) => failure.status)).toEqual(['rejected', 'rejected']);
    await expect(query(0)).rejects.toMatchObject({
      message: expect.stringContaining('Failed query'),
      cause: { code: '22012' },
    });
    expect(await query(2)).toEqual([{ value: 3 }]);
    expect(await query(2)).toEqual([{ value: 3 }]);
    expect((await cache.getStats()).totalEntries).toBe(1);
    expect(errors).toEqual([]);
  });

  it('runs everything after the cache is closed', async () => {
    const { db, cache, errors } = openShop(database, { global: true });
    await cache.close();

    expect(await countRuns(database, () => db.select().from(labels))).toBe(2);
    await db.transaction((tx) => tx.delete(labels).then());
    expect(await db.select().from(labels)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it('caches nothing for a database that is not wrapped, and reports it once', async () => {
    const { cache, errors } = cacheWith();
    const db = database.connect(drizzleCache(cache, { database: 'shop', global: true }));

    expect(await countRuns(database, () => db.select().from(labels))).toBe(2);

    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Write `cachedDrizzle(drizzle(')]);
  });

  it('hears of writes of a database that is not wrapped', async () => {
    const { db, cache } = openShop(database);
    const other = database.connect(drizzleCache(cache, { database: 'shop' }));
    await db.select().from(labels).$withCache();

    await other.delete(labels);

    expect(await db.select().from(labels).$withCache()).toEqual([]);
  });

  it('may be wrapped twice', async () => {
    const { db } = openShop(database);

    expect(cachedDrizzle(db)).toBe(db);
    expect(await countRuns(database, () => db.select().from(labels).$withCache())).toBe(1);
    expect(await countRuns(database, () => db.select().from(labels))).toBe(2);
  });

  it('caches the queries of a primary database, and not those of its replicas', async () => {
    const { cache } = cacheWith();
    const options = { database: 'shop', global: true };
    const primary = database.connect(drizzleCache(cache, options));
    const replica = database.connect(drizzleCache(cache, options));
    const db = cachedDrizzle(withReplicas(primary as never, [replica as never])) as typeof primary & {
      $primary: typeof primary;
    };
    const read = () => db.$primary.select().from(labels);

    expect(await countRuns(database, read)).toBe(1);
    expect(await countRuns(database, () => db.select().from(labels))).toBe(2);
    await db.insert(labels).values({ id: 2, name: 'blue' });
    expect(await read()).toHaveLength(2);
  });
});

describe('the set-up', () => {
  const { cache } = cacheWith();
  const own = drizzleCache(cache, { database: 'shop' });
  const sessionOf = (dialect: string): object => {
    const entity = Object.defineProperty(class {}, Symbol.for('drizzle:entityKind'), { value: dialect });
    return { prepareQuery: () => undefined, dialect: new entity() };
  };

  it('makes a cache of Drizzle', () => {
    expect(own).toBeInstanceOf(Cache);
    expect([own.strategy(), drizzleCache(cache, { database: 'x', global: true }).strategy()]).toEqual([
      'explicit',
      'all',
    ]);
  });

  it.each<[string, () => unknown, string]>([
    [
      'something that is no cache',
      () => drizzleCache({} as CacheService, { database: 'shop' }),
      'Expected a CacheService',
    ],
    [
      'no options',
      () => drizzleCache(cache, undefined as never),
      'Expected the options of drizzleCache to be an object',
    ],
    ['no name of the database', () => drizzleCache(cache, {} as never), 'Expected `database` to be the name'],
    ['a wrong TTL', () => drizzleCache(cache, { database: 'shop', ttl: 'soon' as never }), 'Expected `ttl`'],
    ['a wrong strategy', () => drizzleCache(cache, { database: 'shop', global: 'all' as never }), 'Expected `global`'],
    [
      'an unknown option',
      () => drizzleCache(cache, { database: 'shop', globel: true } as never),
      'Unknown option `drizzleCache globel`',
    ],
    ['nothing', () => cachedDrizzle(undefined as never), 'Expected a database of Drizzle'],
    ['something that is no database', () => cachedDrizzle({}), 'Expected a database of Drizzle'],
    [
      'a database without a cache',
      () => cachedDrizzle({ session: sessionOf('PgDialect') }),
      'with `cache: drizzleCache(...)`, got one without',
    ],
    [
      'a database with another cache',
      () => cachedDrizzle({ session: sessionOf('PgDialect'), $cache: {} }),
      'with `cache: drizzleCache(...)`',
    ],
    [
      'a driver without promises',
      () => cachedDrizzle({ session: sessionOf('SQLiteSyncDialect'), $cache: own, resultKind: 'sync' }),
      'gives promises',
    ],
    [
      'an unknown dialect',
      () => cachedDrizzle({ session: sessionOf('MsSqlDialect'), $cache: own }),
      'got MsSqlDialect',
    ],
  ])('refuses %s', (_, setUp, message) => {
    expect(setUp).toThrow(message);
  });
});
