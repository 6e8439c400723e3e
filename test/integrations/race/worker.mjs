// One of the processes of run.mjs: reads and writes numbered rows through an ORM, and notes what it has seen.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import { cachedDrizzle, drizzleCache } from '../../../dist/drizzle.js';
import { createCache } from '../../../dist/index.js';
import { typeormCache } from '../../../dist/typeorm.js';

const settings = JSON.parse(process.argv[2]);
const { orm, backend, database, redis, rows, seconds, unannounced } = settings;
const LANES = 8;

Logger.overrideLogger(['error', 'warn']);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const rollback = new Error('rolled back');

const cache = await createCache({
  backend,
  redis: { url: redis, keyPrefix: `race-${orm}-${backend}` },
  defaultTtl: '1h',
});
const pool = new pg.Pool({ connectionString: database, max: LANES + 4 });

const openers = {
  drizzle() {
    const counters = pgTable('counters', { id: integer().primaryKey(), value: integer().notNull() });
    const options = { schema: { counters }, cache: drizzleCache(cache, { database: 'race', global: true }) };
    const db = cachedDrizzle(drizzle(pool, options));
    const raise = (tx, id) =>
      tx
        .update(counters)
        .set({ value: sql`${counters.value} + 1` })
        .where(eq(counters.id, id))
        .returning({ value: counters.value });
    return {
      read: async (id) => (await db.select().from(counters).where(eq(counters.id, id)))[0].value,
      write: (id, work) =>
        db.transaction(async (tx) => {
          const [{ value }] = await raise(tx, id);
          return work(value);
        }),
      close: () => pool.end(),
    };
  },
  async typeorm() {
    const Counter = new EntitySchema({
      name: 'counters',
      columns: { id: { type: Number, primary: true }, value: { type: Number } },
    });
    const source = new DataSource({ type: 'postgres', url: database, entities: [Counter], ...typeormCache(cache) });
    await source.initialize();
    const repository = source.getRepository('counters');
    return {
      read: async (id) => (await repository.findOne({ where: { id }, cache: true })).value,
      write: (id, work) =>
        source.transaction(async (manager) => {
          await manager.increment(Counter, { id }, 'value', 1);
          const { value } = await manager.findOneByOrFail(Counter, { id });
          return work(value);
        }),
      close: async () => {
        await source.destroy();
        await pool.end();
      },
    };
  },
};

const { read, write, close } = await openers[orm]();
const notes = { reads: [], writes: [], rolledBack: 0, hits: 0 };

async function writeOnce(id) {
  if (unannounced) {
    const { rows: changed } = await pool.query('UPDATE counters SET value = value + 1 WHERE id = $1 RETURNING value', [
      id,
    ]);
    return notes.writes.push([id, changed[0].value, now()]);
  }
  const fails = Math.random() < 0.2;
  let value;
  try {
    await write(id, async (raised) => {
      value = raised;
      if (Math.random() < 0.3) await sleep(Math.random() * 5);
      if (fails) throw rollback;
    });
    notes.writes.push([id, value, now()]);
  } catch (error) {
    if (error !== rollback) throw error;
    notes.rolledBack++;
  }
}

async function lane() {
  while (performance.now() < endMs) {
    const id = Math.floor(Math.random() * rows);
    if (Math.random() < 0.05) await writeOnce(id);
    else {
      const begunMs = now();
      notes.reads.push([id, await read(id), begunMs]);
    }
  }
}

const endMs = performance.now() + seconds * 1_000;
await Promise.all(Array.from({ length: LANES }, lane));
notes.hits = (await cache.getStats()).totalHits;
await close();
await cache.close();
process.send(notes, () => process.disconnect());
