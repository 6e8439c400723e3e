import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { asc, eq, sql } from 'drizzle-orm';
import type { DrizzleCacheOptions } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { DATABASES, type TestDatabase } from './databases.fixture.js';
import { labels, posts, users } from './schema.fixture.js';
import { countRuns, openShop, type Shop } from './shop.fixture.js';

describe.each(DATABASES)('queries on %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.reset();
    await database.run("insert into users (id, name) values (1, 'Ada'), (2, 'Bob')");
  });

  const shop = (options?: Partial<DrizzleCacheOptions>): Shop => openShop(database, options);
  const runsOf = (query: () => PromiseLike<unknown>): Promise<number> => countRuns(database, query);

  describe('with the explicit strategy', () => {
    it('are cached with `$withCache`, and otherwise not', async () => {
      const { db, errors } = shop();

      expect(await runsOf(() => db.select().from(users).$withCache())).toBe(1);
      expect(await runsOf(() => db.select().from(users))).toBe(2);
      expect(await runsOf(() => db.select().from(users).$withCache(false))).toBe(2);
      expect(errors).toEqual([]);
    });

    it('are not cached where only `$withCache` would say so: relational, counting and raw ones', async () => {
      const { db } = shop();

      expect(await runsOf(() => db.query.users.findMany())).toBe(2);
      expect(await runsOf(() => db.$count(users))).toBe(2);
      expect(await runsOf(() => db.execute(sql`select 1 as one from users`))).toBe(2);
    });

    it('are cached in `cachedQuery`, of every kind', async () => {
      const { db, errors } = shop();
      const raw = sql`select name from users order by id`;

      expect(await runsOf(() => cachedQuery({}, () => db.select().from(users)))).toBe(1);
      expect(await runsOf(() => cachedQuery({}, () => db.query.users.findMany({ with: { posts: true } })))).toBe(1);
      expect(await runsOf(() => cachedQuery({}, () => db.query.users.findFirst()))).toBe(1);
      expect(await runsOf(() => cachedQuery({}, () => db.$count(users)))).toBe(1);
      expect(await runsOf(() => cachedQuery({ tables: [users] }, () => db.execute(raw)))).toBe(1);
      expect(errors).toEqual([]);
    });

    it('are cached when they are prepared, by the values of their placeholders', async () => {
      const { db } = shop();
      const byId = db
        .select()
        .from(users)
        .where(eq(users.id, sql.placeholder('id')))
        .$withCache()
        .prepare('by_id');
      const relational = db.query.users
        .findFirst({ where: eq(users.id, sql.placeholder('id')) })
        .prepare('relational_by_id');

      expect(await runsOf(() => byId.execute({ id: 1 }))).toBe(1);
      expect(await byId.execute({ id: 2 })).toMatchObject([{ name: 'Bob' }]);
      expect(await runsOf(() => cachedQuery({}, () => relational.execute({ id: 1 })))).toBe(1);
      expect(await runsOf(() => relational.execute({ id: 1 }))).toBe(2);
    });

    it('go past the cache in `cachedQuery(false)`', async () => {
      const { db } = shop();

      expect(await runsOf(() => cachedQuery(false, () => db.select().from(users).$withCache()))).toBe(2);
    });

    it('run once for all callers at the same time', async () => {
      const { db } = shop();

      const all = await Promise.all(Array.from({ length: 20 }, () => db.select().from(users).$withCache()));

      expect(new Set(all.map((rows) => rows.length))).toEqual(new Set([2]));
      expect(database.statements).toHaveLength(1);
    });

    it('give each caller rows of its own', async () => {
      const { db } = shop();
      await db.update(users).set({ settings: { theme: 'dark' } });
      const query = () => db.select().from(users).orderBy(asc(users.id)).$withCache();

      const [first] = await query();
      (first?.settings as { theme: string }).theme = 'changed';

      expect((await query())[0]?.settings).toEqual({ theme: 'dark' });
    });
  });

  describe('with `global: true`', () => {
    it('are cached, unless they say no or are raw SQL', async () => {
      const { db, errors } = shop({ global: true });

      expect(await runsOf(() => db.select().from(users))).toBe(1);
      expect(await runsOf(() => db.query.users.findMany({ with: { posts: { with: { comments: true } } } }))).toBe(1);
      expect(await runsOf(() => db.$count(users, eq(users.name, 'Ada')))).toBe(1);
      expect(await runsOf(() => db.select().from(users).$withCache(false))).toBe(2);
      expect(await runsOf(() => cachedQuery(false, () => db.query.users.findMany()))).toBe(2);
      expect(await runsOf(() => db.execute(sql`select name from users`))).toBe(2);
      expect(errors).toEqual([]);
    });

    it('run again, without a report, where they lock rows', async () => {
      const { db, errors } = shop({ global: true });

      expect(await runsOf(() => db.select().from(users).for('update'))).toBe(2);
      expect(errors).toEqual([]);
    });
  });

  it('give back every value as the database gave it', async () => {
    const { db } = shop();
    const row = {
      id: 7,
      name: "O'Hara \u{1f600}",
      balance: 9_007_199_254_740_993n,
      price: '12.50',
      seenAt: new Date('2026-01-02T03:04:05.678Z'),
      settings: { list: [1, null, 'x'], nested: { a: true } },
      picture: Buffer.from([0, 255, 10]),
    };
    await db.insert(users).values(row);
    const query = () => db.select().from(users).where(eq(users.id, 7)).$withCache();

    const [first, second] = [await query(), await query()];

    expect(first).toEqual([{ ...row, picture: first[0]?.picture }]);
    expect(Buffer.from(first[0]?.picture as Buffer)).toEqual(row.picture);
    expect(second).toEqual(first);
  });

  it('map the rows of joins with missing partners', async () => {
    const { db } = shop();
    await db.insert(posts).values({ id: 1, userId: 1, title: 'one' });
    const query = () =>
      db.select().from(users).leftJoin(posts, eq(posts.userId, users.id)).orderBy(asc(users.id)).$withCache();

    expect(await query()).toMatchObject([{ posts: { title: 'one' } }, { posts: null }]);
    expect(await query()).toMatchObject([{ posts: { title: 'one' } }, { posts: null }]);
  });

  it('give raw results with their rows, the first time and later', async () => {
    const { db } = shop();
    const query = () => cachedQuery({ tables: ['users'] }, () => db.execute(sql`select name from users order by id`));

    const [first, second] = [await query(), await query()];

    expect(first).toMatchObject({ rows: [{ name: 'Ada' }, { name: 'Bob' }] });
    expect(second).toEqual(first);
  });

  describe('expire', () => {
    const cases: [string, Partial<DrizzleCacheOptions>, (db: Shop['db'], wallMs: number) => PromiseLike<unknown>][] = [
      ['after the `ttl` of the database', { ttl: '1s' }, (db) => db.select().from(users).$withCache()],
      [
        'after `ex` seconds',
        {},
        (db) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { ex: 1 } }),
      ],
      [
        'after `px` milliseconds',
        {},
        (db) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { px: 1000 } }),
      ],
      [
        'at `exat`',
        {},
        (db, now) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { exat: now / 1000 + 1 } }),
      ],
      [
        'at `pxat`',
        {},
        (db, now) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { pxat: now + 1000 } }),
      ],
      ['after the `ttl` of `cachedQuery`', {}, (db) => cachedQuery({ ttl: '1s' }, () => db.query.users.findMany())],
      [
        'after the time of `$withCache`, which is nearer than `cachedQuery`',
        {},
        (db) =>
          cachedQuery({ ttl: '1d' }, () =>
            db
              .select()
              .from(users)
              .$withCache({ config: { ex: 1 } }),
          ),
      ],
    ];

    it.each(cases)('%s', async (_title, options, run) => {
      const { db, clock } = shop(options);
      const startMs = clock.wallMs();
      await run(db, startMs);

      await clock.advance(999);
      await run(db, startMs);
      const before = database.statements.length;
      await clock.advance(1);
      await run(db, startMs);

      expect([before, database.statements.length]).toEqual([1, 2]);
    });

    it('at once with a time in the past', async () => {
      const { db, clock, errors } = shop();
      const config = { pxat: clock.wallMs() - 1 };

      expect(await runsOf(() => db.select().from(users).$withCache({ config }))).toBe(2);
      expect(errors).toEqual([]);
    });
  });

  describe('that cannot be cached as they ask', () => {
    const cases: [string, RegExp, (db: Shop['db']) => PromiseLike<unknown>][] = [
      [
        'an unknown life time',
        /`keepTtl`.*Write `ex`/,
        (db) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { keepTtl: true } }),
      ],
      [
        'two life times',
        /got `ex, px`/,
        (db) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { ex: 1, px: 1 } }),
      ],
      [
        'a negative life time',
        /`config.ex`.*-1/,
        (db) =>
          db
            .select()
            .from(users)
            .$withCache({ config: { ex: -1 } }),
      ],
      ['a wrong `ttl`', /`ttl`.*soon/, (db) => cachedQuery({ ttl: 'soon' as never }, () => db.select().from(users))],
      ['wrong tags', /`tags`.*list/, (db) => cachedQuery({ tags: 'x' as never }, () => db.select().from(users))],
      ['wrong tables', /names of tables/, (db) => cachedQuery({ tables: [7 as never] }, () => db.select().from(users))],
      [
        'an unknown option',
        /`cachedQuery tag`.*`tags/,
        (db) => cachedQuery({ tag: 'x' } as never, () => db.select().from(users)),
      ],
      [
        'raw SQL without tables',
        /raw SQL without tables/,
        (db) => cachedQuery({}, () => db.execute(sql`select id from users`)),
      ],
      ['a lock', /locks rows/, (db) => db.select().from(users).for('share').$withCache()],
      [
        'the rows of one session',
        /asks for `current_user`/,
        (db) =>
          db
            .select()
            .from(users)
            .where(eq(users.name, sql`current_user`))
            .$withCache(),
      ],
    ];

    it.each(cases)('run, and are reported once: %s', async (_title, message, run) => {
      const { db, errors } = shop();

      expect(await runsOf(() => run(db))).toBe(2);

      expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
      expect(errors[0]?.message).toMatch(/^A query on users was not cached: /);
      expect(errors[0]?.message).toMatch(message);
    });

    it('are told where no query is given', async () => {
      const { db } = shop();

      await expect(cachedQuery({}, db.select().from(labels) as never)).rejects.toThrow(
        'Expected `query` to be a function',
      );
    });
  });
});
