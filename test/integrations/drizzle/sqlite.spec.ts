import { beforeEach, describe, expect, it } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { drizzle, type SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy';
import { cachedDrizzle } from '../../../src/integrations/drizzle/cached-drizzle.js';
import { drizzleCache } from '../../../src/integrations/drizzle/drizzle-cache.js';
import { cachedQuery } from '../../../src/integrations/drizzle/query-wishes.js';
import { cacheWith } from '../../support/cache-with.js';

/** The part of sql.js, which has no types, that the tests use. */
interface SqliteFile {
  run(statement: string): void;
  prepare(statement: string, params: unknown[]): { step(): boolean; get(): unknown[]; free(): void };
}
// @ts-expect-error The package has no declarations.
const { default: initialize } = (await import('sql.js')) as {
  default: () => Promise<{ Database: new () => SqliteFile }>;
};

const users = sqliteTable('users', { id: integer().primaryKey(), name: text().notNull() });
const posts = sqliteTable('posts', {
  id: integer().primaryKey(),
  userId: integer('user_id').references(() => users.id, { onDelete: 'cascade' }),
});
const schema = { users, posts };

describe('a database of the dialect of SQLite, with batches', () => {
  let statements: string[];
  let db: SqliteRemoteDatabase<typeof schema>;
  let file: SqliteFile;

  beforeEach(async () => {
    const { Database } = await initialize();
    file = new Database();
    file.run('pragma foreign_keys = on');
    file.run('create table users (id integer primary key, name text not null)');
    file.run('create table posts (id integer primary key, user_id int references users on delete cascade)');
    file.run("insert into users values (1, 'Ada'), (2, 'Bob')");
    file.run('insert into posts values (1, 1)');
    statements = [];
    const run = (text: string, params: unknown[], method: string): Promise<{ rows: unknown[] }> => {
      statements.push(text);
      const statement = file.prepare(text, params);
      const rows: unknown[] = [];
      while (statement.step()) rows.push(statement.get());
      statement.free();
      return Promise.resolve({ rows: method === 'get' ? (rows[0] as unknown[]) : rows });
    };
    const batch = (queries: { sql: string; params: unknown[]; method: string }[]): Promise<{ rows: unknown[] }[]> =>
      Promise.all(queries.map((query) => run(query.sql, query.params, query.method)));
    const cache = drizzleCache(cacheWith().cache, { database: 'shop', global: true });
    db = cachedDrizzle(drizzle(run as never, batch as never, { schema, cache }));
  });

  it('answers repeated queries of each form', async () => {
    const queries = [
      () => db.select().from(users).all(),
      () => db.select().from(users).get(),
      () => db.select().from(users).values(),
      () => db.query.users.findMany({ with: {} }),
      () => db.query.users.findFirst(),
      () => db.$count(users),
      () => cachedQuery({ tables: [users] }, () => db.all(sql`select * from users`)),
      () => cachedQuery({ tables: [users] }, () => db.get(sql`select * from users`)),
    ];
    const first = [];
    for (const query of queries) first.push(await query());
    const { length } = statements;

    const second = [];
    for (const query of queries) second.push(await query());

    expect(second).toEqual(first);
    expect(first.slice(0, 3)).toEqual([
      [
        { id: 1, name: 'Ada' },
        { id: 2, name: 'Bob' },
      ],
      { id: 1, name: 'Ada' },
      [
        [1, 'Ada'],
        [2, 'Bob'],
      ],
    ]);
    expect([length, statements.length]).toEqual([queries.length, queries.length]);
  });

  it('sees the writes of a batch after it', async () => {
    await db.select().from(users);
    await db.select().from(posts);

    const [read] = await db.batch([
      db.select().from(users).where(eq(users.id, 1)),
      db.insert(users).values({ id: 3, name: 'Eve' }),
      db.delete(users).where(eq(users.id, 1)),
    ]);

    expect(read).toEqual([{ id: 1, name: 'Ada' }]);
    expect(await db.select().from(users)).toEqual([
      { id: 2, name: 'Bob' },
      { id: 3, name: 'Eve' },
    ]);
    expect(await db.select().from(posts)).toEqual([]);
  });

  it('invalidates after a batch that fails, which may have written a part', async () => {
    await db.select().from(users);

    const failed = db.batch([
      db.insert(users).values({ id: 3, name: 'Eve' }),
      db.insert(users).values({ id: 3, name: 'Eve again' }),
    ]);

    await expect(failed).rejects.toThrow('UNIQUE');
    expect(await db.select().from(users)).toHaveLength(3);
  });

  it('takes every statement of its one connection for a part of the transaction', async () => {
    const readNames = async (): Promise<string[]> => (await db.select().from(users)).map(({ name }) => name);
    await readNames();

    const failed = db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 3, name: 'Eve' });
      expect(await readNames()).toEqual(['Ada', 'Bob', 'Eve']);
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    const { length } = statements;

    expect(await readNames()).toEqual(['Ada', 'Bob']);
    expect(statements).toHaveLength(length);
  });

  it('caches again on that connection after a commit', async () => {
    await db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 3, name: 'Eve' });
    });
    await db.select().from(users);
    const { length } = statements;

    expect(await db.select().from(users)).toHaveLength(3);
    expect(statements).toHaveLength(length);
    await db.delete(users).where(eq(users.id, 3));
    expect(await db.select().from(users)).toHaveLength(2);
  });

  it('does so for statements of another asynchronous context, too, and ends with the transaction', async () => {
    const readNames = async (): Promise<string[]> => (await db.select().from(users)).map(({ name }) => name);
    let resume: (() => void) | undefined;
    const written = new Promise<void>((resolve) => (resume = resolve));
    // Begun outside of the transaction, and so with another context.
    const outside = written.then(readNames);
    let end: (() => void) | undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));

    const failed = db.transaction(async (tx) => {
      await tx.insert(users).values({ id: 3, name: 'Eve' });
      resume?.();
      await ended;
      throw new Error('rolled back');
    });
    expect(await outside).toEqual(['Ada', 'Bob', 'Eve']);
    end?.();
    await expect(failed).rejects.toThrow('rolled back');

    expect(await readNames()).toEqual(['Ada', 'Bob']);
    const { length } = statements;
    await readNames();
    expect(statements).toHaveLength(length);
  });
});
