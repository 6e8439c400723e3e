import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Column,
  DataSource,
  Entity,
  type EntitySubscriberInterface,
  EventSubscriber,
  PrimaryGeneratedColumn,
} from 'typeorm';
import { type CacheFixture, cacheWith } from '../../support/cache-with.js';
import { Cached, CacheKitModule, CacheService, type CacheKitOptions } from '../../../src/index.js';
import { cacheId, typeormCache } from '../../../src/typeorm.js';
import { checkDriver, checkVersion } from '../../../src/integrations/typeorm/data-source-checks.js';
import { entities, Author, ForeignView } from './library.fixture.js';
import { sqljs } from './databases.fixture.js';

let inserted = 0;

@EventSubscriber()
class Mine implements EntitySubscriberInterface {
  afterInsert(): void {
    inserted++;
  }
}

const made: CacheFixture[] = [];
const fixture = (options?: CacheKitOptions): CacheFixture => {
  const one = cacheWith(options);
  made.push(one);
  return one;
};

afterEach(async () => {
  for (const { cache } of made.splice(0)) await cache.close();
});

describe('the set-up', () => {
  it.each([
    [
      'no cache',
      () => typeormCache({} as never),
      /Expected a CacheService for cached queries, got `an object \(Object\)`/,
    ],
    [
      'an unknown option',
      () => typeormCache(fixture().cache, { tll: '5m' } as never),
      /Unknown option `typeormCache\(\)\.tll`/,
    ],
    [
      'an option of TypeORM',
      () => typeormCache(fixture().cache, { alwaysEnabled: true } as never),
      /Write `cache: \{ \.\.\.typeormCache\(cache\)\.cache, alwaysEnabled: true \}`/,
    ],
    ['a wrong TTL', () => typeormCache(fixture().cache, { ttl: 'soon' as never }), /Expected `ttl` to be a TTL/],
    ['a wrong name', () => typeormCache(fixture().cache, { database: '' }), /Expected `database` to be the name/],
    [
      'subscribers that are no classes',
      () => typeormCache(fixture().cache, { subscribers: [new Mine()] as never }),
      /Expected `subscribers` to be an array of classes with @EventSubscriber\(\)/,
    ],
    ['a wrong id', () => cacheId('', { tags: [] }), /key/],
    ['no tables of an id', () => cacheId('a', { tables: [] }), /Expected the names of tables/],
    ['an unknown option of an id', () => cacheId('a', { table: 'b' } as never), /Did you mean `tables`\?/],
    ['an old version', () => checkVersion('0.3.17'), /Expected TypeORM 1, or 0\.3\.20 and later, .* got 0\.3\.17/],
    ['a later version', () => checkVersion('2.0.0'), /npm install typeorm@1/],
    ['MongoDB', () => checkDriver({ options: { type: 'mongodb' } } as DataSource), /got one of type 'mongodb'/],
  ])('refuses %s', (_name, start, message) => {
    expect(start).toThrow(message);
  });

  it.each(['0.3.20', '0.3.31', '1.0.0', '1.1.1', '1.2.0-rc.1', undefined])('accepts version %s', (version) => {
    expect(() => checkVersion(version)).not.toThrow();
  });

  it('fails when other subscribers took the place of its own', async () => {
    const db = new DataSource({ type: 'sqljs', ...typeormCache(fixture().cache), subscribers: [Mine] });

    await expect(db.initialize()).rejects.toThrow('Expected the `subscribers` of `typeormCache`');
    expect(db.isInitialized).toBe(false);
  });

  it('keeps the subscribers of the application', async () => {
    const { db } = await sqljs.open(fixture().cache, { typeorm: { subscribers: { Mine } } });
    inserted = 0;

    await db.getRepository(Author).insert({ name: 'Ada' });

    expect(inserted).toBe(1);
    await db.destroy();
  });

  it('serves several data sources with one result, and keeps their results apart', async () => {
    const { cache } = fixture();
    const shared = typeormCache(cache);
    const sources = await Promise.all(
      ['Ada', 'Bob'].map(async (name) => {
        const db = new DataSource({ type: 'sqljs', synchronize: true, entities, ...shared });
        await db.initialize();
        await db.getRepository(Author).insert({ name });
        return db;
      }),
    );
    const names = (): Promise<string[]> =>
      Promise.all(sources.map(async (db) => (await db.getRepository(Author).find({ cache: true }))[0]!.name));

    expect([await names(), await names()]).toEqual([
      ['Ada', 'Bob'],
      ['Ada', 'Bob'],
    ]);
    for (const db of sources) await db.destroy();
  });

  it('forgets a database in memory that was closed and opened again', async () => {
    const { cache } = fixture();
    const made = await sqljs.open(cache);
    await made.db.getRepository(Author).insert({ name: 'Ada' });
    const database = made.db.sqljsManager.exportDatabase();
    const { db } = await sqljs.open(cache, { db: { database, synchronize: false } });
    const count = (): Promise<number> => db.getRepository(Author).count({ cache: true });
    await db.getRepository(Author).insert({ name: 'Bob' });
    const before = await count();

    await db.destroy();
    await db.initialize();

    expect([before, await count()]).toEqual([2, 1]);
    await db.destroy();
    await made.db.destroy();
  });

  it('reports a view that does not say what it reads', async () => {
    const { cache, errors } = fixture();
    const { db } = await sqljs.open(cache);
    await db.query("CREATE VIEW foreign_view AS SELECT 'x' AS heading");

    const rows = await db.getRepository(ForeignView).find({ cache: true });

    expect(rows).toHaveLength(1);
    expect(errors.map(({ message }) => message)).toEqual([
      'A query on `foreign_view` was not cached, because the view `foreign_view` does not say what it reads. Add `dependsOn: [...]` to its @ViewEntity.',
    ]);
    await db.destroy();
  });
});

