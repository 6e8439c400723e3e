import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Column, type DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import { databases, type Library } from './databases.fixture.js';
import { Author, Book, Film, Listing, Loan, Medium, Shelf, Tag } from './library.fixture.js';

type Work = (db: DataSource) => Promise<unknown>;

@Entity({ schema: 'archive' })
class Note {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  text!: string;
}

/** Queries by name; each is run cached, and not cached. */
const reads: Record<string, (db: DataSource, cache: boolean) => Promise<unknown>> = {
  authors: (db, cache) => db.getRepository(Author).find({ order: { id: 'ASC' }, cache }),
  'deleted authors': (db, cache) => db.getRepository(Author).find({ withDeleted: true, order: { id: 'ASC' }, cache }),
  books: (db, cache) => db.getRepository(Book).find({ order: { id: 'ASC' }, cache }),
  'books and tags': (db, cache) =>
    db.getRepository(Book).find({ relations: { tags: true }, order: { id: 'ASC', tags: { id: 'ASC' } }, cache }),
  loans: (db, cache) => db.getRepository(Loan).find({ order: { id: 'ASC' }, cache }),
  media: (db, cache) => db.getRepository(Medium).find({ order: { id: 'ASC' }, cache }),
  listing: (db, cache) => db.getRepository(Listing).find({ order: { label: 'ASC' }, cache }),
  closure: (db, cache) =>
    db
      .getTreeRepository(Shelf)
      .createDescendantsQueryBuilder('s', 'c', Object.assign(new Shelf(), { id: 1 }))
      .orderBy('s.id')
      .cache(cache)
      .getMany(),
};

/** Writes by name, and the query whose result each one changes. */
const writes: Record<string, readonly [read: string, write: Work]> = {
  'save() of a new entity': ['authors', (db) => db.getRepository(Author).save({ name: 'New' })],
  'save() of a changed entity': [
    'authors',
    async (db) => {
      const author = await db.getRepository(Author).findOneByOrFail({ name: 'Ada' });
      await db.getRepository(Author).save(Object.assign(author, { points: 7 }));
    },
  ],
  'save() without a transaction': [
    'authors',
    (db) => db.getRepository(Author).save({ name: 'New' }, { transaction: false }),
  ],
  'save() without listeners': ['authors', (db) => db.manager.save(Author, { name: 'New' }, { listeners: false })],
  'save() of a cascade': [
    'books',
    (db) => db.getRepository(Author).save({ name: 'New', books: [{ title: 'Cascade' }] }),
  ],
  'save() of a many-to-many relation': [
    'books and tags',
    async (db) => {
      const book = await db.getRepository(Book).findOneOrFail({ where: { id: 1 }, relations: { tags: true } });
      book.tags = [];
      await db.getRepository(Book).save(book);
    },
  ],
  'remove()': [
    'books',
    async (db) => db.getRepository(Book).remove(await db.getRepository(Book).findOneByOrFail({ id: 1 })),
  ],
  'softRemove()': [
    'authors',
    async (db) => db.getRepository(Author).softRemove(await db.getRepository(Author).findOneByOrFail({ id: 1 })),
  ],
  'recover()': [
    'authors',
    async (db) =>
      db
        .getRepository(Author)
        .recover(await db.getRepository(Author).findOneOrFail({ where: { id: 3 }, withDeleted: true })),
  ],
  'insert()': ['authors', (db) => db.getRepository(Author).insert({ name: 'New' })],
  'update()': ['authors', (db) => db.getRepository(Author).update({ name: 'Ada' }, { points: 9 })],
  'upsert()': ['authors', (db) => db.getRepository(Author).upsert({ name: 'Ada', points: 11 }, ['name'])],
  'increment()': ['authors', (db) => db.getRepository(Author).increment({ name: 'Ada' }, 'points', 1)],
  'decrement()': ['authors', (db) => db.getRepository(Author).decrement({ name: 'Ada' }, 'points', 1)],
  'delete()': ['loans', (db) => db.getRepository(Loan).delete({ id: 1 })],
  'softDelete()': ['deleted authors', (db) => db.getRepository(Author).softDelete({ id: 1 })],
  'restore()': ['authors', (db) => db.getRepository(Author).restore({ id: 3 })],
  'clear()': ['loans', (db) => db.getRepository(Loan).clear()],
  'a query builder that inserts': [
    'authors',
    (db) => db.createQueryBuilder().insert().into(Author).values({ name: 'New' }).execute(),
  ],
  'a query builder that updates': [
    'authors',
    (db) => db.createQueryBuilder().update(Author).set({ points: 4 }).where('id = 1').execute(),
  ],
  'a query builder that deletes': ['loans', (db) => db.createQueryBuilder().delete().from(Loan).execute()],
  'a query builder without listeners': [
    'authors',
    (db) => db.createQueryBuilder().update(Author).set({ points: 4 }).callListeners(false).execute(),
  ],
  'a query builder in a transaction of its own': [
    'authors',
    (db) => db.createQueryBuilder().update(Author).set({ points: 4 }).useTransaction(true).execute(),
  ],
  'a relation that gets an entity': [
    'books and tags',
    (db) => db.createQueryBuilder().relation(Book, 'tags').of(2).add(1),
  ],
  'a relation that loses an entity': [
    'books and tags',
    (db) => db.createQueryBuilder().relation(Book, 'tags').of(1).remove(1),
  ],
  'a foreign key that deletes': ['books', (db) => db.getRepository(Author).delete({ id: 1 })],
  'a foreign key that deletes, in a view': ['listing', (db) => db.getRepository(Author).delete({ id: 1 })],
  'a foreign key that deletes from a join table': ['books and tags', (db) => db.getRepository(Tag).delete({ id: 1 })],
  'a table that a view reads': ['listing', (db) => db.getRepository(Author).update({ id: 1 }, { name: 'Ida' })],
  'an entity that shares its table': ['media', (db) => db.getRepository(Film).save({ name: 'Film', minutes: 90 })],
  'a tree that grows': [
    'closure',
    (db) => db.getTreeRepository(Shelf).save({ name: 'leaf', parent: { id: 1 } as Shelf }),
  ],
  'query()': ['authors', (db) => db.query("UPDATE author SET points = 12 WHERE name = 'Ada'")],
  'query() with another spelling': ['authors', (db) => db.query('DELETE FROM Author WHERE id = 2')],
  'query() with a comment before': ['authors', (db) => db.query('/* now */ -- go\n UPDATE "author" SET points = 13')],
  'query() of a manager': ['loans', (db) => db.manager.query('DELETE FROM "order"')],
  'query() of a query runner': [
    'loans',
    async (db) => {
      const runner = db.createQueryRunner();
      await runner.query('DELETE FROM "order"');
      await runner.release();
    },
  ],
  'sql`...`': ['authors', (db) => db.sql`UPDATE author SET points = ${14}`],
  'an insertion from a query': [
    'loans',
    (db) => db.query('INSERT INTO "order" (reader) SELECT name FROM author WHERE id = 1'),
  ],
};

