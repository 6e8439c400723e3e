import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import type { CacheService } from '../../../src/core/cache.service.js';
import { createCache } from '../../../src/create-cache.js';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { DATABASES, type ShopDatabase, type TestDatabase } from './databases.fixture.js';
import { labels, users } from './schema.fixture.js';

const RACE_MS = 3_000;

describe.each(DATABASES)('two caches on one Redis, with %s', (_, open) => {
  let database: TestDatabase;
  let server: RedisServer;
  let caches: readonly CacheService[];
  let first: ShopDatabase;
  let second: ShopDatabase;

  beforeAll(async () => {
    [database, server] = await Promise.all([open(), startRedis()]);
    const { url } = server;
    caches = await Promise.all([1, 2].map(() => createCache({ backend: 'redis', redis: { url } })));
    [first, second] = caches.map((cache) =>
      cachedDrizzle(database.connect(drizzleCache(cache, { database: 'shop', global: true }))),
    ) as [ShopDatabase, ShopDatabase];
  }, 60_000);
  afterAll(async () => {
    await Promise.all(caches.map((cache) => cache.close()));
    await Promise.all([database.close(), server.stop()]);
  });
  beforeEach(async () => {
    await database.reset();
    await database.run("insert into labels values (1, 'red')");
    await caches[0]?.clear();
  });
  const namesBy = async (db: ShopDatabase): Promise<string[]> =>
    (await db.select().from(labels)).map(({ name }) => name);

  it('share results, with all kinds of values', async () => {
    const row = {
      id: 7,
      name: 'Ada',
      balance: 9_007_199_254_740_993n,
      price: '12.50',
      seenAt: new Date('2026-01-02T03:04:05.678Z'),
      settings: { list: [1, null, 'x'] },
      picture: Buffer.from([0, 255, 10]),
    };
    await first.insert(users).values(row);
    const read = async (db: ShopDatabase): Promise<unknown> =>
      db.select().from(users).where(eq(users.balance, row.balance));
    const raw = (db: ShopDatabase): Promise<unknown> =>
      cachedQuery({ tables: [users] }, () => db.execute(sql`select name from users`));

    const [read1, raw1] = [await read(first), await raw(first)];
    const { length } = database.statements;
    const [read2, raw2] = [await read(second), await raw(second)];

    expect(read1).toEqual([expect.objectContaining({ ...row, picture: expect.anything() })]);
    expect([read2, raw2]).toEqual([read1, raw1]);
    expect(database.statements).toHaveLength(length);
  });

  it('see a write of each other when it is done', async () => {
    expect(await namesBy(second)).toEqual(['red']);

    await first.update(labels).set({ name: 'blue' });

    expect(await namesBy(second)).toEqual(['blue']);
  });

  it('see a transaction of each other after its commit', async () => {
    await namesBy(second);

    const during = await first.transaction(async (tx) => {
      await tx.update(labels).set({ name: 'blue' });
      // PGlite has one connection, so a look from outside must find the rows in the cache.
      return namesBy(second);
    });

    expect(during).toEqual(['red']);
    expect(await namesBy(second)).toEqual(['blue']);
  });

  it('keep their results when a transaction is rolled back', async () => {
    await namesBy(second);

    await expect(
      first.transaction(async (tx) => {
        await tx.update(labels).set({ name: 'blue' });
        tx.rollback();
      }),
    ).rejects.toThrow('Rollback');
    const { length } = database.statements;

    expect(await namesBy(second)).toEqual(['red']);
    expect(database.statements).toHaveLength(length);
  });

  it(
    'never read what is older than a write that was done before, while both write and read',
    async () => {
      const endMs = Date.now() + RACE_MS;
      await first.update(labels).set({ name: '0' });
      let committed = 0;
      let reads = 0;
      const stale: string[] = [];
      const write = async (db: ShopDatabase, n: number): Promise<void> => {
        if (n % 3 === 0)
          await db.transaction((tx) =>
            tx
              .update(labels)
              .set({ name: String(n) })
              .then(),
          );
        else if (n % 3 === 1) await db.execute(sql`update labels set name = ${String(n)}`);
        else await db.update(labels).set({ name: String(n) });
        committed = n;
      };
      const writer = async (): Promise<void> => {
        for (let n = 1; Date.now() < endMs; n++) {
          await write(n % 2 === 0 ? first : second, n);
          for (let pause = 0; pause < n % 5; pause++) await namesBy(first);
        }
      };
      const reader = async (db: ShopDatabase): Promise<void> => {
        while (Date.now() < endMs) {
          const before = committed;
          const [name = ''] = await namesBy(db);
          reads++;
          if (Number(name) < before) stale.push(`${name} after ${before}`);
        }
      };

      await Promise.all([writer(), ...[first, second, first, second].map(reader)]);

      const selects = database.statements.filter((text) => text.startsWith('select')).length;
      expect(stale).toEqual([]);
      expect(committed).toBeGreaterThan(10);
      expect(reads).toBeGreaterThan(selects);
    },
    RACE_MS + 30_000,
  );
});