describe('with `alwaysEnabled`', () => {
  it('caches queries that do not ask for it, and not those that `save()` finds its changes with', async () => {
    const { cache, errors } = fixture();
    const { db, sentBy } = await sqljs.open(cache, { cache: { alwaysEnabled: true } });
    const authors = db.getRepository(Author);
    await authors.save({ name: 'Ada', points: 1 });
    const find = (): Promise<Author> => authors.findOneOrFail({ where: { id: 1 } });
    await find();
    await authors.save(Object.assign(await find(), { points: 1 }));
    const sent = await sentBy(find);

    // The row is changed by somebody whom the cache does not see.
    (db.driver as unknown as { databaseConnection: { run(sql: string): void } }).databaseConnection.run(
      'UPDATE author SET points = 5',
    );
    await authors.save(Object.assign(await find(), { points: 1 }));
    await authors.save(Object.assign(await find(), { points: 1 }), { transaction: false });

    expect(sent).toEqual([]);
    expect((await authors.findOneOrFail({ where: { id: 1 }, cache: false })).points).toBe(1);
    expect(errors).toEqual([]);
    await db.destroy();
  });

  it('never caches which migrations were run', async () => {
    @Entity({ name: 'migrations' })
    class Migration {
      @PrimaryGeneratedColumn()
      id!: number;
      @Column()
      name!: string;
    }
    const { cache, errors } = fixture();
    const { db, sentBy } = await sqljs.open(cache, {
      cache: { alwaysEnabled: true },
      db: { entities: [Migration], synchronize: true },
    });

    const sent = await sentBy(async () => {
      await db.getRepository(Migration).find();
      await db.getRepository(Migration).find();
    });

    expect(sent).toHaveLength(2);
    expect(errors).toEqual([]);
    await db.destroy();
  });
});

describe('in a Nest application', () => {
  it('gets the cache by injection, and caches entities of `@Cached` methods', async () => {
    let runs = 0;
    @Injectable()
    class Authors {
      constructor(@Inject(DataSource) private readonly db: DataSource) {}
      @Cached({ key: 'first' })
      async first(): Promise<Author> {
        runs++;
        return this.db.getRepository(Author).findOneByOrFail({ name: 'Ada' });
      }
    }
    @Module({
      imports: [CacheKitModule.forRoot()],
      providers: [
        Authors,
        {
          provide: DataSource,
          inject: [CacheService],
          useFactory: (cache: CacheService) =>
            new DataSource({
              type: 'sqljs',
              synchronize: true,
              entities,
              ...typeormCache(cache, { ttl: '5m', subscribers: [Mine] }),
            }).initialize(),
        },
      ],
    })
    class AppModule {}
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    await app
      .get(DataSource)
      .getRepository(Author)
      .insert({ name: 'Ada', address: { city: 'Rome' } });

    await app.get(Authors).first();
    const author = await app.get(Authors).first();

    expect(runs).toBe(1);
    expect(author).toBeInstanceOf(Author);
    expect(author.createdAt).toBeInstanceOf(Date);
    await app.close();
  });
});
