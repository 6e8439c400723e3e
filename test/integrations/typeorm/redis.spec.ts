import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { type CacheService, createCache } from '../../../src/index.js';
import { until } from '../../support/redis/until.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { databases, type Library } from './databases.fixture.js';
import { Address, Author, Book } from './library.fixture.js';

const RACE_MS = 3_000;
const UNCOMMITTED = 1_000_000_000;
const BACKENDS = ['redis', 'hybrid'] as const;

let redis: RedisServer;
let caches = 0;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis.stop());

describe.each(databases.filter(({ isShared }) => isShared))('two processes on $name', (database) => {
  afterAll(() => database.close());

  describe.each(BACKENDS)('with %s', (backend) => {
    const open: { cache: CacheService; library: Library }[] = [];
    let here: Library;
    let there: Library;

    beforeEach(async () => {
      await database.reset();
      const keyPrefix = `typeorm-${++caches}`;
      for (let i = 0; i < 2; i++) {
        const cache = await createCache({ backend, redis: { url: redis.url, keyPrefix } });
        const isUp = async (): Promise<boolean> => (await cache.getStats()).status === 'up';
        await until(isUp, 10_000, () => 'The cache was not up in time.');
        open.push({ cache, library: await database.open(cache, { typeorm: { database: 'library' } }) });
      }
      [here, there] = open.map(({ library }) => library) as [Library, Library];
      await here.db
        .getRepository(Author)
        .save({ name: 'Ada', address: { city: 'Rome' }, books: [{ title: 'Numbers' }] });
    });

    afterEach(async () => {
      for (const { cache, library } of open.splice(0)) {
        await library.db.destroy();
        await cache.close();
      }
    });

    const find = (db: DataSource, cache = true): Promise<Author[]> =>
      db.getRepository(Author).find({ relations: { books: true }, order: { id: 'ASC', books: { id: 'ASC' } }, cache });
    const pointsOf = async (db: DataSource): Promise<number> =>
      (await db.getRepository(Author).findOneOrFail({ where: { name: 'Ada' }, cache: true })).points;

    it('answer from what the other has stored', async () => {
      const first = await find(here.db);
      let second: Author[] = [];

      const sent = await there.sentBy(async () => (second = await find(there.db)));

      expect(sent).toEqual([]);
      expect(second).toEqual(first);
    });

    it.each<[string, (db: DataSource) => Promise<unknown>]>([
      ['a write', (db) => db.getRepository(Author).update({ name: 'Ada' }, { points: 1 })],
      ['save()', (db) => db.getRepository(Book).save({ title: 'New', author: { id: 1 } as Author })],
      ['a transaction', (db) => db.transaction((manager) => manager.increment(Author, { id: 1 }, 'points', 1))],
      ['raw SQL', (db) => db.query('UPDATE author SET points = 1')],
      ['a foreign key', (db) => db.getRepository(Author).delete({ id: 1 })],
    ])('see %s of the other', async (_name, write) => {
      const before = JSON.stringify(await find(there.db));

      await write(here.db);
      // A near copy may be a little older.
      const isNew = async (): Promise<boolean> => JSON.stringify(await find(there.db)) !== before;
      await (backend === 'redis' ? expect(isNew()).resolves.toBe(true) : until(isNew, 2_000, () => 'It stayed old.'));

      expect(await find(there.db)).toEqual(await find(there.db, false));
    });

    it('see nothing of a transaction of the other that is rolled back', async () => {
      await find(there.db);

      const failed = here.db.transaction(async (manager) => {
        await manager.increment(Author, { id: 1 }, 'points', 1);
        await find(here.db);
        throw new Error('no');
      });

      await expect(failed).rejects.toThrow('no');
      expect(await there.sentBy(() => find(there.db))).toEqual([]);
    });

    it('get entities out of the cache as entities', async () => {
      const [writer, reader] = open.map(({ cache }) => cache) as [CacheService, CacheService];
      const author = await here.db.getRepository(Author).findOneByOrFail({ id: 1 });

      await writer.set('author', author);
      const found = await reader.get<Author>('author');

      expect(found).toBeInstanceOf(Author);
      expect(found?.address).toBeInstanceOf(Address);
      expect(found).toEqual(author);
    });

    it('never read less than what was committed, nor what was rolled back, while they write', async () => {
      const endMs = Date.now() + RACE_MS;
      const wrong: string[] = [];
      let committed = 0;
      let reads = 0;
      const rollBack = (db: DataSource): Promise<unknown> =>
        db.transaction(async (manager) => {
          await manager.update(Author, { name: 'Ada' }, { points: UNCOMMITTED });
          throw new Error('no');
        });
      const write = async (db: DataSource, points: number): Promise<unknown> => {
        if (!database.hasConnections || points % 3 === 0) return db.getRepository(Author).update({ id: 1 }, { points });
        await rollBack(db).catch(() => undefined);
        return db.transaction((manager) => manager.update(Author, { id: 1 }, { points }));
      };
      const writer = async (): Promise<void> => {
        for (let points = 1; Date.now() < endMs; points++) {
          await write(points % 2 === 0 ? here.db : there.db, points);
          // A near copy may be a little older.
          if (backend === 'redis') committed = points;
          await new Promise((resolve) => setTimeout(resolve, points % 7));
        }
      };
      const reader = async (db: DataSource): Promise<void> => {
        while (Date.now() < endMs) {
          const least = committed;
          const points = await pointsOf(db);
          reads++;
          if (points < least || points >= UNCOMMITTED) wrong.push(`${points} after ${least}`);
        }
      };

      const readers = [here, there, there].map((library) => library.sentBy(() => reader(library.db)));
      await Promise.all([writer(), ...readers]);

      expect(wrong).toEqual([]);
      const queries = (await Promise.all(readers)).flat().filter((sql) => sql.startsWith('SELECT'));
      expect(reads).toBeGreaterThan(queries.length);
    });
  });
});
