import type { PGlite } from '@electric-sql/pglite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type EntityManager, raw, RequestContext } from '@mikro-orm/core';
import { checkVersion } from '../../../src/integrations/mikro-orm/mikro-orm-cache.js';
import { invalidateTables, mikroOrmCache } from '../../../src/mikro-orm.js';
import { cacheWith, type CacheFixture } from '../../support/cache-with.js';
import { failingAdapter } from '../../support/failing-adapter.js';
import { Author, Book, Genre, openDatabase, openShop, Shelf, type Shop } from './shop.fixture.js';

let database: PGlite;
let kit: CacheFixture;
let shop: Shop;
const opened: Shop[] = [];

async function open(options = {}, more = {}): Promise<Shop> {
  const made = await openShop(database, { ...mikroOrmCache(kit.cache, options), ...more });
  opened.push(made);
  return made;
}

/** Runs a query with an entity manager of its own, and gives its result and the number of its statements. */
async function ask<T>(query: (em: EntityManager) => Promise<T>, of: Shop = shop): Promise<[T, number]> {
  const before = of.statements.length;
  const result = await query(of.orm.em.fork());
  return [result, of.statements.length - before];
}

const statementsOf = async (query: (em: EntityManager) => Promise<unknown>, of?: Shop): Promise<number> =>
  (await ask(query, of))[1];
const titles = async (em: EntityManager): Promise<string[]> =>
  (await em.find(Book, {}, { cache: true, orderBy: { id: 'asc' } })).map(({ title }) => title);
const misuse = (): string => kit.errors.map(({ message }) => message).join('\n');

beforeAll(async () => {
  database = await openDatabase();
});

beforeEach(async () => {
  kit = cacheWith({ defaultTtl: '1h' });
  await database.exec(`truncate author, book, genre, book_genres, secret, shelf restart identity cascade;
    insert into author values (1, 'ann'), (2, 'bob');
    insert into genre values (1, 'prose');
    insert into book (id, title, author_id, cover, printed_at)
      values (1, 'one', 1, 'x', '2020-01-02T03:04:05Z'), (9007199254740993, 'two', 2, null, null);
    insert into book_genres values (1, 1);
    insert into shelf values (1);`);
  shop = await open();
  // Any event makes the instance known to its cache.
  shop.orm.em.fork().create(Genre, { id: 99, label: 'never stored' }, { persist: false });
});

afterEach(async () => {
  for (const { orm } of opened.splice(0)) await orm.close();
});

afterAll(() => database.close());

