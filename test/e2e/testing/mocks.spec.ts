import { Controller, Get, Injectable, Logger, Module, Post, UseInterceptors } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  Cached,
  CachedMany,
  CacheInterceptor,
  CacheInvalidate,
  CacheKitModule,
  CachePut,
  CacheRoute,
  CacheService,
  createCache,
  getCacheNamespaceToken,
  type NamespacedCache,
} from '../../../src/index.js';
import { fakeClock } from '../../../src/testing/index.js';

@Injectable()
class Products {
  loads = 0;

  constructor(readonly cache: CacheService) {}

  @Cached({ key: (id: string) => `product:${id}` })
  async find(id: string): Promise<string> {
    this.loads++;
    return `product ${id}`;
  }

  @CachedMany({ key: (id: string) => `product:${id}`, returns: 'map' })
  async findMany(ids: string[]): Promise<Map<string, string>> {
    this.loads++;
    return new Map(ids.map((id) => [id, `product ${id}`]));
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async put(_id: string, name: string): Promise<string> {
    return name;
  }

  @CacheInvalidate({
    keys: (id: string) => [`product:${id}`],
    tags: ['products'],
    namespaces: ['n'],
    patterns: ['p:*'],
  })
  async remove(id: string): Promise<string> {
    return id;
  }
}

@Controller('products')
@UseInterceptors(CacheInterceptor)
class ProductsController {
  runs = 0;

  @Get()
  @CacheRoute({ ttl: '1m' })
  list(): { run: number } {
    return { run: ++this.runs };
  }

  @Post()
  add(): { run: number } {
    return { run: ++this.runs };
  }
}

@Module({
  imports: [
    CacheKitModule.forRoot({ backend: 'redis', redis: { url: 'redis://127.0.0.1:1' }, admin: { guards: [] } }),
    CacheKitModule.forFeature({ namespace: 'orders' }),
  ],
  providers: [Products],
  controllers: [ProductsController],
})
class AppModule {}

const started: { close(): Promise<void> }[] = [];
let said: string[];

async function appWith(mock: object): Promise<{ module: TestingModule; products: Products; orders: NamespacedCache }> {
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(CacheService)
    .useValue(mock)
    .compile();
  started.push(module);
  await module.init();
  const orders = module.get<NamespacedCache>(getCacheNamespaceToken('orders'), { strict: false });
  return { module, products: module.get(Products, { strict: false }), orders };
}

async function urlOf(module: TestingModule): Promise<string> {
  const app = module.createNestApplication();
  started.splice(0, started.length, app);
  await app.listen(0, '127.0.0.1');
  return app.getUrl();
}

beforeEach(() => {
  said = [];
  jest.spyOn(Logger.prototype, 'error').mockImplementation((sentence: unknown) => void said.push(String(sentence)));
});

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(started.splice(0).map((each) => each.close()));
});

