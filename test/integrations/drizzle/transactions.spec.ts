import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { cacheWith, ManualLoad } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';
import { DATABASES, type ShopDatabase, type TestDatabase } from './databases.fixture.js';
import { labels, posts, users } from './schema.fixture.js';
import { openShop, type Shop } from './shop.fixture.js';

type Names = readonly string[];

describe.each(DATABASES)('a transaction of %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(async () => {
    await database.reset();
    await database.run("insert into labels values (1, 'red')");
  });
  const shop = (): Shop => openShop(database, { global: true });
  const namesIn = async (db: Pick<ShopDatabase, 'select'>): Promise<Names> =>
    (await db.select().from(labels).orderBy(labels.id)).map(({ name }) => name);
  const add = (db: Pick<ShopDatabase, 'insert'>, name = 'blue'): PromiseLike<unknown> =>
    db.insert(labels).values({ id: 2, name });

  it('reads what it has written, and shows it to others after its commit alone', async () => {
    const { db } = shop();
    const before = await namesIn(db);

    const inside = await db.transaction(async (tx) => {
      await add(tx);
      return namesIn(tx);
    });

    expect([before, inside, await namesIn(db)]).toEqual([['red'], ['red', 'blue'], ['red', 'blue']]);
  });

  it('stores no rows that are rolled back', async () => {
    const { db } = shop();

    const failed = db.transaction(async (tx) => {
      await add(tx);
      expect(await namesIn(tx)).toEqual(['red', 'blue']);
      expect(await tx.query.labels.findMany()).toHaveLength(2);
      tx.rollback();
    });

    await expect(failed).rejects.toThrow('Rollback');
    expect(await namesIn(db)).toEqual(['red']);
    expect(await db.query.labels.findMany()).toHaveLength(1);
  });

  it('reads the database and not the cache, also before it writes', async () => {
    const { db } = shop();
    await namesIn(db);
    await database.run("insert into labels values (3, 'past the kit')");

    expect(await db.transaction((tx) => namesIn(tx))).toEqual(['red', 'past the kit']);
    expect(await namesIn(db)).toEqual(['red']);
  });

  it('invalidates nothing when it is rolled back', async () => {
    const { db } = shop();
    await namesIn(db);
    const failed = db.transaction(async (tx) => {
      await add(tx);
      await tx.execute(sql`delete from labels`);
      await db.$cache.invalidate({ tables: labels });
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    const before = database.statements.length;

    await namesIn(db);

    expect(database.statements).toHaveLength(before);
  });

  it('invalidates what raw SQL and nested transactions have written', async () => {
    const { db } = shop();
    await namesIn(db);
    await db.select().from(posts);

    await db.transaction(async (tx) => {
      await tx.execute(sql`insert into labels values (2, 'raw')`);
      await tx.transaction(async (inner) => {
        await inner.insert(posts).values({ id: 1, title: 'nested' });
      });
    });

    expect(await namesIn(db)).toEqual(['red', 'raw']);
    expect(await db.select().from(posts)).toHaveLength(1);
  });

  it('is seen in nested ones with a session of their own, as those of postgres.js', async () => {
    const { cache } = cacheWith();
    const raw = database.connect(drizzleCache(cache, { database: 'shop', global: true }));
    const db = cachedDrizzle(withNestedSessions(raw));
    await namesIn(db);

    await db.transaction(async (tx) => {
      await tx.transaction(async (inner) => {
        await inner.execute(sql`insert into labels values (2, 'nested')`);
        expect(await namesIn(inner)).toEqual(['red', 'nested']);
      });
    });

    expect(await namesIn(db)).toEqual(['red', 'nested']);
  });

  it('is committed although a nested one is rolled back', async () => {
    const { db } = shop();
    await namesIn(db);

    await db.transaction(async (tx) => {
      await add(tx);
      await tx
        .transaction(async (inner) => {
          await inner.delete(labels);
          expect(await namesIn(inner)).toEqual([]);
          throw new Error('inner');
        })
        .catch(() => undefined);
      expect(await namesIn(tx)).toEqual(['red', 'blue']);
    });

    expect(await namesIn(db)).toEqual(['red', 'blue']);
  });

  it('is one for statements that run in another asynchronous context', async () => {
    const { db } = shop();
    await namesIn(db);
    let run: (() => Promise<Names>) | undefined;
    let waiting: (() => void) | undefined;
    // This loop was started outside of the transaction, as a queue or a batching loader is.
    const loop = new Promise<Names>((resolve, reject) => {
      waiting = () => void run?.().then(resolve, reject);
    });
    const started = setInterval(() => run !== undefined && waiting?.(), 5);

    const failed = db.transaction(async (tx) => {
      run = async () => {
        run = undefined;
        await add(tx);
        return namesIn(tx);
      };
      expect(await loop).toEqual(['red', 'blue']);
      throw new Error('rolled back');
    });

    await expect(failed).rejects.toThrow('rolled back');
    clearInterval(started);
    expect(await namesIn(db)).toEqual(['red']);
  });

  it('invalidates what a commit of unknown outcome may have written', async () => {
    const { db } = shop();
    await namesIn(db);
    const lost = Object.assign(new Error('the connection was lost'), { code: 'ECONNRESET' });
    database.after = (text) => {
      if (text === 'commit') throw lost;
    };

    const failed = db.transaction(async (tx) => {
      await add(tx);
    });

    await expect(failed).rejects.toThrow();
    database.after = undefined;
    expect(await namesIn(db)).toEqual(['red', 'blue']);
  });

  it('invalidates nothing when the server refuses the commit', async () => {
    const { db } = shop();
    await namesIn(db);

    const failed = db.transaction(async (tx) => {
      await add(tx);
      await tx.execute(sql`insert into deferred values (1, 404)`);
    });

    await expect(failed).rejects.toThrow();
    const before = database.statements.length;
    expect(await namesIn(db)).toEqual(['red']);
    expect(database.statements).toHaveLength(before);
  });

  it('is a part of a transaction of the cache, which ends later', async () => {
    const { db, cache } = shop();
    await namesIn(db);

    await cache.transaction(async () => {
      await db.transaction(async (tx) => {
        await add(tx);
      });
      expect(await namesIn(db)).toEqual(['red', 'blue']);
    });

    expect(await namesIn(db)).toEqual(['red', 'blue']);
  });

  it('gives its result, its error and its configuration on', async () => {
    const { db } = shop();
    const failure = new Error('mine');

    const level = await db.transaction(
      async (tx) => tx.execute(sql`select current_setting('transaction_isolation') as level`),
      { isolationLevel: 'serializable' },
    );

    expect(level).toMatchObject({ rows: [{ level: 'serializable' }] });
    await expect(
      db.transaction(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
  });
});

interface NestedSession {
  readonly client: unknown;
  readonly dialect: unknown;
  readonly schema: unknown;
  readonly options: unknown;
  transaction: (work: (tx: Nesting) => unknown, config?: unknown) => unknown;
}
interface Nesting {
  readonly session: NestedSession;
  transaction: (work: (tx: Nesting) => unknown, config?: unknown) => unknown;
}

/** Gives each nested transaction a new session on the same connection. */
function withNestedSessions(db: ShopDatabase): ShopDatabase {
  const { session } = db as unknown as Nesting;
  const Session = session.constructor as new (...parts: unknown[]) => NestedSession;
  const begin = session.transaction.bind(session);
  session.transaction = (work, config) =>
    begin((tx) => {
      const nest = tx.transaction.bind(tx);
      tx.transaction = (inner) =>
        nest((own) => {
          const { client, dialect, schema, options } = own.session;
          const copy = Object.assign(Object.create(Object.getPrototypeOf(own) as object), own) as Nesting;
          return inner(Object.assign(copy, { session: new Session(client, dialect, schema, options) }));
        });
      return work(tx);
    }, config);
  return db;
}

describe.each(DATABASES)('a single write on %s', (_, open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  }, 60_000);
  afterAll(() => database.close());
  beforeEach(() => database.reset());

  it('is seen by the next query, also in a transaction of the cache that fails later', async () => {
    const { db, cache } = openShop(database);
    const read = async () => await db.select().from(labels).$withCache();
    await read();

    const failed = cache.transaction(async () => {
      await db.insert(labels).values({ id: 1, name: 'red' });
      throw new Error('after the write');
    });

    await expect(failed).rejects.toThrow('after the write');
    expect(await read()).toHaveLength(1);
  });

  it('keeps out of the cache what a query has read before it', async () => {
    const { db } = openShop(database);
    const read = async () => await db.select().from(labels).$withCache();
    const gate = new ManualLoad<void>();
    database.after = (text) =>
      text.startsWith('select') ? gate.run({ signal: new AbortController().signal }) : undefined;
    const reading = read();
    await until(
      () => Promise.resolve(gate.count === 1),
      10_000,
      () => 'The query did not begin.',
    );
    database.after = undefined;

    await db.insert(labels).values({ id: 1, name: 'red' });
    await gate.finish(0, undefined);

    expect(await reading).toEqual([]);
    expect(await read()).toHaveLength(1);
  });

  it('keeps out of the cache what a query reads while it runs, before it is committed', async () => {
    const { db } = openShop(database);
    const read = async () => await db.select().from(labels).$withCache();
    let seen: unknown;
    database.before = async (sqlText) => {
      if (!sqlText.startsWith('insert')) return;
      database.before = undefined;
      // Drizzle has told its cache of the write, and the database knows nothing of it yet.
      seen = await read();
    };

    await db.insert(labels).values({ id: 1, name: 'red' });

    expect(seen).toEqual([]);
    expect(await read()).toHaveLength(1);
  });

  it('invalidates nothing when the server refuses it, and rejects', async () => {
    const { db } = openShop(database);
    const read = () => db.select().from(users).$withCache();
    await db.insert(users).values({ id: 1, name: 'Ada' });
    await read();
    const before = database.statements.length;

    await expect(db.insert(users).values({ id: 1, name: 'Ada' }).then()).rejects.toThrow('Failed query');
    await read();

    expect(database.statements).toHaveLength(before + 1);
  });

  it('invalidates when nobody knows if it was done', async () => {
    const { db } = openShop(database);
    const read = () => db.select().from(users).where(eq(users.id, 1)).$withCache();
    await read();
    database.before = () => Promise.reject(Object.assign(new Error('lost'), { code: 'ECONNRESET' }));
    await expect(db.insert(users).values({ id: 1, name: 'Ada' }).then()).rejects.toThrow('Failed query');
    database.before = undefined;
    const before = database.statements.length;

    await read();

    expect(database.statements).toHaveLength(before + 1);
  });

  it('in `cachedQuery` is a write like any other', async () => {
    const { db } = openShop(database);
    const read = async () => await db.select().from(labels).$withCache();
    await read();

    await cachedQuery({ tables: [labels] }, () => db.insert(labels).values({ id: 1, name: 'red' }));
    await cachedQuery({ tables: [labels] }, () => db.insert(labels).values({ id: 2, name: 'blue' }));

    expect(await read()).toHaveLength(2);
  });
});