describe('a query with `cache`', () => {
  it.each<[string, (em: EntityManager) => Promise<unknown>]>([
    ['em.find', (em) => em.find(Book, { copies: 1 }, { cache: true })],
    ['em.find that finds nothing', (em) => em.find(Book, { title: 'none' }, { cache: true })],
    ['em.findOne', (em) => em.findOne(Book, { title: 'one' }, { cache: 60_000 })],
    ['em.findOne that finds nothing', (em) => em.findOne(Book, { title: 'none' }, { cache: true })],
    ['em.count', (em) => em.count(Book, { title: 'one' }, { cache: true })],
    ['em.count of nothing', (em) => em.count(Book, { title: 'none' }, { cache: true })],
    ['em.findAndCount', (em) => em.findAndCount(Book, {}, { cache: true })],
    [
      'a query with relations',
      (em) => em.find(Book, { author: { name: 'ann' } }, { populate: ['genres'], cache: true }),
    ],
  ])('reaches the database once: %s', async (_, query) => {
    const [first, statements] = await ask(query);

    const [second, more] = await ask(query);

    expect(statements).toBeGreaterThan(0);
    expect(more).toBe(0);
    expect(JSON.stringify(second, text)).toBe(JSON.stringify(first, text));
    expect(misuse()).toBe('');
  });

  it('gives the values of the columns with their types', async () => {
    const query = (em: EntityManager) =>
      em.find(Book, {}, { cache: true, populate: ['author', 'genres'], orderBy: { id: 'asc' } });
    await ask(query);

    const [[one, two], statements] = await ask(query);

    expect(statements).toBe(0);
    expect(two?.id).toBe(9_007_199_254_740_993n);
    expect(one?.cover).toEqual(Buffer.from('x'));
    expect(one?.printedAt).toEqual(new Date('2020-01-02T03:04:05Z'));
    expect(one?.author.name).toBe('ann');
    expect(one?.genres.getItems().map(({ label }) => label)).toEqual(['prose']);
  });

  it('can be changed and flushed after a hit', async () => {
    const query = (em: EntityManager) => em.findOneOrFail(Book, { title: 'one' }, { cache: true });
    await ask(query);

    await ask(async (em) => {
      const book = await query(em);
      book.copies = 7;
      await em.flush();
    });

    expect((await ask((em) => em.findOneOrFail(Book, { id: 1n })))[0].copies).toBe(7);
  });

  it('is told from others by its condition, its options and its kind', async () => {
    const asked = [
      (em: EntityManager) => em.find(Book, { title: '1' }, { cache: true }),
      (em: EntityManager) => em.find(Book, { title: 'one' }, { cache: true }),
      (em: EntityManager) => em.find(Book, { title: 'one' }, { cache: true, limit: 1 }),
      (em: EntityManager) => em.findOne(Book, { title: 'one' }, { cache: true }),
      (em: EntityManager) => em.count(Book, { title: 'one' }, { cache: true }),
    ];

    const statements = [];
    for (const query of asked) statements.push(await statementsOf(query));

    expect(statements).toEqual([1, 1, 1, 1, 1]);
  });

  it('is stored for the time in it, for `ttl`, or for the default of the cache', async () => {
    const other = await open({ ttl: '5m', database: 'other' });
    other.orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });
    const short = (em: EntityManager) => em.count(Book, {}, { cache: 60_000 });
    const long = (em: EntityManager) => em.count(Book, {}, { cache: true });
    await Promise.all([ask(short), ask(long), ask(long, other)]);

    await kit.clock.advance(59_000);
    const after59s = [await statementsOf(short), await statementsOf(long, other)];
    await kit.clock.advance(2_000);
    const after61s = [await statementsOf(short), await statementsOf(long, other)];
    await kit.clock.advance(240_000);
    const after5m = [await statementsOf(long), await statementsOf(long, other)];

    expect([after59s, after61s, after5m]).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('is answered for its own database', async () => {
    const other = await open({}, { dbName: 'archive' });
    other.orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });
    await ask(titles);

    expect(await statementsOf(titles, other)).toBe(1);
  });

  it('without `cache`, or with `cache: false`, goes past the cache', async () => {
    await ask(titles);

    expect(await statementsOf((em) => em.find(Book, {}, { orderBy: { id: 'asc' } }))).toBe(1);
    expect(await statementsOf((em) => em.find(Book, {}, { orderBy: { id: 'asc' }, cache: false }))).toBe(1);
  });
});