describe('an object in the place of the CacheService', () => {
  it.each([
    ['has nothing', () => ({})],
    ['has `get` and `set` alone', () => ({ get: jest.fn(), set: jest.fn() })],
    [
      'is frozen',
      () => Object.freeze({ get: jest.fn(), getOrSet: jest.fn(), getOrSetMany: jest.fn(), invalidateTags: jest.fn() }),
    ],
    [
      'answers undefined from every method',
      () => new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : () => undefined) }),
    ],
    [
      'is made of the prototype of the service',
      () => Object.assign(Object.create(CacheService.prototype) as object, { get: jest.fn() }),
    ],
  ])('that %s lets decorated methods run', async (_, mock) => {
    const { products } = await appWith(mock());

    expect([await products.find('1'), await products.find('1'), products.loads]).toEqual(['product 1', 'product 1', 2]);
    expect(await products.findMany(['1', '2'])).toEqual(
      new Map([
        ['1', 'product 1'],
        ['2', 'product 2'],
      ]),
    );
    expect(await products.put('1', 'pen')).toBe('pen');
    expect(await products.remove('1')).toBe('1');
  });

  it('is what those get who inject it', async () => {
    const mock = { get: jest.fn() };

    expect((await appWith(mock)).products.cache).toBe(mock);
  });

  it('is asked where it has an answer', async () => {
    const getOrSet = jest.fn((_key: string, factory: () => unknown, _options: unknown) => factory());
    const invalidateTags = jest.fn();
    const { products } = await appWith({ getOrSet, invalidateTags });

    await products.find('1');
    await products.remove('1');
    getOrSet.mockReturnValue('mocked');

    expect(await products.find('2')).toBe('mocked');
    expect(getOrSet).toHaveBeenNthCalledWith(2, 'product:2', expect.any(Function), expect.anything());
    expect(invalidateTags).toHaveBeenCalledWith(['products']);
  });

  it('may answer with null, and with what its function gives', async () => {
    const { products } = await appWith({
      getOrSet: async () => null,
      writeThrough: (_: string, write: () => unknown) => write(),
    });

    expect([await products.find('1'), await products.put('1', 'pen'), products.loads]).toEqual([null, 'pen', 0]);
  });

  it('is refused in words where it answers many with something else than a Map', async () => {
    const { products } = await appWith({ getOrSetMany: () => ({ a: 1 }) });

    await expect(products.findMany(['1'])).rejects.toThrow(
      /to answer `getOrSetMany` with a Map by key, got `an object \(Object\)`/,
    );
  });

  it('answers for a namespace', async () => {
    const { orders } = await appWith({ get: async (key: string, options: unknown) => [key, options] });

    expect(await orders.get('1')).toEqual(['1', { namespace: 'orders' }]);
    expect(await orders.getOrSet('1', () => 'loaded')).toBe('loaded');
    expect(await orders.clear()).toBe(0);
  });

  it.each([() => ({}), () => ({ load: jest.fn(), find: jest.fn(), invalidateTags: jest.fn() })])(
    'leaves routes as if there were no cache',
    async (mock) => {
      const { module } = await appWith(mock());
      const url = await urlOf(module);

      const answers = [
        await fetch(`${url}/products`),
        await fetch(`${url}/products`),
        await fetch(`${url}/products`, { method: 'POST' }),
      ];

      expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([{ run: 1 }, { run: 2 }, { run: 3 }]);
      expect(answers.map(({ headers }) => headers.get('x-cache'))).toEqual([null, null, null]);
    },
  );

  it('leaves the admin routes working', async () => {
    const { module } = await appWith({ get: jest.fn() });
    const url = await urlOf(module);

    const stats = await fetch(`${url}/admin/cache/stats`);
    const cleared = await fetch(`${url}/admin/cache/clear`, { method: 'POST' });

    expect([stats.status, await stats.json()]).toEqual([
      200,
      expect.objectContaining({ backend: 'pass-through', totalEntries: 0 }),
    ]);
    expect(await cleared.json()).toEqual({ invalidated: 0 });
  });

  it('is closed with the application where it can be', async () => {
    const close = jest.fn();
    const { module } = await appWith({ close });

    await module.close();
    started.length = 0;

    expect(close).toHaveBeenCalledTimes(1);
  });

  it.each([5, 'cache'])('is refused in words where it is %p', async (mock) => {
    await expect(appWith(mock as never)).rejects.toThrow(
      /Expected an object in the place of the CacheService, got `.*`: write `provideTestCache\(\)`/,
    );
  });
});

describe('what such an object lacks', () => {
  it('is said once, with what to write', async () => {
    const first = await appWith({ get: jest.fn() });
    await first.orders.refresh('1', () => 1);
    await first.orders.refresh('1', () => 1);
    const second = await appWith({ refresh: () => undefined });
    await second.orders.refresh('1', () => 1);

    expect(said).toEqual([
      'The object in the place of the CacheService has no `refresh`, so it is as if nothing were cached. ' +
        'Give it one, or write `provideTestCache()` of nestjs-cache-kit/testing in its place.',
      'The object in the place of the CacheService answers nothing for `refresh` and does not run the function that ' +
        'it is given, so it is as if nothing were cached. Let it do one of both, or write `provideTestCache()` of ' +
        'nestjs-cache-kit/testing in its place.',
    ]);
  });
});

describe('a cache in the place of that of the application', () => {
  it('serves decorated methods and routes without its Redis', async () => {
    const clock = fakeClock();
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(CacheService)
      .useFactory({ factory: () => createCache({ clock, defaultTtl: '5m' }) })
      .compile();
    started.push(module);
    const url = await urlOf(module);
    const products = module.get(Products, { strict: false });

    await products.find('1');
    await products.find('1');
    await fetch(`${url}/products`);
    const hit = await fetch(`${url}/products`);
    await clock.advance(5 * 60_000);
    await products.find('1');
    const miss = await fetch(`${url}/products`);

    expect(products.loads).toBe(2);
    expect([hit.headers.get('x-cache'), miss.headers.get('x-cache')]).toEqual(['HIT', 'MISS']);
  });
});