describe.each(databases)('a write by TypeORM on $name', (database) => {
  let fixture: CacheFixture;
  let library: Library;
  let db: DataSource;

  beforeEach(async () => {
    await database.reset();
    fixture = cacheWith();
    library = await database.open(fixture.cache);
    ({ db } = library);
    await db
      .getRepository(Author)
      .save([
        { name: 'Ada', points: 3, books: [{ title: 'Numbers', tags: [{ name: 'maths' }] }, { title: 'Engines' }] },
        { name: 'Bob' },
        { name: 'Eve', deletedAt: new Date() },
      ]);
    await db.getRepository(Loan).save({ reader: 'Eve' });
    await db.getRepository(Medium).save({ name: 'Map' });
    await db.getTreeRepository(Shelf).save({ name: 'root' });
  });

  afterEach(async () => {
    await db.destroy();
    await fixture.cache.close();
  });

  afterAll(() => database.close());

  it.each(Object.entries(writes))('is seen by the next cached query: %s', async (_name, [query, write]) => {
    const read = reads[query]!;
    const before = await read(db, true);
    expect(await library.sentBy(() => read(db, true))).toEqual([]);

    await write(db);

    const after = await read(db, true);
    expect(after).not.toEqual(before);
    expect(after).toEqual(await read(db, false));
    expect(fixture.errors).toEqual([]);
  });

  it('leaves the results of other tables', async () => {
    await reads['loans']!(db, true);
    await reads['media']!(db, true);

    await db.getRepository(Author).save({ name: 'New' });

    expect(await library.sentBy(() => reads['loans']!(db, true))).toEqual([]);
    expect(await library.sentBy(() => reads['media']!(db, true))).toEqual([]);
  });

  it('that fails invalidates all the same, because a part of it may be done', async () => {
    await reads['authors']!(db, true);

    await expect(db.query('UPDATE author SET nothing = 1')).rejects.toThrow();

    expect(await library.sentBy(() => reads['authors']!(db, true))).toHaveLength(1);
  });

  it('to a table of a schema is seen, however it is spelled', async () => {
    if (!database.isShared) return;
    await db.query('CREATE SCHEMA archive');
    const made = await database.open(fixture.cache, { db: { entities: [Note], synchronize: true } });
    const notes = made.db.getRepository(Note);
    const texts = async (): Promise<string[]> => (await notes.find({ cache: true })).map(({ text }) => text);

    const seen = [await texts()];
    for (const write of [
      () => notes.insert({ text: 'a' }),
      () => made.db.query("UPDATE archive.note SET text = 'b'"),
      () => made.db.query("SET search_path TO archive; UPDATE Note SET text = 'c'; RESET search_path"),
      () => notes.clear(),
    ]) {
      await write();
      seen.push(await texts());
    }

    expect(seen).toEqual([[], ['a'], ['b'], ['c'], []]);
    await made.db.query('DROP SCHEMA archive CASCADE');
    await made.db.destroy();
  });

  it('is not answered from the cache when it is a part of a query', async () => {
    if (database.name === 'sql.js') return;
    const gone = (): Promise<unknown[]> =>
      db
        .createQueryBuilder()
        .addCommonTableExpression('DELETE FROM "order" RETURNING id', 'gone')
        .select('gone.id', 'id')
        .from('gone', 'gone')
        .cache(true)
        .getRawMany();

    const first = await gone();
    await db.getRepository(Loan).insert({ reader: 'Bob' });
    const second = await gone();

    expect([first.length, second.length]).toEqual([1, 1]);
    expect(fixture.errors.map(({ message }) => message)).toEqual([
      'A query on `order`, `gone` was not cached, because it does more than read.',
    ]);
  });
});
