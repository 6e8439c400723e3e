import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type DataSource, type EntitySubscriberInterface, EventSubscriber } from 'typeorm';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import { createCache } from '../../../src/create-cache.js';
import { faultyAdapter, memoryAdapter } from '../../../src/testing/index.js';
import { databases, type Library, sqljs } from './databases.fixture.js';
import { Author } from './library.fixture.js';

/** Holds a statement back. */
class Gate {
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach: () => void = () => undefined;
  open: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.#opened = new Promise((resolve) => (this.open = resolve));
  }

  async pass(): Promise<void> {
    this.#reach();
    await this.#opened;
  }
}

/** The gates of the next query on authors: before the database runs it, and when it has run. */
const gates: { before?: Gate | undefined; after?: Gate | undefined } = {};
const isQuery = (sql: string): boolean => /^SELECT .Author/.test(sql);

@EventSubscriber()
class Gates implements EntitySubscriberInterface {
  async beforeQuery({ query }: { query: string }): Promise<void> {
    const { before } = gates;
    if (!isQuery(query) || before === undefined) return;
    gates.before = undefined;
    await before.pass();
  }

  async afterQuery({ query }: { query: string }): Promise<void> {
    const { after } = gates;
    if (!isQuery(query) || after === undefined) return;
    gates.after = undefined;
    await after.pass();
  }
}

const names = async (db: DataSource): Promise<string[]> =>
  (await db.getRepository(Author).find({ order: { id: 'ASC' }, cache: true })).map(({ name }) => name);

describe.each(databases)('a cached query of TypeORM on $name', (database) => {
  let fixture: CacheFixture;
  let library: Library;
  let db: DataSource;

  beforeEach(async () => {
    await database.reset();
    fixture = cacheWith();
    library = await database.open(fixture.cache, { typeorm: { subscribers: [Gates], database: 'library' } });
    ({ db } = library);
    await db.getRepository(Author).insert({ name: 'Ada' });
  });

  afterEach(async () => {
    delete gates.before;
    delete gates.after;
    await db.destroy();
    await fixture.cache.close();
  });

  afterAll(() => database.close());

  const writes: Record<string, () => Promise<unknown>> = {
    'a write': () => db.getRepository(Author).insert({ name: 'New' }),
    'save()': () => db.getRepository(Author).save({ name: 'New' }),
    'a transaction': () => db.transaction((manager) => manager.insert(Author, { name: 'New' })),
  };

  it.each(Object.entries(writes))('that began before %s is not stored after it', async (_name, write) => {
    const gate = (gates.after = new Gate());
    const early = names(db);
    await gate.reached;

    await write();
    gate.open();
    const old = await early;
    const sent = await library.sentBy(async () => expect(await names(db)).toEqual(['Ada', 'New']));

    expect(old).toEqual(['Ada']);
    expect(sent).toHaveLength(1);
  });

  it('that fails leaves no load open', async () => {
    const idle = fixture.clock.pending;
    const wrong = (): Promise<unknown> =>
      db.createQueryBuilder(Author, 'Author').where('nothing = 1').cache(true).getMany();

    await expect(wrong()).rejects.toThrow('nothing');

    expect(fixture.clock.pending).toBe(idle);
  });
});

describe('a query on the only connection of a database', () => {
  let fixture: CacheFixture;
  let db: DataSource;

  beforeEach(async () => {
    fixture = cacheWith();
    ({ db } = await sqljs.open(fixture.cache, { typeorm: { subscribers: [Gates] } }));
    await db.getRepository(Author).insert({ name: 'Ada' });
  });

  afterEach(async () => {
    await db.destroy();
    await fixture.cache.close();
  });

  it.each(['while it is open', 'after it was rolled back'])(
    'is not stored with the rows of a transaction of another call %s',
    async (when) => {
      const before = (gates.before = new Gate());
      const after = (gates.after = new Gate());
      const early = names(db);
      await before.reached;
      const runner = db.createQueryRunner();
      await runner.startTransaction();
      await runner.query("INSERT INTO author (name) VALUES ('Uncommitted')");
      before.open();
      await after.reached;

      if (when === 'after it was rolled back') await runner.rollbackTransaction();
      after.open();
      const dirty = await early;
      if (when === 'while it is open') await runner.rollbackTransaction();

      expect(dirty).toEqual(['Ada', 'Uncommitted']);
      expect(await names(db)).toEqual(['Ada']);
    },
  );
});

describe('when the cache fails', () => {
  const down = { error: new Error('down') };
  const open = async (plan: Parameters<typeof faultyAdapter>[1]) => {
    const adapter = faultyAdapter(memoryAdapter(), {});
    const errors: Error[] = [];
    const cache = await createCache({ adapter, onError: (error) => errors.push(error) });
    const { db } = await sqljs.open(cache);
    await db.getRepository(Author).insert({ name: 'Ada' });
    adapter.plan(plan);
    const close = async (): Promise<void> => {
      await db.destroy();
      await cache.close();
    };
    return { adapter, errors, db, close };
  };

  it.each(['get', 'begin', 'commit', 'invalidate'] as const)(
    'queries, writes and transactions go on without `%s`',
    async (method) => {
      const { db, errors, close } = await open({ [method]: down });

      const first = await names(db);
      const second = await names(db);
      await db.getRepository(Author).update({ name: 'Ada' }, { points: 1 });
      await db.transaction((manager) => manager.insert(Author, { name: 'New' }));
      await db.queryResultCache?.remove(['id']);
      await db.queryResultCache?.clear();

      expect([first, second]).toEqual([['Ada'], ['Ada']]);
      expect(await db.getRepository(Author).count()).toBe(2);
      expect(errors.length).toBeGreaterThan(0);
      await close();
    },
  );

  it('an invalidation is made again', async () => {
    const { db, adapter, close } = await open({});
    await names(db);
    adapter.plan({ invalidate: { ...down, on: 1 } });

    await db.getRepository(Author).insert({ name: 'New' });
    while (adapter.calls.invalidate < 2) await new Promise((resolve) => setImmediate(resolve));

    expect(await names(db)).toEqual(['Ada', 'New']);
    await close();
  });

  it('queries and transactions go on after it was closed', async () => {
    const fixture = cacheWith();
    const { db } = await sqljs.open(fixture.cache);
    await db.getRepository(Author).insert({ name: 'Ada' });
    await names(db);

    await fixture.cache.close();

    await db.transaction((manager) => manager.save(Author, { name: 'New' }));
    expect(await names(db)).toEqual(['Ada', 'New']);
    await db.destroy();
  });
});