describe('a write', () => {
  const books = (em: EntityManager) => em.find(Book, {}, { populate: ['author', 'genres'], cache: true });

  it.each<[string, (em: EntityManager) => Promise<unknown>]>([
    [
      'creates a row',
      (em) => {
        em.create(Book, { id: 3n, title: 'three', author: 1 });
        return em.flush();
      },
    ],
    ['changes a row', (em) => changed(em, em.findOneOrFail(Book, 1n), (book) => (book.title = 'uno'))],
    ['removes a row', async (em) => em.remove(await em.findOneOrFail(Book, 1n)).flush()],
    ['changes a related row', (em) => changed(em, em.findOneOrFail(Author, 1), (author) => (author.name = 'anna'))],
    [
      'adds to a collection',
      async (em) => {
        const book = await em.findOneOrFail(Book, { title: 'two' }, { populate: ['genres'] });
        book.genres.add(em.getReference(Genre, 1));
        await em.flush();
      },
    ],
    ['removes a row with rows that go with it', async (em) => em.remove(em.getReference(Author, 2)).flush()],
    ['inserts or updates', (em) => em.upsert(Book, { id: 1n, title: 'uno', author: 1 })],
    ['inserts or updates many', (em) => em.upsertMany(Author, [{ id: 1, name: 'anna' }])],
    ['is made in a transaction', (em) => em.transactional((trx) => void trx.create(Genre, { id: 2, label: 'verse' }))],
    [
      'is made between begin and commit',
      async (em) => {
        await em.begin();
        em.create(Genre, { id: 2, label: 'verse' });
        await em.commit();
      },
    ],
    [
      'is made in a savepoint',
      (em) =>
        em.transactional((outer) =>
          outer.transactional((inner) => void inner.create(Genre, { id: 2, label: 'verse' })),
        ),
    ],
  ])('that %s invalidates the queries on its tables', async (_, write) => {
    await ask(books);
    expect(await statementsOf(books)).toBe(0);

    await write(shop.orm.em.fork());

    expect(await statementsOf(books)).toBeGreaterThan(0);
  });

  it('that removes a row invalidates queries on rows that the database removes with it', async () => {
    await ask(titles);

    await ask((em) => em.remove(em.getReference(Author, 2)).flush());

    expect(await ask(titles)).toEqual([['one'], 1]);
  });

  it('leaves queries on other tables alone', async () => {
    const genres = (em: EntityManager) => em.count(Genre, {}, { cache: true });
    await ask(genres);

    await ask((em) => em.upsert(Author, { id: 1, name: 'anna' }));

    expect(await statementsOf(genres)).toBe(0);
  });

  it('by a native update or SQL invalidates with invalidateTables', async () => {
    await ask(titles);
    await ask((em) => em.nativeUpdate(Book, { id: 1n }, { title: 'uno' }));
    const before = await ask(titles);

    await invalidateTables(kit.cache, ['book']);

    expect(before).toEqual([['one', 'two'], 0]);
    expect(await ask(titles)).toEqual([['uno', 'two'], 1]);
  });

  it('is never rejected by a cache that fails', async () => {
    kit = cacheWith({}, failingAdapter);
    const other = await open();
    other.orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });

    const [read] = await ask(titles, other);
    await ask((em) => em.upsert(Book, { id: 1n, title: 'uno', author: 1 }), other);
    const [again] = await ask(titles, other);

    expect([read, again]).toEqual([
      ['one', 'two'],
      ['uno', 'two'],
    ]);
    expect(kit.errors.length).toBeGreaterThan(0);
  });
});

