import { Logger } from '@nestjs/common';
import type { DrizzleCache } from 'nestjs-cache-kit/drizzle';
import type { Database } from './database.js';

export interface OpenDatabase {
  /** Makes a database whose queries can be cached. */
  open(cache: DrizzleCache): Database;
  close(): Promise<void>;
}

/** Opens a Postgres server when there is a `url`, otherwise a new, empty Postgres inside this process. */
export function openDatabase(url: string | undefined): Promise<OpenDatabase> {
  return url === undefined ? openInProcess() : openServer(url);
}

// The drivers are imported only when needed: each takes time to load.
async function openInProcess(): Promise<OpenDatabase> {
  const [{ PGlite }, { dataDir }, { drizzle }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('@electric-sql/pglite-prepopulatedfs'),
    import('drizzle-orm/pglite'),
  ]);
  // A prepared data directory saves the seconds that initdb takes.
  const client = await PGlite.create({ loadDataDir: await dataDir() });
  return { open: (cache) => drizzle({ client, cache }), close: () => client.close() };
}

async function openServer(connectionString: string): Promise<OpenDatabase> {
  const [{ default: pg }, { drizzle }] = await Promise.all([import('pg'), import('drizzle-orm/node-postgres')]);
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 5_000 });
  // Without a listener, an idle connection that breaks would end the process.
  pool.on('error', (error) => new Logger('Database').warn(`A connection was lost: ${error.message}`));
  try {
    await pool.query('select 1');
  } catch (cause) {
    await pool.end();
    throw new Error(
      'Cannot connect to the Postgres server of DATABASE_URL: is it running, and are name and password right?',
      { cause },
    );
  }
  return { open: (cache) => drizzle({ client: pool, cache }), close: () => pool.end() };
}
