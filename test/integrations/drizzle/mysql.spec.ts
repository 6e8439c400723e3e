import { beforeEach, describe, expect, it } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle, type MySqlRemoteDatabase } from 'drizzle-orm/mysql-proxy';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { cacheWith } from '../../support/cache-with.js';

const users = mysqlTable('users', { id: int().primaryKey(), name: varchar({ length: 20 }) });
const posts = mysqlTable('posts', { id: int().primaryKey(), userId: int('user_id') });
const schema = { users, posts };

/* No MySQL runs in this process, so the database answers each statement with its number. */
describe('a database of the dialect of MySQL', () => {
  let statements: string[];
  let db: MySqlRemoteDatabase;

  beforeEach(() => {
    statements = [];
    const run = (text: string, _params: unknown[], method: string): Promise<{ rows: unknown[] }> => {
      const row = statements.push(text);
      return Promise.resolve({ rows: method === 'all' ? [[row, 'Ada']] : [[{ id: row }], [{ columnType: 3 }]] });
    };
    const cache = drizzleCache(cacheWith().cache, { database: 'shop' });
    // The proxy of MySQL drops the option `cache`, which its session would take.
    const database = drizzle(run, { schema, mode: 'default' } as never);
    db = cachedDrizzle(Object.assign(database, { $cache: cache }));
  });
  const read = () => db.select().from(users).$withCache();

  it('answers repeated queries', async () => {
    const raw = () => cachedQuery({ tables: [users] }, () => db.execute(sql`select * from users`));

    expect([await read(), await read()]).toEqual([[{ id: 1, name: 'Ada' }], [{ id: 1, name: 'Ada' }]]);
    const first = await raw();
    expect(first).toEqual([[{ id: 2 }], [{ columnType: 3 }]]);
    expect(await raw()).toEqual(first);
  });

  it.each<[string, () => PromiseLike<unknown>]>([
    [
      'an insert',
      () =>
        db
          .insert(users)
          .values({ id: 1 })
          .onDuplicateKeyUpdate({ set: { id: 2 } }),
    ],
    ['a delete', () => db.delete(users).where(eq(users.id, 1))],
    ['an update of two tables in raw SQL', () => db.execute(sql`update ${posts} join ${users} on true set name = 'x'`)],
    ['REPLACE', () => db.execute(sql`replace into Users values (1, 'x')`)],
  ])('is asked again after %s', async (_, write) => {
    await read();
    await write();

    expect(await read()).toEqual([{ id: 3, name: 'Ada' }]);
  });

  it('is not asked again after a write of another table', async () => {
    await read();
    await db.update(posts).set({ userId: 1 });

    expect(await read()).toEqual([{ id: 1, name: 'Ada' }]);
  });
});
