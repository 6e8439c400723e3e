import { PGlite, type Results, type Transaction } from '@electric-sql/pglite';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Cache } from 'drizzle-orm/cache/core';
import pg from 'pg';
import * as schema from './schema.fixture.js';

export type ShopDatabase = PgDatabase<PgQueryResultHKT, typeof schema>;

/** A Postgres with the tables of the schema, and the statements that have reached it. */
export interface TestDatabase {
  /** A database of Drizzle on it. */
  connect(cache?: Cache, options?: { schema?: Record<string, unknown> }): ShopDatabase;
  /** Runs SQL past Drizzle. Does not count. */
  run(sql: string): Promise<unknown>;
  /** Empties the tables, and forgets the statements. */
  reset(): Promise<void>;
  /** The statements of Drizzle that have reached it since the last reset, in small letters. */
  readonly statements: readonly string[];
  /** The schema with the tables that Drizzle names without one. */
  readonly space: string;
  /** Called before each statement of Drizzle, which waits for it. */
  before: ((sql: string) => unknown) | undefined;
  /** Called after each statement of Drizzle, whose result waits for it; after a commit with `commit`. */
  after: ((sql: string) => unknown) | undefined;
  close(): Promise<void>;
}

/** The databases to run a suite on: a Postgres in this process, and that of DATABASE_URL, if it is set. */
export const DATABASES: readonly (readonly [name: string, open: () => Promise<TestDatabase>])[] = [
  ['PGlite', openPglite],
  ...(process.env.DATABASE_URL === undefined ? [] : [['node-postgres', openServer] as const]),
];

type Query = (query: string | { text: string }, ...rest: unknown[]) => unknown;

class Recorder {
  readonly statements: string[] = [];
  before: ((sql: string) => unknown) | undefined;
  after: ((sql: string) => unknown) | undefined;

  /** Lets the client note each query before it runs. */
  watch(client: object): void {
    const { query } = client as { query: Query };
    (client as { query: Query }).query = async (...args) => {
      const sql = typeof args[0] === 'string' ? args[0] : args[0].text;
      this.statements.push(sql.toLowerCase());
      await this.before?.(sql);
      const result = await query.apply(client, args);
      await this.after?.(sql);
      return result;
    };
  }
}

/** Makes the database of a suite from what its client can do. */
function testDatabase(
  recorder: Recorder,
  client: Pick<TestDatabase, 'space' | 'connect' | 'run' | 'close'>,
): TestDatabase {
  return Object.assign(recorder, {
    ...client,
    async reset(): Promise<void> {
      await client.run(
        'truncate users, posts, comments, labels, deferred, archive.posts; refresh materialized view post_counts',
      );
      recorder.statements.length = 0;
      recorder.before = undefined;
      recorder.after = undefined;
    },
  });
}

async function openPglite(): Promise<TestDatabase> {
  const client = await PGlite.create({ loadDataDir: await dataDir() });
  await client.exec(schema.STATEMENTS);
  const recorder = new Recorder();
  const watched = Object.create(client) as PGlite;
  const transaction = client.transaction.bind(client);
  watched.query = (<T>(...args: Parameters<PGlite['query']>): Promise<Results<T>> =>
    client.query<T>(...args)) as PGlite['query'];
  recorder.watch(watched);
  watched.transaction = (async (work: (transaction: Transaction) => Promise<unknown>) => {
    const result = await transaction(async (own) => {
      recorder.watch(own);
      return work(own);
    });
    await recorder.after?.('commit');
    return result;
  }) as PGlite['transaction'];
  return testDatabase(recorder, {
    space: 'public',
    connect: (cache, options) =>
      drizzlePglite({ client: watched, schema, ...options, ...(cache === undefined ? {} : { cache }) }) as never,
    run: (sql) => client.exec(sql),
    close: () => client.close(),
  });
}

async function openServer(): Promise<TestDatabase> {
  const connectionString = process.env.DATABASE_URL as string;
  const space = `kit_${process.pid}_${Date.now()}`;
  const pool = new pg.Pool({ connectionString, options: `-c search_path=${space},public`, max: 4 });
  await pool.query(`create schema ${space}; ${schema.STATEMENTS}`);
  const recorder = new Recorder();
  // Drizzle knows a pool by the name of its class.
  class WatchedPool {
    readonly query = pool.query.bind(pool);
    readonly connect = async (): Promise<object> => {
      const client = await pool.connect();
      const watched = {
        query: client.query.bind(client),
        on: client.on.bind(client),
        off: client.off.bind(client),
        release: () => client.release(),
      };
      recorder.watch(watched);
      return watched;
    };
  }
  const watched = new WatchedPool();
  recorder.watch(watched);
  return testDatabase(recorder, {
    space,
    connect: (cache, options) =>
      drizzlePg({ client: watched as never, schema, ...options, ...(cache === undefined ? {} : { cache }) }) as never,
    run: (sql) => pool.query(sql),
    close: async () => {
      await pool.query(`drop schema ${space} cascade`);
      await pool.end();
    },
  });
}