describe('a transaction', () => {
  const rename = async (em: EntityManager, title: string): Promise<void> => {
    (await em.findOneOrFail(Book, 1n)).title = title;
    await em.flush();
  };

  it('reads its own writes, and stores nothing for others', async () => {
    await ask(titles);
    let inside: string[] = [];

    const failed = shop.orm.em.fork().transactional(async (em) => {
      await rename(em, 'uncommitted');
      inside = await titles(em);
      throw new Error('no');
    });

    await expect(failed).rejects.toThrow('no');
    expect(inside).toEqual(['uncommitted', 'two']);
    expect(await ask(titles)).toEqual([['one', 'two'], 0]);
  });

  it('between begin and rollback does so, too', async () => {
    await ask(titles);
    const em = shop.orm.em.fork();
    await em.begin();
    await rename(em, 'uncommitted');
    const inside = await titles(em);
    const counted = await em.count(Book, { title: 'uncommitted' }, { cache: true });
    await em.rollback();

    expect([inside, counted]).toEqual([['uncommitted', 'two'], 1]);
    expect(await ask(titles)).toEqual([['one', 'two'], 0]);
    expect((await ask((own) => own.count(Book, { title: 'uncommitted' }, { cache: true })))[0]).toBe(0);
  });

  it('of a flush, whose hooks run queries, stores nothing for others', async () => {
    let inside: number | undefined;
    const Reader = {
      afterUpdate: async ({ em }: { em: EntityManager }) => {
        inside = await em.count(Book, { title: 'uncommitted' }, { cache: true });
        throw new Error('no');
      },
    };
    const other = await open({ subscribers: [Reader] });

    await expect(ask((em) => rename(em, 'uncommitted'), other)).rejects.toThrow('no');

    expect(inside).toBe(1);
    expect((await ask((em) => em.count(Book, { title: 'uncommitted' }, { cache: true }), other))[0]).toBe(0);
  });

  it('invalidates at the commit of the outermost one', async () => {
    await ask(titles);
    const entries: number[] = [];
    const count = async (): Promise<number> => entries.push((await kit.cache.getStats()).totalEntries);

    await shop.orm.em.fork().transactional(async (em) => {
      await em.transactional((inner) => rename(inner, 'uno'));
      await count();
    });
    await count();

    expect(entries).toEqual([1, 0]);
    expect(await ask(titles)).toEqual([['uno', 'two'], 1]);
  });

  it('drops what a savepoint wrote that is rolled back', async () => {
    await ask(titles);

    await shop.orm.em.fork().transactional(async (em) => {
      await em
        .transactional(async (inner) => {
          await rename(inner, 'uncommitted');
          throw new Error('no');
        })
        .catch(() => undefined);
    });

    expect(await ask(titles)).toEqual([['one', 'two'], 0]);
  });

  it('invalidates also when a subscriber throws after the commit', async () => {
    const Thrower = {
      isReady: false,
      afterTransactionCommit() {
        if (Thrower.isReady) throw new Error('late');
      },
    };
    const config = mikroOrmCache(kit.cache);
    const other = await openShop(database, { ...config, subscribers: [Thrower, ...config.subscribers] });
    opened.push(other);
    other.orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });
    await ask(titles, other);
    expect(await statementsOf(titles, other)).toBe(0);
    Thrower.isReady = true;

    await expect(ask((em) => rename(em, 'uno'), other)).rejects.toThrow('late');
    Thrower.isReady = false;

    expect((await ask(titles, other))[0]).toEqual(['uno', 'two']);
  });

  it('lets queries be cached again after a rollback that failed', async () => {
    const em = shop.orm.em.fork();
    await em.begin();
    const transaction = em.getTransactionContext<{ rollback(): { execute(): Promise<void> } }>()!;
    const rollback = transaction.rollback.bind(transaction);
    transaction.rollback = () => ({ execute: () => Promise.reject(new Error('connection lost')) });
    await expect(em.rollback()).rejects.toThrow('connection lost');
    await rollback().execute();

    em.resetTransactionContext();
    await ask(titles);

    expect(await statementsOf(titles)).toBe(0);
  });
});

describe('a query that races a write', () => {
  it('is not stored when a table was written since it began', async () => {
    const { isReached, release } = shop.hold();
    const slow = ask(titles);
    await isReached;

    await invalidateTables(kit.cache, ['book']);
    release();
    await slow;

    expect(await statementsOf(titles)).toBe(1);
  });

  it('is not stored for a later query with the same key', async () => {
    const gates = new Map<unknown, { reach(): void; wait: Promise<void> }>();
    const Gate = {
      onLoad: async ({ em }: { em: EntityManager }) => {
        gates.get(em)?.reach();
        await gates.get(em)?.wait;
      },
    };
    const other = await open({ subscribers: [Gate] });
    other.orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });
    const start = async (): Promise<{ end(): Promise<string[]> }> => {
      const em = other.orm.em.fork();
      let release = (): void => undefined;
      const wait = new Promise<void>((resolve) => (release = resolve));
      let answer: Promise<string[]> | undefined;
      await new Promise<void>((reach) => {
        gates.set(em, { reach, wait });
        answer = titles(em);
      });
      return { end: () => (release(), answer!) };
    };
    const older = await start();
    await database.exec("update book set title = 'uno' where id = 1");
    await invalidateTables(kit.cache, ['book']);
    const newer = await start();

    const stale = await older.end();
    const between = await kit.cache.getStats();
    await newer.end();

    expect(stale).toEqual(['one', 'two']);
    expect(between.totalEntries).toBe(0);
    expect(await ask(titles, other)).toEqual([['uno', 'two'], 0]);
  });
});

