import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CanActivate, Controller, Get, Inject, Injectable, Module, Post, UseInterceptors } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { passThroughAdapter } from '../../../src/core/pass-through-adapter.js';
import {
  Cached,
  CachedMany,
  CacheInterceptor,
  CacheInvalidate,
  CacheKitModule,
  type CacheKitOptions,
  CachePut,
  CacheRoute,
  CacheService,
  getCacheNamespaceToken,
  InjectCache,
  InjectCacheNamespace,
  type NamespacedCache,
} from '../../../src/index.js';
import {
  CacheKitTestingModule,
  type CacheKitTestingOptions,
  fakeClock,
  provideTestCache,
} from '../../../src/testing/index.js';
import { closeSites, openSite, type Platform } from '../http.fixture.js';

const REPOSITORY = Symbol('repository');

@Injectable()
class Products {
  loads = 0;

  constructor(
    readonly cache: CacheService,
    @Inject(REPOSITORY) private readonly names: Record<string, string>,
  ) {}

  @Cached({ key: (id: string) => `product:${id}`, tags: ['products'] })
  async find(id: string): Promise<string | undefined> {
    this.loads++;
    return this.names[id];
  }

  @CachedMany({ key: (id: string) => `product:${id}` })
  async findMany(ids: string[]): Promise<Map<string, string>> {
    this.loads++;
    return new Map(ids.map((id) => [id, this.names[id] ?? '']));
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async put(_id: string, name: string): Promise<string> {
    return name;
  }

  @CacheInvalidate({ tags: ['products'] })
  async change(): Promise<void> {}
}
const repository = { provide: REPOSITORY, useValue: { 1: 'book' } };

const modules: TestingModule[] = [];
async function compile(metadata: Parameters<typeof Test.createTestingModule>[0]): Promise<TestingModule> {
  const module = await Test.createTestingModule(metadata).compile();
  modules.push(module);
  return module.init();
}

afterEach(async () => {
  await Promise.all(modules.splice(0).map((module) => module.close()));
  await closeSites();
});

/** Options of an application whose servers do not exist in a test. */
const ofTheApplication: CacheKitOptions = {
  backend: 'hybrid',
  redis: { url: 'redis://production:6379', coherence: 'tracking' },
  encryption: { keys: [{ id: 'a', secret: 'a secret of production' }] },
  compression: { threshold: 1 },
  memory: { maxEntries: 10 },
  defaultTtl: '5m',
};

describe('CacheKitTestingModule', () => {
  it('gives caches by class and by name, and namespaces', async () => {
    @Injectable()
    class Orders {
      constructor(
        readonly cache: CacheService,
        @InjectCache('sessions') readonly sessions: CacheService,
        @InjectCacheNamespace('orders') readonly orders: NamespacedCache,
      ) {}
    }
    @Module({ imports: [CacheKitModule.forFeature({ namespace: 'orders' })], providers: [Orders] })
    class OrdersModule {}
    const app = await compile({
      imports: [CacheKitTestingModule.forRoot(), CacheKitTestingModule.forRoot({ name: 'sessions' }), OrdersModule],
    });
    const { cache, sessions, orders } = app.get(Orders, { strict: false });

    await sessions.set('k', 'session');
    await orders.set('k', 'order');

    expect([await cache.get('k'), await sessions.get('k'), await cache.get('k', { namespace: 'orders' })]).toEqual([
      undefined,
      'session',
      'order',
    ]);
  });

  it('takes the options of the application, and leaves out its servers', async () => {
    const clock = fakeClock();
    const app = await compile({
      imports: [CacheKitTestingModule.forRoot({ ...ofTheApplication, clock })],
      providers: [Products, repository],
    });
    const products = app.get(Products);
    await products.find('1');

    await clock.advance(299_999);
    await products.find('1');
    const before = products.loads;
    await clock.advance(1);
    await products.find('1');

    expect([before, products.loads]).toEqual([1, 2]);
    expect((await products.cache.getStats()).backend).toBe('memory');
  });

  it.each(['redis', 'hybrid', 'file'] as const)(
    'refuses instances of classes that are not listed, as the backend %s does',
    async (backend) => {
      class Listed {
        id = 1;
      }
      class Unlisted {
        id = 1;
      }
      const app = await compile({
        imports: [CacheKitTestingModule.forRoot({ ...ofTheApplication, backend, types: [Listed] })],
      });
      const cache = app.get(CacheService);

      await cache.set('listed', new Listed());

      expect(await cache.get('listed')).toStrictEqual(new Listed());
      await expect(cache.set('unlisted', new Unlisted())).rejects.toThrow(
        'CacheKitModule.forRoot({ types: [Unlisted] })',
      );
    },
  );

  it('makes no files for an application on files', async () => {
    const directory = join(tmpdir(), `cache-kit-never-${process.pid}`);
    const app = await compile({
      imports: [CacheKitTestingModule.forRoot({ backend: 'file', file: { directory, durable: true } })],
    });

    await app.get(CacheService).set('k', 'v');

    expect((await app.get(CacheService).getStats()).backend).toBe('memory');
    expect(existsSync(directory)).toBe(false);
  });

  it('keeps instances of all classes where the backend of the application does', async () => {
    class Unlisted {
      id = 1;
    }
    const app = await compile({ imports: [CacheKitTestingModule.forRoot({ backend: 'memory' })] });

    await app.get(CacheService).set('k', new Unlisted());

    expect(await app.get(CacheService).get('k')).toBeInstanceOf(Unlisted);
  });

  it('takes an adapter in the place of the backend of the application', async () => {
    const app = await compile({
      imports: [
        CacheKitTestingModule.forRoot({ ...ofTheApplication, adapter: { ...passThroughAdapter, kind: 'mine' } }),
      ],
    });

    expect((await app.get(CacheService).getStats()).backend).toBe('mine');
  });

  it('takes the place of the module of the application', async () => {
    const cacheModule = CacheKitModule.forRoot(ofTheApplication);
    @Module({ imports: [cacheModule], providers: [Products, repository] })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideModule(cacheModule)
      .useModule(CacheKitTestingModule.forRoot(ofTheApplication))
      .compile();
    modules.push(await module.init());

    expect((await module.get(CacheService, { strict: false }).getStats()).backend).toBe('memory');
    expect(await module.get(Products, { strict: false }).find('1')).toBe('book');
  });

  it('is one cache with others of its name, unless the mode differs', async () => {
    const both = (...options: CacheKitTestingOptions[]): Promise<TestingModule> =>
      compile({ imports: options.map((each) => CacheKitTestingModule.forRoot(each)) });

    await both({ defaultTtl: '1m' }, { defaultTtl: '1m' });

    await expect(both({}, { mode: 'pass-through' })).rejects.toThrow(
      /for one cache, 'default', and their `mode` differs/,
    );
  });

  it('is no cache with a module of the application whose server it would not keep out', async () => {
    const starting = compile({
      imports: [CacheKitModule.forRoot(ofTheApplication), CacheKitTestingModule.forRoot(ofTheApplication)],
    });

    await expect(starting).rejects.toThrow(/for one cache, 'default', and their `mode` differs/);
  });

  it.each<[unknown, RegExp]>([
    [null, /Expected `options` to be an object, got `null`/],
    [{ mode: 'redis' }, /Expected `mode` to be one of 'memory', 'pass-through', got `redis`/],
    [{ backend: 'reddis' }, /Expected `backend` to be one of/],
    [{ max: 5 }, /Unknown option `max`. Write `memory: \{ maxEntries \}` instead/],
    [{ clok: fakeClock() }, /Unknown option `clok`/],
    [{ clock: {} }, /Expected `clock` to be a Clock/],
    [{ defaultTtl: 'soon' }, /Expected `defaultTtl`/],
    [{ adapter: {} }, /Expected `adapter` to be a CacheAdapter/],
  ])('refuses %j', (options, message) => {
    expect(() => CacheKitTestingModule.forRoot(options as never)).toThrow(message);
  });
});

describe('provideTestCache', () => {
  it('gives a service its cache, by injection and to its decorated methods', async () => {
    const app = await compile({ providers: [Products, repository, ...provideTestCache()] });
    const products = app.get(Products);

    const found = [await products.find('1'), await products.find('1')];

    expect(found).toEqual(['book', 'book']);
    expect(products.loads).toBe(1);
    expect(await products.cache.has('product:1')).toBe(true);
  });

  it('works where the module is compiled and never started', async () => {
    const module = await Test.createTestingModule({
      providers: [Products, repository, ...provideTestCache()],
    }).compile();
    const products = module.get(Products);

    await Promise.all([products.find('1'), products.find('1')]);

    expect(products.loads).toBe(1);
  });

  it('leaves nothing that keeps the process alive where it is never closed', async () => {
    const before = process.getActiveResourcesInfo().sort();
    const module = await Test.createTestingModule({
      providers: [Products, repository, ...provideTestCache()],
    }).compile();
    await module.init();
    await module.get(Products).find('1');
    await new Promise((resolve) => setImmediate(resolve));

    expect(process.getActiveResourcesInfo().sort()).toEqual(before);
  });

  it('gives a cache by name, to instances of a factory as well', async () => {
    @Injectable()
    class Sessions {
      loads = 0;
      @Cached({ cache: 'sessions' })
      async find(): Promise<number> {
        return ++this.loads;
      }
    }
    const app = await compile({
      providers: [{ provide: Sessions, useFactory: () => new Sessions() }, ...provideTestCache({ name: 'sessions' })],
    });

    expect([await app.get(Sessions).find(), await app.get(Sessions).find()]).toEqual([1, 1]);
  });

  it('is what a namespace can be made of', async () => {
    const orders = {
      provide: getCacheNamespaceToken('orders'),
      inject: [CacheService],
      useFactory: (cache: CacheService) => cache.namespace('orders'),
    };
    const app = await compile({ providers: [...provideTestCache(), orders] });

    expect(app.get<NamespacedCache>(orders.provide).name).toBe('orders');
  });

  it.each([
    [
      { admin: { guards: [] } },
      /Expected `admin` with a module alone. Write `imports: \[CacheKitTestingModule\.forRoot\(\{ admin: \.\.\. \}\)\]`/,
    ],
    [{ isGlobal: false }, /Expected `isGlobal` with a module alone/],
    [{ ttl: 5 }, /Unknown option `ttl`. Write `defaultTtl` instead/],
  ])('refuses %j', (options, message) => {
    expect(() => provideTestCache(options as never)).toThrow(message);
  });
});

describe('the mode `pass-through`', () => {
  const passing: CacheKitTestingOptions = { mode: 'pass-through' };

  it('stores nothing, runs every load, and finds nothing to invalidate', async () => {
    const app = await compile({
      imports: [CacheKitTestingModule.forRoot({ ...ofTheApplication, ...passing })],
      providers: [Products, repository],
    });
    const products = app.get(Products);
    const { cache } = products;
    await cache.set('k', 'v');

    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect([await products.find('1'), await products.find('1'), products.loads]).toEqual(['book', 'book', 2]);
    expect(await products.findMany(['1'])).toEqual(new Map([['1', 'book']]));
    expect(await products.put('2', 'pen')).toBe('pen');
    await products.change();
    expect([await cache.invalidateTags(['products']), await cache.clear(), await cache.delete('k')]).toEqual([
      0,
      0,
      false,
    ]);
    expect(await cache.getStats()).toMatchObject({ backend: 'pass-through', totalEntries: 0, totalHits: 0 });
  });

  it('gives each caller what its own load gives, also at one time', async () => {
    const app = await compile({ providers: provideTestCache(passing) });
    const cache = app.get(CacheService);
    class Price {}
    const prices = [new Price(), new Price()];
    let loads = 0;

    const found = await Promise.all(prices.map(() => cache.getOrSet('k', () => prices[loads++])));

    expect(found[0]).toBe(prices[0]);
    expect(found[1]).toBe(prices[1]);
  });

  it.each<Platform>(['express', 'fastify'])('answers routes as if there were no cache: %s', async (platform) => {
    let runs = 0;
    @Controller('prices')
    class Prices {
      @Get()
      @CacheRoute({ ttl: '1m', key: 'prices' })
      list(): { run: number } {
        return { run: ++runs };
      }
      @Post()
      add(): { run: number } {
        return { run: ++runs };
      }
    }
    UseInterceptors(CacheInterceptor)(Prices);
    const cacheModule = CacheKitTestingModule.forRoot(passing);
    @Module({ imports: [cacheModule], controllers: [Prices] })
    class AppModule {}
    const site = await openSite(platform, { controllers: [], imports: [AppModule], cache: { name: 'unused' } });

    const [first, second] = await site.twice('/prices');
    const added = await site.ask('/prices', { method: 'POST' });

    expect([first.body, second.body, added.body]).toEqual(['{"run":1}', '{"run":2}', '{"run":3}']);
    for (const header of ['x-cache', 'x-cache-ttl', 'cache-status', 'cache-control', 'age'])
      expect(first.headers).not.toHaveProperty(header);
  });
});

it('mounts the admin routes behind their guards', async () => {
  @Injectable()
  class Nobody implements CanActivate {
    canActivate(): boolean {
      return false;
    }
  }
  const cacheModule = CacheKitTestingModule.forRoot({ admin: { guards: [Nobody] } });
  const site = await openSite('express', { controllers: [], imports: [cacheModule], cache: { name: 'unused' } });

  expect((await site.get('/admin/cache/stats')).status).toBe(403);
});
