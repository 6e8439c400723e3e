import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DataSource, In, type SelectQueryBuilder } from 'typeorm';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import { cacheId, invalidateTables } from '../../../src/typeorm.js';
import { databases, type Library, type OpenOptions } from './databases.fixture.js';
import { Author, Book, Catalogue, Listing, Loan, Tag } from './library.fixture.js';

describe.each(databases)('cached queries of TypeORM on $name', (database) => {
  let fixture: CacheFixture;
  let library: Library;
  let db: DataSource;
  const opened: DataSource[] = [];
  const open = async (options?: OpenOptions): Promise<Library> => {
    const made = await database.open(fixture.cache, options);
    opened.push(made.db);
    return made;
  };

  beforeEach(async () => {
    await database.reset();
    fixture = cacheWith();
    library = await open();
    ({ db } = library);
    await db.getRepository(Author).save([
      { name: 'Ada', points: 3, books: [{ title: 'Numbers', tags: [{ name: 'maths' }] }, { title: 'Engines' }] },
      { name: 'Bob', points: 5 },
    ]);
  });

  afterEach(async () => {
    for (const source of opened.splice(0)) if (source.isInitialized) await source.destroy();
    await fixture.cache.close();
  });

  afterAll(() => database.close());

  const queries: Record<string, (source: DataSource) => Promise<unknown>> = {
    find: (source) => source.getRepository(Author).find({ order: { id: 'ASC' }, cache: true }),
    'find with relations': (source) =>
      source.getRepository(Author).find({ relations: { books: { tags: true } }, order: { id: 'ASC' }, cache: true }),
    'find with rows of a page and relations': (source) =>
      source.getRepository(Author).find({ relations: { books: true }, order: { id: 'ASC' }, take: 1, cache: true }),
    findOneBy: (source) => source.getRepository(Author).findOne({ where: { name: 'Ada' }, cache: true }),
    findAndCount: (source) => source.getRepository(Author).findAndCount({ order: { id: 'ASC' }, take: 1, cache: true }),
    count: (source) => source.getRepository(Author).count({ cache: true }),
    getMany: (source) => source.createQueryBuilder(Author, 'a').orderBy('a.id').cache(true).getMany(),
    getRawMany: (source) =>
      source.createQueryBuilder(Book, 'b').select('SUM(b.pages)', 'pages').cache(true).getRawMany(),
    'the empty result': (source) => source.getRepository(Author).find({ where: { name: 'Nobody' }, cache: true }),
    'a query of a view': (source) => source.getRepository(Listing).find({ order: { label: 'ASC' }, cache: true }),
  };

  it.each(Object.keys(queries))('answers %s again without a statement', async (name) => {
    const run = queries[name]!;

    const first = await run(db);
    let second: unknown;
    const sent = await library.sentBy(async () => (second = await run(db)));

    expect(sent).toEqual([]);
    expect(second).toEqual(first);
  });

  it('gives each caller entities of its own', async () => {
    const find = (): Promise<Author[]> => db.getRepository(Author).find({ cache: true });
    await find();

    const first = await find();
    first[0]!.name = 'changed';
    const second = await find();

    expect(second[0]).toBeInstanceOf(Author);
    expect(second.map(({ name }) => name)).not.toContain('changed');
    expect(second[0]!.createdAt).toBeInstanceOf(Date);
  });

  it('runs a query that is not cached each time', async () => {
    const sent = await library.sentBy(async () => {
      await db.getRepository(Author).find();
      await db.getRepository(Author).find({ cache: false });
    });

    expect(sent).toHaveLength(2);
  });

  it('keeps a result for `ttl`, and for the duration of a query that names one', async () => {
    const whole = (): Promise<unknown> => db.getRepository(Author).find({ cache: true });
    const brief = (): Promise<unknown> => db.getRepository(Book).find({ cache: 10_000 });
    await whole();
    await brief();

    await fixture.clock.advance(9_000);
    const early = await library.sentBy(async () => [await whole(), await brief()]);
    await fixture.clock.advance(2_000);
    const afterBrief = await library.sentBy(async () => [await whole(), await brief()]);
    await fixture.clock.advance(289_500);
    const afterWhole = await library.sentBy(whole);

    expect([early.length, afterBrief.length, afterWhole.length]).toEqual([0, 1, 1]);
  });

  it('keeps a result for the default TTL of the cache without `ttl`, and never with `ttl: 0`', async () => {
    const { cache, clock } = cacheWith({ defaultTtl: '20m' });
    const byDefault = await database.open(cache, { typeorm: { ttl: undefined as never, database: 'a' } });
    const never = await database.open(cache, { typeorm: { ttl: 0, database: 'b' } });
    const find = (source: DataSource): Promise<unknown> => source.getRepository(Author).find({ cache: true });
    await find(byDefault.db);
    await find(never.db);

    await clock.advance(19 * 60_000);
    const sent = [await byDefault.sentBy(() => find(byDefault.db)), await never.sentBy(() => find(never.db))];
    await clock.advance(2 * 60_000);
    const afterwards = await byDefault.sentBy(() => find(byDefault.db));

    expect([sent[0]!.length, sent[1]!.length, afterwards.length]).toEqual([0, 1, 1]);
    await byDefault.db.destroy();
    await never.db.destroy();
    await cache.close();
  });

  const named = (name: unknown): SelectQueryBuilder<Author> =>
    db.createQueryBuilder(Author, 'a').where('a.name = :name', { name }).cache('by-name', 60_000);

  it('tells parameters apart under one id, and rows from their count', async () => {
    const [ada] = await named('Ada').getMany();
    const [bob] = await named('Bob').getMany();
    const count = await named('Ada').getCount();
    const [rows, all] = await named('Bob').getManyAndCount();
    const [again] = await named('Ada').getMany();

    expect([ada?.name, bob?.name, count, rows.length, all, again?.name]).toEqual(['Ada', 'Bob', 1, 1, 1, 'Ada']);
  });

  it('tells parameters apart by their type', async () => {
    const at = new Date(86_400_000);
    const typed = (value: unknown): SelectQueryBuilder<Author> =>
      db.createQueryBuilder(Author, 'a').where('CAST(:value AS varchar) IS NULL').setParameters({ value }).cache(true);
    // The driver of sql.js turns dates into text before it makes the statement.
    const values = [5, '5', null, ...(database.name === 'sql.js' ? [] : [NaN, at, at.toISOString(), 7n, '7'])];

    const sent = await library.sentBy(async () => {
      for (const value of [...values, ...values]) await typed(value).getCount();
    });

    expect(sent).toHaveLength(values.length);
  });

  it('removes all that has an id, with the counts and pages that TypeORM derives, and nothing else', async () => {
    const page = (id: string): Promise<unknown> =>
      db
        .createQueryBuilder(Author, 'a')
        .leftJoinAndSelect('a.books', 'b')
        .orderBy('a.id')
        .take(1)
        .cache(id, 60_000)
        .getManyAndCount();
    await page('mine');
    await page('other');

    await db.queryResultCache?.remove(['mine']);
    const sent = [await library.sentBy(() => page('other')), await library.sentBy(() => page('mine'))];

    expect(sent[0]).toEqual([]);
    expect(sent[1]).toHaveLength(3);
  });

  it('clears the results of its own database, and nothing else in the cache', async () => {
    const other = await open({ typeorm: { database: 'other' } });
    const find = (source: DataSource): Promise<unknown> => source.getRepository(Tag).find({ cache: true });
    await fixture.cache.set('key', 1);
    await find(db);
    await find(other.db);

    await db.queryResultCache?.clear();
    const sent = [await library.sentBy(() => find(db)), await other.sentBy(() => find(other.db))];

    expect(sent.map(({ length }) => length)).toEqual([1, 0]);
    expect(await fixture.cache.get('key')).toBe(1);
  });

  it('invalidates what has a tag', async () => {
    const find = (): Promise<unknown> =>
      db
        .createQueryBuilder(Author, 'a')
        .cache(cacheId('report', { tags: ['reports'] }))
        .getMany();
    await find();

    await fixture.cache.invalidateTags(['reports']);

    expect(await library.sentBy(find)).toHaveLength(1);
    expect(await library.sentBy(find)).toEqual([]);
  });

  it('sees the tables of subqueries, join tables and views', async () => {
    const reads: Record<string, () => Promise<unknown>> = {
      subquery: () =>
        db
          .createQueryBuilder(Author, 'a')
          .where((qb) => `a.id IN ${qb.subQuery().select('b.authorId').from(Book, 'b').getQuery()}`)
          .cache(true)
          .getMany(),
      joined: () => db.getRepository(Author).find({ relations: { books: true }, cache: true }),
      view: () => db.getRepository(Listing).find({ cache: true }),
      'view of a view': () => db.getRepository(Catalogue).find({ cache: true }),
    };
    for (const read of Object.values(reads)) await read();

    await db.getRepository(Book).insert({ title: 'New' });

    for (const [name, read] of Object.entries(reads))
      expect([name, (await library.sentBy(read)).length]).toEqual([name, 1]);
  });

  it('does not take a clause for a table of its name', async () => {
    const find = (): Promise<unknown> => db.getRepository(Author).find({ order: { id: 'ASC' }, cache: true });
    await find();

    await db.getRepository(Loan).insert({ reader: 'Eve' });

    expect(await library.sentBy(find)).toEqual([]);
  });

  describe('of tables that no entity has', () => {
    const legacy = (source: DataSource): SelectQueryBuilder<never> =>
      source.createQueryBuilder().select('l.name', 'name').from('legacy', 'l') as never;

    beforeEach(async () => {
      await db.query('DROP TABLE IF EXISTS legacy');
      await db.query('CREATE TABLE legacy (name varchar(20))');
      await db.query("INSERT INTO legacy VALUES ('old')");
    });

    it('runs the query each time, and reports once what to write', async () => {
      const sent = await library.sentBy(async () => {
        await legacy(db).cache(true).getRawMany();
        await legacy(db).cache(true).getRawMany();
      });

      expect(sent).toHaveLength(2);
      expect(fixture.errors.map(({ message }) => message)).toEqual([
        "A query on `legacy` was not cached, because no entity has its table. Name what it reads: `.cache(cacheId('report', { tables: ['legacy_orders'] }))`.",
      ]);
    });

    it('caches a query that names them, until they are written or invalidated', async () => {
      const find = (): Promise<{ name: string }[]> =>
        legacy(db)
          .cache(cacheId('legacy', { tables: ['legacy'] }))
          .getRawMany();
      await find();
      const first = await library.sentBy(find);

      await db.query("UPDATE legacy SET name = 'new'");
      const afterWrite = await find();
      await invalidateTables(fixture.cache, ['legacy']);
      const afterInvalidation = await library.sentBy(find);

      expect(first).toEqual([]);
      expect(afterWrite).toEqual([{ name: 'new' }]);
      expect(afterInvalidation).toHaveLength(1);
      expect(fixture.errors).toEqual([]);
    });

    it('sees a table that is joined to that of an entity', async () => {
      const find = (): Promise<unknown> =>
        db.createQueryBuilder(Author, 'a').innerJoin('legacy', 'l', "l.name <> ''").cache(true).getMany();
      await find();

      await db.query('DELETE FROM "legacy"');

      expect(await find()).toEqual([]);
    });
  });

  it('does not cache what JSON would change, and reports it once', async () => {
    const bytes = database.name === 'sql.js' ? "x'00ff'" : "'\\x00ff'::bytea";
    const find = (): Promise<unknown> =>
      db.createQueryBuilder(Author, 'a').select(bytes, 'face').cache(true).getRawOne();

    const first = await find();
    const second = await find();
    const third = await find();

    expect([second, third]).toEqual([first, first]);
    expect(ArrayBuffer.isView((first as { face: unknown }).face)).toBe(true);
    expect(fixture.errors.map(({ message }) => message)).toEqual([
      'A query on `author` was not cached, because its result has bytes in `face`, which JSON does not give back.',
    ]);
  });

  it('runs a query whose result has a bigint, which TypeORM cannot make JSON of', async () => {
    // The drivers of the others give such a number as text, or not at all.
    if (database.name !== 'PGlite') return;
    const find = (): Promise<unknown> =>
      db.createQueryBuilder(Author, 'a').select("CAST('9007199254740993' AS bigint)", 'big').cache(true).getRawOne();

    expect([await find(), await find()]).toEqual([{ big: 9007199254740993n }, { big: 9007199254740993n }]);
    expect(fixture.errors.map(({ message }) => message)).toEqual([
      'A query on `author` was not cached, because its result has a bigint in `big`, which JSON does not give back.',
    ]);
  });

  it('runs a query with a parameter that no key can be made of, and reports it', async () => {
    class Secret {
      #value = 'Ada';
      toString(): string {
        return this.#value;
      }
      toJSON(): string {
        return this.#value;
      }
      toPostgres(): string {
        return this.#value;
      }
    }
    const find = (): Promise<unknown> =>
      named(new Secret())
        .getMany()
        .catch(() => undefined);

    const sent = await library.sentBy(async () => [await find(), await find()]);

    expect(sent).toHaveLength(2);
    expect(fixture.errors.map(({ message }) => message)[0]).toContain('no key can be made of its parameters');
  });

  it('refuses a query of many ids no more than one of few', async () => {
    const find = (): Promise<unknown> =>
      db.getRepository(Author).find({ where: { id: In(Array.from({ length: 500 }, (_, i) => i)) }, cache: true });
    await find();

    expect(await library.sentBy(find)).toEqual([]);
  });
});
