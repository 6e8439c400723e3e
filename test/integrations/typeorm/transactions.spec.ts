import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type DataSource,
  type EntityManager,
  type EntitySubscriberInterface,
  EventSubscriber,
  type InsertEvent,
  type QueryRunner,
  type TransactionCommitEvent,
} from 'typeorm';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import { databases, type Library } from './databases.fixture.js';
import { Author, Loan } from './library.fixture.js';

/** What the subscriber of the tests does. Each test sets it. */
let afterInsert: (event: InsertEvent<unknown>) => unknown = () => undefined;
let afterCommit: (event: TransactionCommitEvent) => unknown = () => undefined;
let beforeCommit: () => unknown = () => undefined;

@EventSubscriber()
class TestSubscriber implements EntitySubscriberInterface {
  async afterInsert(event: InsertEvent<unknown>): Promise<void> {
    await afterInsert(event);
  }
  async beforeTransactionCommit(): Promise<void> {
    await beforeCommit();
  }
  async afterTransactionCommit(event: TransactionCommitEvent): Promise<void> {
    await afterCommit(event);
  }
}

const names = async (manager: EntityManager | DataSource, cache = true): Promise<string[]> =>
  (await manager.getRepository(Author).find({ order: { id: 'ASC' }, cache })).map(({ name }) => name);

const fail = (): never => {
  throw new Error('no');
};