describe('a query that cannot be cached runs, and is reported:', () => {
  it.each<[string, RegExp, (em: EntityManager) => Promise<unknown>]>([
    ['a name', /its key is the name `all`/, (em) => em.findAndCount(Book, {}, { cache: ['all', 1_000] })],
    [
      'a query builder',
      /the tables of a query builder are unknown/,
      (em) => (em as unknown as Builder).createQueryBuilder(Book).select('*').cache(1_000).execute(),
    ],
    ['raw SQL', /it has raw SQL/, (em) => em.find(Book, { title: raw<never>("'one'") }, { cache: true })],
    ['a formula', /`Shelf` has a formula/, (em) => em.find(Shelf, {}, { cache: true })],
    [
      'filters of a related entity',
      /`Secret` has filters/,
      (em) => em.find(Book, { secrets: { id: 1 } }, { cache: true }),
    ],
  ])('%s', async (_, message, query) => {
    await ask(query);

    expect(await statementsOf(query)).toBeGreaterThan(0);
    expect(misuse()).toMatch(message);
  });

  it('a subscriber that is not registered', async () => {
    const { resultCache } = mikroOrmCache(kit.cache);
    const other = await openShop(database, { resultCache });
    opened.push(other);
    const query = (): Promise<string[]> => RequestContext.create(other.orm.em, () => titles(other.orm.em));
    await query();
    await query();

    expect(other.statements).toHaveLength(2);
    expect(misuse()).toMatch(/Expected the subscriber of `mikroOrmCache`/);
  });

  it('two instances with one result of mikroOrmCache', async () => {
    const config = mikroOrmCache(kit.cache);
    const both = await Promise.all([openShop(database, config), openShop(database, { ...config, dbName: 'archive' })]);
    opened.push(...both);
    for (const { orm } of both) orm.em.fork().create(Genre, { id: 98, label: 'never stored' }, { persist: false });

    for (const each of both) await ask(titles, each);
    for (const each of both) expect(await statementsOf(titles, each)).toBe(1);

    expect(misuse()).toMatch(/Expected one MikroORM instance/);
  });
});

it('the first query of a request is cached', async () => {
  const other = await open();
  const query = (): Promise<string[]> => RequestContext.create(other.orm.em, () => titles(other.orm.em));
  await query();
  await query();

  expect(other.statements).toHaveLength(1);
});

it('em.clearCache and the clear of the adapter do not fail', async () => {
  await ask(titles);
  await shop.orm.em.fork().clearCache('any');

  await shop.orm.config.getResultCacheAdapter().clear();

  expect(await statementsOf(titles)).toBe(1);
});

it.each<[unknown, RegExp]>([
  [undefined, /Expected a CacheService for cached queries/],
  [{ get: () => undefined }, /Expected a CacheService for cached queries/],
])('refuses %s as a cache', (cache, message) => {
  expect(() => mikroOrmCache(cache as never)).toThrow(message);
});

it.each<[object, RegExp]>([
  [{ duration: 5 }, /Unknown option `duration`/],
  [{ ttl: 'soon' }, /ttl/],
  [{ database: '' }, /Expected `database` to be the name of the database/],
  [{ subscribers: {} }, /Expected `subscribers` to be a list/],
])('refuses the options %j', (options, message) => {
  expect(() => mikroOrmCache(kit.cache, options)).toThrow(message);
});

it('refuses a version that it was not tested with', () => {
  expect(() => checkVersion('7.2.1')).not.toThrow();
  expect(() => checkVersion('7.9.0')).not.toThrow();
  for (const version of ['6.5.0', '7.1.9', '8.0.0'])
    expect(() => checkVersion(version)).toThrow(/Expected @mikro-orm\/core 7.2 or a later 7/);
});

interface Builder {
  createQueryBuilder(entity: unknown): { select(all: string): { cache(ms: number): { execute(): Promise<unknown> } } };
}

function text(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

async function changed<T>(em: EntityManager, loading: Promise<T>, change: (row: T) => unknown): Promise<void> {
  change(await loading);
  await em.flush();
}
