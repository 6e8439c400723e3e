import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { and, count, eq, exists, inArray, isNull, notExists, sql } from 'drizzle-orm';
import { alias, union } from 'drizzle-orm/pg-core';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { invalidateTables } from '../../../src/integrations/queries/table-tags.js';
import { DATABASES, type ShopDatabase, type TestDatabase } from './databases.fixture.js';
import { comments, labels, legacyUsers, namedUsers, oldPosts, postCounts, posts, users } from './schema.fixture.js';
import { countRuns, openShop, type Shop } from './shop.fixture.js';

type Statement = (db: ShopDatabase) => PromiseLike<unknown>;

describe.each(DATABASES)('the tables of %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.reset();
    await database.run(`
      insert into users (id, name) values (1, 'Ada'), (2, 'Bob');
      insert into posts values (1, 1, 'one'), (2, 1, 'two');
      insert into comments values (1, 1, 'first');
      insert into labels values (1, 'red')`);
  });
  const shop = (): Shop => openShop(database);

  /** Caches a query, runs a write, and asks again. Returns true when the query has run again. */
  async function isInvalidated(query: Statement, write: Statement, { db } = shop()): Promise<boolean> {
    await query(db);
    await write(db);
    const before = database.statements.length;
    await query(db);
    return database.statements.length > before;
  }

  const addPost: Statement = (db) => db.insert(posts).values({ id: 9, userId: 2, title: 'nine' });
  const addUser: Statement = (db) => db.insert(users).values({ id: 9, name: 'Eve' });
  const addLabel: Statement = (db) => db.insert(labels).values({ id: 9, name: 'blue' });

  describe('that a query reads, are found', () => {
    const queries: [string, Statement, Statement][] = [
      ['in FROM', (db) => db.select().from(posts).$withCache(), addPost],
      ['in a join', (db) => db.select().from(users).leftJoin(posts, eq(posts.userId, users.id)).$withCache(), addPost],
      [
        'under an alias',
        (db) => {
          const other = alias(posts, 'other');
          return db.select().from(users).leftJoin(other, eq(other.userId, users.id)).$withCache();
        },
        addPost,
      ],
      [
        'in a subquery of WHERE',
        (db) => {
          const authors = db.select({ id: posts.userId }).from(posts);
          return db.select().from(users).where(inArray(users.id, authors)).$withCache();
        },
        addPost,
      ],
      [
        'in a correlated subquery',
        (db) => {
          const own = db.select().from(posts).where(eq(posts.userId, users.id));
          return db
            .select()
            .from(users)
            .where(and(isNull(users.price), notExists(own)))
            .$withCache();
        },
        addPost,
      ],
      [
        'in a subquery among the fields',
        (db) =>
          db
            .select({ posts: db.$count(posts, eq(posts.userId, users.id)) })
            .from(users)
            .$withCache(),
        addPost,
      ],
      [
        'in a subquery of FROM',
        (db) => {
          const own = db
            .select({ userId: posts.userId, posts: count().as('posts') })
            .from(posts)
            .groupBy(posts.userId)
            .as('own');
          return db.select().from(users).leftJoin(own, eq(own.userId, users.id)).$withCache();
        },
        addPost,
      ],
      [
        'in WITH',
        (db) => {
          const own = db.$with('own').as(db.select().from(posts));
          return db.with(own).select().from(own).$withCache();
        },
        addPost,
      ],
      [
        'on the second side of a union',
        (db) => union(db.select({ id: users.id }).from(users), db.select({ id: posts.id }).from(posts)).$withCache(),
        addPost,
      ],
      [
        'in raw SQL of WHERE',
        (db) =>
          db
            .select()
            .from(users)
            .where(sql`exists (select 1 from posts p where p.user_id = ${users.id})`)
            .$withCache(),
        addPost,
      ],
      [
        'in raw SQL of FROM',
        (db) =>
          db
            .select({ id: sql`id` })
            .from(sql`${posts}`)
            .$withCache(),
        addPost,
      ],
      [
        'in a relational query',
        (db) => cachedQuery({}, () => db.query.users.findMany({ with: { posts: { with: { comments: true } } } })),
        (db) => db.delete(comments),
      ],
      ['in `$count`', (db) => cachedQuery({}, () => db.$count(posts)), addPost],
      ['in a view', (db) => db.select().from(namedUsers).$withCache(), addUser],
      [
        'with a schema',
        (db) => db.select().from(oldPosts).$withCache(),
        (db) => db.insert(oldPosts).values({ id: 1, title: 'x' }),
      ],
      ['by a person', (db) => cachedQuery({ tables: [labels] }, () => db.select().from(users)), addLabel],
      [
        'by a person, beside those of the words',
        (db) => cachedQuery({ tables: ['labels'] }, () => db.select().from(users)),
        addUser,
      ],
      [
        'by a person, for raw SQL',
        (db) => cachedQuery({ tables: ['labels'] }, () => db.execute(sql`select * from labels`)),
        addLabel,
      ],
    ];

    it.each(queries)('%s', async (_title, query, write) => {
      expect(await isInvalidated(query, write)).toBe(true);
    });

    it.each(queries)('and no others: %s', async (title, query) => {
      const other: Statement = title.startsWith('by a person') ? addPost : addLabel;

      expect(await isInvalidated(query, other)).toBe(false);
    });
  });

  describe('that cannot be known', () => {
    const cases: [string, RegExp, Statement][] = [
      [
        'a view without a query',
        /it reads `legacy_users`, which is no table/,
        (db) => db.select().from(legacyUsers).$withCache(),
      ],
      [
        'a name that is not in the schema',
        /it reads `deferred`, which is no table/,
        (db) =>
          db
            .select()
            .from(users)
            .where(sql`exists (select 1 from deferred)`)
            .$withCache(),
      ],
      [
        'a function',
        /it reads the function `user_count`/,
        (db) =>
          db
            .select({ n: sql`n` })
            .from(sql`user_count() as n`)
            .$withCache(),
      ],
      [
        'no table at all',
        /it reads no table/,
        (db) =>
          db
            .select({ n: sql`n` })
            .from(sql`generate_series(1, 2) as n`)
            .$withCache(),
      ],
    ];

    it.each(cases)('keep a query out of the cache, and are reported: %s', async (_title, message, query) => {
      const { db, errors } = shop();

      expect(await countRuns(database, () => query(db))).toBe(2);

      expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
      expect(errors[0]?.message).toMatch(message);
      expect(errors[0]?.message).toContain("cachedQuery({ tables: ['...'] }");
    });

    it.each(cases)('are what a person says they are: %s', async (_title, _message, query) => {
      const own = shop();
      const named: Statement = (db) => cachedQuery({ tables: ['labels'] }, () => query(db));

      expect(await countRuns(database, () => named(own.db))).toBe(1);
      expect(await isInvalidated(named, addLabel, own)).toBe(true);
      expect(own.errors).toEqual([]);
    });

    it('are reported with `global: true`, too', async () => {
      const { db, errors } = openShop(database, { global: true });

      expect(await countRuns(database, () => db.select().from(legacyUsers))).toBe(2);

      expect(errors).toHaveLength(1);
    });

    it('do not matter with `autoInvalidate: false`, which leaves it to the TTL and the tag', async () => {
      const own = shop();
      const query: Statement = (db) =>
        db.select().from(legacyUsers).$withCache({ tag: 'people', autoInvalidate: false });

      expect(await isInvalidated(query, addUser, own)).toBe(false);
      expect(await isInvalidated(query, (db) => db.$cache.invalidate({ tags: 'people' }), own)).toBe(true);
      expect(own.errors).toEqual([]);
    });

    it('are those of the words without a `schema`, if Drizzle passes them', async () => {
      const { db, errors } = openShop(database, { schema: {} });
      const authors = db.select({ id: posts.userId }).from(posts);

      expect(await countRuns(database, () => db.select().from(users).$withCache())).toBe(1);
      expect(errors).toEqual([]);
      expect(
        await countRuns(database, () => db.select().from(users).where(inArray(users.id, authors)).$withCache()),
      ).toBe(2);
      expect(errors.map(({ message }) => message)).toEqual([
        expect.stringContaining('it reads `posts`, which is no table'),
      ]);
    });
  });

  describe('that a statement writes, are invalidated', () => {
    const readPosts: Statement = (db) => db.select().from(posts).$withCache();
    const readComments: Statement = (db) => db.select().from(comments).$withCache();
    const readLabels: Statement = (db) => db.select().from(labels).$withCache();
    const writes: [string, Statement, Statement][] = [
      ['by an insert', readPosts, addPost],
      [
        'by an upsert',
        readPosts,
        (db) =>
          db
            .insert(posts)
            .values({ id: 1, title: 'x' })
            .onConflictDoUpdate({ target: posts.id, set: { title: 'y' } }),
      ],
      ['by an update', readPosts, (db) => db.update(posts).set({ title: 'x' })],
      ['by a delete', readComments, (db) => db.delete(comments)],
      [
        'by an insert from a query',
        readLabels,
        (db) => db.insert(labels).select(db.select({ id: sql`id + 50`.as('id'), name: posts.title }).from(posts)),
      ],
      ['by a foreign key with ON DELETE CASCADE', readPosts, (db) => db.delete(users).where(eq(users.id, 1))],
      ['by foreign keys one after the other', readComments, (db) => db.delete(users).where(eq(users.id, 1))],
      ['by raw SQL', readPosts, (db) => db.execute(sql`update posts set title = 'x'`)],
      [
        'by raw SQL with a schema',
        readPosts,
        (db) => db.execute(sql`update ${sql.identifier(database.space)}.posts set title = 'x'`),
      ],
      [
        'by raw SQL with objects of the schema',
        readPosts,
        (db) => db.execute(sql`delete from ${posts} where ${posts.id} = 2`),
      ],
      ['by TRUNCATE', readComments, (db) => db.execute(sql`truncate posts cascade`)],
      [
        'by a write in WITH of raw SQL',
        readLabels,
        (db) => db.execute(sql`with gone as (delete from labels returning id) select count(*) from gone`),
      ],
      [
        'by a write in WITH of an insert',
        readComments,
        (db) => {
          const gone = db.$with('gone').as(db.delete(comments).returning({ id: comments.id }));
          return db.with(gone).insert(labels).values({ id: 8, name: 'x' });
        },
      ],
      [
        'by REFRESH MATERIALIZED VIEW',
        (db) => db.select().from(postCounts).$withCache(),
        (db) => db.refreshMaterializedView(postCounts),
      ],
      ['by `$cache.invalidate` with a table', readPosts, (db) => db.$cache.invalidate({ tables: posts })],
      ['by `$cache.invalidate` with names', readPosts, (db) => db.$cache.invalidate({ tables: ['users', 'posts'] })],
    ];

    it.each(writes)('%s', async (_title, query, write) => {
      const own = shop();

      expect(await isInvalidated(query, write, own)).toBe(true);
      expect(own.errors).toEqual([]);
    });

    it('by `invalidateTables`, in every database', async () => {
      const own = shop();

      expect(await isInvalidated(readPosts, () => invalidateTables(own.cache, ['posts']), own)).toBe(true);
    });

    it('and not those that no foreign key changes', async () => {
      expect(await isInvalidated(readPosts, (db) => db.update(users).set({ name: 'x' }))).toBe(false);
      expect(
        await isInvalidated(
          (db) => db.select().from(users).$withCache(),
          (db) => db.delete(posts),
        ),
      ).toBe(false);
    });
  });

  it.each<[string, (db: ShopDatabase, id: number) => PromiseLike<unknown>]>([
    [
      'of a query builder',
      (db, id) => {
        const made = db.$with('made').as(db.insert(labels).values({ id, name: 'x' }).returning({ id: labels.id }));
        return db.with(made).select().from(made).$withCache();
      },
    ],
    [
      'of raw SQL',
      (db, id) =>
        cachedQuery({ tables: ['labels'] }, () =>
          db.execute(sql`with made as (insert into labels values (${id}, 'x') returning id) select * from made`),
        ),
    ],
  ])('a write in WITH %s runs each time', async (_title, write) => {
    const { db } = shop();

    await write(db, 20);
    await db.delete(labels);
    await write(db, 20);

    expect(await db.select({ id: labels.id }).from(labels)).toEqual([{ id: 20 }]);
  });

  it.each<[string, unknown]>([
    ['a number', { tables: 7 }],
    ['a tag that is no text', { tags: [7] }],
  ])('`$cache.invalidate` with %s invalidates nothing, and reports it', async (_title, given) => {
    const { db, errors } = shop();

    await db.$cache.invalidate(given as never);

    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('Nothing was invalidated')]);
  });

  it('tags of queries are tags of the cache', async () => {
    const own = shop();
    const query: Statement = (db) =>
      cachedQuery({ tags: ['mine'] }, () => db.select().from(labels).$withCache({ tag: 'yours' }));

    for (const tag of ['mine', 'yours'])
      expect(await isInvalidated(query, () => own.cache.invalidateTags([tag]), own)).toBe(true);
    expect(await isInvalidated(query, (db) => db.$cache.invalidate({ tags: ['mine', 'other'] }), own)).toBe(true);
    expect(await isInvalidated(query, (db) => db.$cache.invalidate({ tags: 'other' }), own)).toBe(false);
  });

  it('an existing subquery is found inside `exists`', async () => {
    const query: Statement = (db) =>
      db
        .select()
        .from(users)
        .where(exists(db.select().from(comments)))
        .$withCache();

    expect(await isInvalidated(query, (db) => db.delete(comments))).toBe(true);
  });
});
