import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import { DataSource, type DataSourceOptions, type Logger } from 'typeorm';
import { getPGliteInstance, PGliteDriver } from 'typeorm-pglite';
import type { CacheService } from '../../../src/core/cache.service.js';
import { typeormCache, type TypeormCacheOptions } from '../../../src/typeorm.js';
import { entities } from './library.fixture.js';

export interface Library {
  readonly db: DataSource;
  /** Runs `work`, and lists the statements that it has sent. */
  sentBy(work: () => Promise<unknown>): Promise<string[]>;
}

export interface OpenOptions {
  readonly typeorm?: TypeormCacheOptions;
  readonly db?: object;
  /** More of the option `cache`. */
  readonly cache?: object;
}

export interface TestDatabase {
  readonly name: string;
  /** True when transactions run beside each other. */
  readonly hasConnections: boolean;
  /** True when all data sources have the same rows. */
  readonly isShared: boolean;
  open(cache: CacheService, options?: OpenOptions): Promise<Library>;
  /** Removes all rows. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Each data source has its own database in memory, of one connection. */
export const sqljs: TestDatabase = {
  name: 'sql.js',
  hasConnections: false,
  isShared: false,
  open: (cache, options = {}) => connect(cache, { type: 'sqljs', synchronize: true }, options),
  reset: async () => undefined,
  close: async () => undefined,
};

/** All data sources have one Postgres in this process, of one connection. */
export const pglite = sharedDatabase('PGlite', false, async () => {
  const { Pool } = new PGliteDriver({ loadDataDir: await dataDir() }).driver as unknown as {
    Pool: new () => object;
  };
  // The pool of the package ends the database with the first data source.
  class LastingPool extends Pool {
    end(done: (error: null) => void): void {
      done(null);
    }
  }
  return { type: 'postgres', driver: { Pool: LastingPool } };
});

/** A schema of its own on the server of `DATABASE_URL`. */
export const server = sharedDatabase('a Postgres server', true, async (schema) => ({
  type: 'postgres',
  url: process.env['DATABASE_URL'],
  extra: { options: `-c search_path=${schema}` },
}));

export const databases = [sqljs, pglite, ...(process.env['DATABASE_URL'] === undefined ? [] : [server])];

function sharedDatabase(
  name: string,
  hasConnections: boolean,
  optionsIn: (schema: string) => Promise<object>,
): TestDatabase {
  const schema = `library_${randomBytes(6).toString('hex')}`;
  let keeper: Promise<{ db: DataSource; options: object }> | undefined;
  const prepare = async (): Promise<{ db: DataSource; options: object }> => {
    const options = await optionsIn(schema);
    const db = new DataSource({ ...options, entities } as unknown as DataSourceOptions);
    await db.initialize();
    if (hasConnections) await db.query(`CREATE SCHEMA ${schema}`);
    await db.synchronize();
    return { db, options };
  };
  return {
    name,
    hasConnections,
    isShared: true,
    open: async (cache, options = {}) => connect(cache, (await (keeper ??= prepare())).options, options),
    reset: async () => {
      const { db } = await (keeper ??= prepare());
      const tables = db.entityMetadatas.filter(({ tableType }) => tableType !== 'view');
      const names = new Set(tables.map(({ tableName }) => `"${tableName}"`));
      await db.query(`TRUNCATE ${[...names].join(', ')} RESTART IDENTITY CASCADE`);
    },
    close: async () => {
      if (keeper === undefined) return;
      const { db } = await keeper;
      if (hasConnections) await db.query(`DROP SCHEMA ${schema} CASCADE`);
      await db.destroy();
      if (!hasConnections) await (await getPGliteInstance()).close();
    },
  };
}

async function connect(cache: CacheService, database: object, options: OpenOptions): Promise<Library> {
  const sent: string[] = [];
  const made = typeormCache(cache, { ttl: '5m', ...options.typeorm });
  const db = new DataSource({
    entities,
    ...database,
    logging: true,
    logger: { ...SILENT, logQuery: (query: string) => void sent.push(query) },
    ...made,
    ...options.db,
    cache: { ...made.cache, ...options.cache },
  } as unknown as DataSourceOptions);
  await db.initialize();
  return {
    db,
    sentBy: async (work) => {
      sent.length = 0;
      await work();
      return [...sent];
    },
  };
}

const nothing = (): void => undefined;
const SILENT: Logger = {
  logQuery: nothing,
  logQueryError: nothing,
  logQuerySlow: nothing,
  logSchemaBuild: nothing,
  logMigration: nothing,
  log: nothing,
};
