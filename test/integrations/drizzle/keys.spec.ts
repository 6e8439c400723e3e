import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { asc, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { drizzle as drizzleProxy } from 'drizzle-orm/pg-proxy';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { DATABASES, type TestDatabase } from './databases.fixture.js';
import { posts, users } from './schema.fixture.js';
import { openShop, type Shop } from './shop.fixture.js';

describe.each(DATABASES)('the key of a query on %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.reset();
    await database.run("insert into users (id, name, balance) values (1, 'Ada', 5), (2, 'Bob', null)");
  });
  const shop = (): Shop => openShop(database);

  it('holds the parameters with their values and types', async () => {
    const { db, errors } = shop();
    const given = [1, '1', 2, null, 5n, 'NaN', '5', true, 'true'];
    const ask = (value: (typeof given)[number]) =>
      db
        .select({ value: sql<string>`pg_typeof(${value}::text) || ${value === null ? 'null' : String(value)}` })
        .from(users)
        .where(eq(sql`coalesce(${value}::text, 'none')`, value === null ? 'none' : String(value)))
        .$withCache();

    for (const value of [...given, ...given]) await ask(value);

    expect(database.statements).toHaveLength(given.length);
    expect(errors).toEqual([]);
  });

  it.each<[string, unknown[]]>([
    ['NaN, Infinity and null', [NaN, Infinity, -Infinity, null]],
    ['bytes and texts', [Buffer.from('1'), '1', Buffer.from('2')]],
    ['big and small integers', [9_007_199_254_740_993n, 9_007_199_254_740_992n, '9007199254740992']],
    ['times', [new Date(0), new Date(1), new Date(0).toISOString()]],
  ])('tells %s apart', async (_title, values) => {
    const { db, errors } = shop();
    const ask = async (value: unknown): Promise<unknown> => {
      const condition = sql`${value}::text is not distinct from 'no such value'`;
      return db.select({ id: users.id }).from(users).where(condition).$withCache();
    };

    for (const value of [...values, ...values]) await ask(value);

    expect(database.statements).toHaveLength(values.length);
    expect(errors).toEqual([]);
  });

  it('tells a list of parameters apart from another', async () => {
    const { db } = shop();
    const ask = (ids: number[]) =>
      db.select().from(users).where(inArray(users.id, ids)).orderBy(asc(users.id)).$withCache();

    expect(await ask([1, 2])).toHaveLength(2);
    expect(await ask([2, 3])).toMatchObject([{ id: 2 }]);
    expect(await ask([1, 2])).toHaveLength(2);
    expect(database.statements).toHaveLength(2);
  });

  it('holds a bigint, which Drizzle cannot hash', async () => {
    const { db } = shop();
    const ask = () => db.select().from(users).where(eq(users.balance, 5n)).$withCache();

    expect(await ask()).toMatchObject([{ name: 'Ada', balance: 5n }]);
    expect(await ask()).toMatchObject([{ name: 'Ada', balance: 5n }]);
    expect(database.statements).toHaveLength(1);
  });

  it('holds the query beside the tag', async () => {
    const { db } = shop();
    const config = { tag: 'people' };

    expect(await db.select({ id: users.id }).from(users).orderBy(asc(users.id)).$withCache(config)).toEqual([
      { id: 1 },
      { id: 2 },
    ]);
    expect(await db.select({ title: posts.title }).from(posts).$withCache(config)).toEqual([]);
    expect(await db.select({ name: users.name }).from(users).where(eq(users.id, 1)).$withCache(config)).toEqual([
      { name: 'Ada' },
    ]);
  });

  it('holds the form of the rows', async () => {
    const { db } = shop();
    const text = sql`select "id", "name" from "users" where "users"."id" = ${1}`;

    const built = await db.select({ id: users.id, name: users.name }).from(users).where(eq(users.id, 1)).$withCache();
    const raw = await cachedQuery({ tables: ['users'] }, () => db.execute(text));

    expect(database.statements[0]).toBe(database.statements[1]);
    expect(built).toEqual([{ id: 1, name: 'Ada' }]);
    expect(raw).toMatchObject({ rows: [{ id: 1, name: 'Ada' }] });
  });

  it('holds the name of the database', async () => {
    const { db, cache } = shop();
    const other = cachedDrizzle(database.connect(drizzleCache(cache, { database: 'other' })));

    await db.select().from(users).$withCache();
    await other.select().from(users).$withCache();

    expect(database.statements).toHaveLength(2);
  });

  it('holds the driver, whose rows have a form of their own', async () => {
    const { db, cache } = shop();
    const ofProxy = drizzleCache(cache, { database: 'shop' });
    const other = cachedDrizzle(drizzleProxy(() => Promise.resolve({ rows: [[9, 'by proxy']] }), { cache: ofProxy }));
    const query = (on: Pick<typeof other, 'select'>) =>
      on.select({ id: users.id, name: users.name }).from(users).where(eq(users.id, 1)).$withCache();

    expect(await query(db)).toEqual([{ id: 1, name: 'Ada' }]);
    expect(await query(other)).toEqual([{ id: 9, name: 'by proxy' }]);
  });

  it('is the same for two databases of Drizzle with one name', async () => {
    const { db, cache } = shop();
    const twin = cachedDrizzle(database.connect(drizzleCache(cache, { database: 'shop' })));

    await db.select().from(users).$withCache();
    await twin.select().from(users).$withCache();

    expect(database.statements).toHaveLength(1);
  });

  it('cannot be made for the token of one caller, as `$withAuth` of neon-http sets it', async () => {
    const { db, errors } = shop();
    const withToken = async (token: string): Promise<unknown> => {
      const query = db.select().from(users).$withCache();
      return (query as unknown as { setToken(token: string): PromiseLike<unknown> }).setToken(token);
    };

    await withToken('of Ada');
    await withToken('of Ada');

    expect(database.statements).toHaveLength(2);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('runs with the token of one caller'),
    ]);
    expect(errors[0]?.message).not.toContain('of Ada');
  });

  it('cannot be made of a parameter without a value: the query runs, and that is reported', async () => {
    const { db, errors } = shop();
    class Secret {
      readonly #code = 1;
      toPostgres = (): string => String(this.#code);
    }
    const ask = (): PromiseLike<unknown> => {
      const id: SQL = sql`${users.id}::text = ${new Secret()}::text`;
      return db
        .select()
        .from(users)
        .where(id)
        .$withCache()
        .then(
          () => undefined,
          () => undefined,
        );
    };

    await ask();
    await ask();

    expect(database.statements).toHaveLength(2);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('no key can be made of its parameters'),
    ]);
  });
});