describe.each(databases)('a transaction of TypeORM on $name', (database) => {
  let fixture: CacheFixture;
  let library: Library;
  let db: DataSource;

  beforeEach(async () => {
    afterInsert = afterCommit = beforeCommit = () => undefined;
    await database.reset();
    fixture = cacheWith();
    library = await database.open(fixture.cache, { typeorm: { subscribers: [TestSubscriber], database: 'library' } });
    ({ db } = library);
    await db.getRepository(Author).insert({ name: 'Ada' });
  });

  afterEach(async () => {
    if (db.isInitialized) await db.destroy();
    await fixture.cache.close();
  });

  afterAll(() => database.close());

  const ways: Record<string, (work: (manager: EntityManager) => Promise<unknown>) => Promise<unknown>> = {
    'dataSource.transaction': (work) => db.transaction(work),
    'manager.transaction': (work) => db.manager.transaction(work),
    'a query runner': (work) => withRunner((runner) => byRunner(runner, work)),
    'SQL by hand': (work) => withRunner((runner) => byHand(runner, work)),
    'a manager of a query runner': (work) => withRunner((runner) => runner.manager.transaction(work)),
  };
  const withRunner = async (work: (runner: QueryRunner) => Promise<unknown>): Promise<void> => {
    const runner = db.createQueryRunner();
    try {
      await work(runner);
    } finally {
      await runner.release();
    }
  };
  const byRunner = async (runner: QueryRunner, work: (manager: EntityManager) => Promise<unknown>): Promise<void> => {
    await runner.startTransaction();
    try {
      await work(runner.manager);
      await runner.commitTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      throw error;
    }
  };
  const byHand = async (runner: QueryRunner, work: (manager: EntityManager) => Promise<unknown>): Promise<void> => {
    await runner.query('BEGIN');
    try {
      await work(runner.manager);
      await runner.query('COMMIT;');
    } catch (error) {
      await runner.query('ROLLBACK');
      throw error;
    }
  };

  describe.each(Object.keys(ways))('by %s', (way) => {
    const run = ways[way]!;
    // `save()` would begin a transaction inside of that which was begun by SQL.
    const add = (manager: EntityManager): Promise<unknown> => manager.insert(Author, { name: 'New' });

    it('reads its own writes, and keeps them from the cache until the commit', async () => {
      await names(db);
      let inside: string[] = [];

      await run(async (manager) => {
        await add(manager);
        inside = await names(manager);
      });

      expect(inside).toEqual(['Ada', 'New']);
      expect(await names(db)).toEqual(['Ada', 'New']);
    });

    it('stores nothing and invalidates nothing when it is rolled back', async () => {
      await names(db);
      let inside: string[] = [];

      await expect(
        run(async (manager) => {
          await add(manager);
          inside = await names(manager);
          fail();
        }),
      ).rejects.toThrow('no');
      const sent = await library.sentBy(async () => await names(db));

      expect(inside).toEqual(['Ada', 'New']);
      expect(sent).toEqual([]);
      expect(await names(db)).toEqual(['Ada']);
    });

    it('stores nothing of what it reads, although it wrote nothing', async () => {
      await run(async (manager) => await names(manager));

      expect(await library.sentBy(() => names(db))).toHaveLength(1);
    });
  });

  it('invalidates only after the commit', async () => {
    const seen: unknown[] = [];
    await names(db);
    const stored = async (): Promise<number> => (await fixture.cache.list()).entries.length;

    await db.transaction(async (manager) => {
      await manager.insert(Author, { name: 'New' });
      seen.push(await stored());
    });

    expect([...seen, await stored()]).toEqual([1, 0]);
  });

  it('keeps what a savepoint wrote until the outermost commit', async () => {
    await names(db);
    const stored = async (): Promise<number> => (await fixture.cache.list()).entries.length;
    const counts: number[] = [];

    await db.transaction(async (manager) => {
      await manager.transaction(async (inner) => await inner.insert(Author, { name: 'New' }));
      counts.push(await stored());
    });

    expect([...counts, await stored()]).toEqual([1, 0]);
    expect(await names(db)).toEqual(['Ada', 'New']);
  });

  it('invalidates nothing for a committed savepoint in a transaction that is rolled back', async () => {
    await names(db);

    await expect(
      db.transaction(async (manager) => {
        await manager.transaction(async (inner) => await inner.insert(Author, { name: 'New' }));
        fail();
      }),
    ).rejects.toThrow('no');

    expect(await library.sentBy(() => names(db))).toEqual([]);
  });

  it('invalidates what it wrote before a savepoint that is rolled back', async () => {
    await names(db);

    await db.transaction(async (manager) => {
      await manager.insert(Author, { name: 'New' });
      await manager.transaction(async () => fail()).catch(() => undefined);
    });

    expect(await names(db)).toEqual(['Ada', 'New']);
  });

  it('forgets what it wrote when it is rolled back', async () => {
    await names(db);

    await withRunner(async (runner) => {
      await byRunner(runner, async (manager) => (await manager.insert(Author, { name: 'New' }), fail())).catch(
        () => undefined,
      );
      await byRunner(runner, (manager) => manager.insert(Loan, { reader: 'Bob' }));
    });

    expect(await library.sentBy(() => names(db))).toEqual([]);
  });

  it('knows its writes although `save()` with data of its own puts them aside', async () => {
    await names(db);

    await db.transaction(async (manager) => {
      await manager.save(Author, { name: 'New' }, { data: { reason: 'test' } });
      await manager.getRepository(Loan).insert({ reader: 'Bob' });
    });

    expect(await names(db)).toEqual(['Ada', 'New']);
  });

  it('invalidates when the commit fails, because the connection might have been lost after it', async () => {
    if (database.name === 'sql.js') return;
    await names(db);
    await db.query('ALTER TABLE "order" ADD CONSTRAINT once UNIQUE (reader) DEFERRABLE INITIALLY DEFERRED');

    const failed = db.transaction(async (manager) => {
      await manager.insert(Author, { name: 'New' });
      await manager.insert(Loan, [{ reader: 'Bob' }, { reader: 'Bob' }]);
    });

    await expect(failed).rejects.toThrow('once');
    expect(await library.sentBy(() => names(db))).toHaveLength(1);
    await db.query('ALTER TABLE "order" DROP CONSTRAINT once');
  });

  describe('with changes of the cache by hand', () => {
    beforeEach(async () => fixture.cache.set('by hand', 'old'));
    const value = (): Promise<unknown> => fixture.cache.get('by hand');

    it('makes them after the commit', async () => {
      let inside: unknown;

      await db.transaction(async () => {
        await fixture.cache.delete('by hand');
        inside = (await fixture.cache.list()).entries.length;
      });

      expect([inside, await value()]).toEqual([1, undefined]);
    });

    it('drops them when it is rolled back', async () => {
      const failed = db.transaction(async () => {
        await fixture.cache.set('by hand', 'new');
        fail();
      });

      await expect(failed).rejects.toThrow('no');
      expect(await value()).toBe('old');
    });

    it('keeps those of a savepoint back until the outermost commit', async () => {
      const failed = db.transaction(async (manager) => {
        await manager.transaction(async () => fixture.cache.delete('by hand'));
        fail();
      });

      await expect(failed).rejects.toThrow('no');
      expect(await value()).toBe('old');
    });

    it('keeps them back in transactions of a query runner, too', async () => {
      const failed = withRunner((runner) =>
        runner.manager.transaction(async () => {
          await fixture.cache.delete('by hand');
          fail();
        }),
      );

      await expect(failed).rejects.toThrow('no');
      expect(await value()).toBe('old');
    });

    it('makes those of a subscriber after the commit of `save()`, and none when it fails', async () => {
      const entries: unknown[] = [];
      afterInsert = async () => {
        await fixture.cache.delete('by hand');
        entries.push((await fixture.cache.list()).entries.length);
      };
      beforeCommit = fail;
      const failed = db.getRepository(Author).save({ name: 'Bob' });
      await expect(failed).rejects.toThrow('no');
      const afterFailure = await value();
      beforeCommit = () => undefined;

      await db.getRepository(Author).save({ name: 'Bob' });

      expect(entries).toEqual([1, 1]);
      expect([afterFailure, await value()]).toEqual(['old', undefined]);
    });

    it('makes them when a subscriber fails after the commit', async () => {
      await names(db);
      afterCommit = fail;

      const failed = db.transaction(async (manager) => {
        await manager.insert(Author, { name: 'New' });
        await fixture.cache.delete('by hand');
      });

      await expect(failed).rejects.toThrow('no');
      afterCommit = () => undefined;
      expect(await value()).toBeUndefined();
      expect(await names(db)).toEqual(['Ada', 'New']);
    });

    it('makes them when `save()` without a transaction fails in its middle', async () => {
      afterInsert = async () => {
        await fixture.cache.delete('by hand');
        fail();
      };

      const failed = db.manager.save(Author, { name: 'Bob' }, { transaction: false });

      await expect(failed).rejects.toThrow('no');
      expect(await value()).toBeUndefined();
      expect(await names(db)).toEqual(['Ada', 'Bob']);
    });
  });

  it('makes its invalidations although a transaction of the cache around it fails', async () => {
    await names(db);

    const failed = fixture.cache.transaction(async () => {
      await db.getRepository(Author).insert({ name: 'New' });
      await db.transaction(async (manager) => await manager.insert(Author, { name: 'Newer' }));
      fail();
    });

    await expect(failed).rejects.toThrow('no');
    expect(await names(db)).toEqual(['Ada', 'New', 'Newer']);
  });

  it('removes ids after the commit, and not after a rollback', async () => {
    const find = (): Promise<unknown> => db.createQueryBuilder(Loan, 'l').cache('loans').getMany();
    const remove = (runner: QueryRunner): Promise<unknown> => db.queryResultCache!.remove(['loans'], runner);
    await find();

    await withRunner((runner) => byRunner(runner, async () => (await remove(runner), fail()))).catch(() => undefined);
    const afterRollback = await library.sentBy(find);
    await withRunner((runner) => byRunner(runner, () => remove(runner)));
    const afterCommit = await library.sentBy(find);

    expect([afterRollback.length, afterCommit.length]).toEqual([0, 1]);
  });

  if (database.hasConnections) {
    it('commits one of another connection on its own', async () => {
      await fixture.cache.set('by hand', 'old');
      await names(db);

      const failed = db.transaction(async (outer) => {
        await outer.insert(Loan, { reader: 'Bob' });
        await db.transaction(async (other) => {
          await other.insert(Author, { name: 'New' });
          await fixture.cache.delete('by hand');
        });
        fail();
      });

      await expect(failed).rejects.toThrow('no');
      expect(await names(db)).toEqual(['Ada', 'New']);
      expect(await fixture.cache.get('by hand')).toBeUndefined();
    });

    it('lets others read from the cache what it has changed, until it commits', async () => {
      await names(db);
      const runner = db.createQueryRunner();
      await runner.startTransaction();
      await runner.manager.insert(Author, { name: 'New' });

      const sent = await library.sentBy(() => names(db));
      await runner.commitTransaction();
      const afterwards = await names(db);
      await runner.release();

      expect(sent).toEqual([]);
      expect(afterwards).toEqual(['Ada', 'New']);
    });
  }

  if (database.name !== 'sql.js') {
    it('reads past the cache with a query runner whose session was changed', async () => {
      await db.query('CREATE SCHEMA IF NOT EXISTS other');
      await db.query('CREATE TABLE IF NOT EXISTS other.author AS SELECT * FROM author WHERE false');
      await names(db);
      const runner = db.createQueryRunner();
      const path = await runner.query('SHOW search_path');

      await runner.query('SET search_path TO other');
      const ofOther = await names(runner.manager);
      await runner.query(`SET search_path TO ${path[0].search_path}`);
      await runner.release();

      expect(ofOther).toEqual([]);
      expect(await names(db)).toEqual(['Ada']);
      await db.query('DROP SCHEMA other CASCADE');
    });
  }
});
