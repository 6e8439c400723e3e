import { Injectable, Logger, Module, type Provider, Scope } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CacheKitModule } from '../../cache-kit.module.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { CacheService } from '../../core/cache.service.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { Cached } from './cached.decorator.js';
import { closeAll, start } from './decorators.fixture.js';

@Injectable()
class ProductService {
  calls = 0;
  source = 'nest';

  @Cached()
  async find(_id: string): Promise<number> {
    return ++this.calls;
  }
}

class SessionService {
  @Cached({ cache: 'sessions', key: 'session' })
  async find(): Promise<string> {
    return 'session';
  }
}

const madeByHand = () => Object.assign(new ProductService(), { source: 'by hand' });

const other = () => {
  class ProductService {
    @Cached()
    async find(_id: string): Promise<string> {
      return 'of the other';
    }

    @Cached({ key: 'all' })
    async all(): Promise<string> {
      return 'all';
    }
  }
  return ProductService;
};

afterEach(closeAll);

describe('DecoratorExplorer', () => {
  it.each([
    ['useFactory', { provide: ProductService, useFactory: () => madeByHand() }],
    ['an asynchronous useFactory', { provide: ProductService, useFactory: async () => madeByHand() }],
    ['useValue', { provide: ProductService, useValue: madeByHand() }],
  ])('gives instances made by %s their cache', async (_, provider) => {
    const app = await start([provider]);
    const service = app.get(ProductService);

    const answers = [await service.find('a'), await service.find('a')];

    expect(service.source).toBe('by hand');
    expect(answers).toEqual([1, 1]);
  });

  it('cannot reach what a request-scoped factory makes: its methods reject', async () => {
    const app = await start([{ provide: ProductService, useFactory: madeByHand, scope: Scope.REQUEST }]);
    const service = await app.resolve(ProductService);

    await expect(service.find('a')).rejects.toThrow(/was called on an object that Nest has not given a cache/);
  });

  describe('in a module that is loaded later', () => {
    async function load(provider: Provider): Promise<ProductService> {
      const app = await start([]);
      class LazyModule {}
      Module({ providers: [provider] })(LazyModule);
      const module = await app.get(LazyModuleLoader).load(() => LazyModule);
      return module.get(ProductService);
    }

    it.each<[string, Provider]>([
      ['a class', ProductService],
      ['useFactory', { provide: ProductService, useFactory: () => madeByHand() }],
      ['an asynchronous useFactory', { provide: ProductService, useFactory: async () => madeByHand() }],
      ['useValue', { provide: ProductService, useValue: madeByHand() }],
      [
        'a frozen useValue',
        {
          provide: ProductService,
          useValue: Object.freeze(
            Object.assign(Object.create(ProductService.prototype) as ProductService, { calls: 0 }),
          ),
        },
      ],
    ])('gives what comes of %s the cache of the application (fault 20)', async (_, provider) => {
      const service = await load(provider);
      const loads = jest.spyOn(CacheService.prototype, 'getOrSet');

      await service.find('a').catch(() => undefined);
      await service.find('a').catch(() => undefined);

      expect(loads.mock.calls.map(([key]) => key)).toEqual(['ProductService.find:["a"]', 'ProductService.find:["a"]']);
      loads.mockRestore();
    });

    it('refuses a class whose keys another class has (fault 20)', async () => {
      const app = await start([ProductService]);
      const Namesake = other();
      const useValue = new Namesake();
      class LazyModule {}
      Module({ providers: [{ provide: 'lazy', useValue }] })(LazyModule);
      await app.get(LazyModuleLoader).load(() => LazyModule);

      await expect(useValue.find('a')).rejects.toThrow(/two classes called ProductService/);
    });

    it('gives nothing of an application that has ended (fault 20)', async () => {
      const useValue = madeByHand();
      await load({ provide: ProductService, useValue });
      await closeAll();

      await expect(useValue.find('a')).rejects.toThrow(/was called on an object that Nest has not given a cache/);
    });
  });

  it('gives them their cache before other providers are initialized', async () => {
    @Injectable()
    class Warmer {
      answer: number | undefined;
      constructor(readonly products: ProductService) {}
      async onModuleInit(): Promise<void> {
        this.answer = await this.products.find('a');
      }
    }

    const app = await start([Warmer, { provide: ProductService, useFactory: () => madeByHand() }]);

    expect(app.get(Warmer).answer).toBe(1);
  });

  it('gives a value that outlives its application the cache of the next one', async () => {
    const useValue = madeByHand();
    await start([{ provide: ProductService, useValue }]);
    await useValue.find('a');
    await closeAll();
    const app = await start([{ provide: ProductService, useValue }]);

    const answers = [await useValue.find('a'), await useValue.find('a')];

    expect(answers).toEqual([2, 2]);
    expect((await app.get(CacheService).getStats()).totalHits).toBe(1);
  });

  it('leaves an instance that Nest has made the cache that Nest has given it', async () => {
    const innerCache = { provide: 'inner cache', useExisting: CacheService };
    @Module({
      imports: [CacheKitModule.forRoot({ isGlobal: false })],
      providers: [ProductService, innerCache],
      exports: [ProductService],
    })
    class Inner {}
    @Module({
      // Without a cache of its own, which would be looked for here.
      imports: [Inner],
      providers: [{ provide: 'alias', inject: [ProductService], useFactory: (service: ProductService) => service }],
    })
    class Outer {}
    const app = await Test.createTestingModule({ imports: [Outer] }).compile();
    await app.init();

    await app.get(ProductService).find('a');

    expect(await app.get<CacheService>('inner cache', { strict: false }).has('ProductService.find:["a"]')).toBe(true);
    await app.close();
  });

  it('keeps the application from starting when a value needs a cache that is not registered', async () => {
    const app = start([{ provide: SessionService, useValue: new SessionService() }]);

    await expect(app).rejects.toThrow(CacheConfigError);
    await expect(app).rejects.toThrow(
      /@Cached on SessionService\.find: there is no cache 'sessions' in RootTestModule\. Import `CacheKitModule\.forRoot\(\{ name: 'sessions' \}\)`/,
    );
  });

  it('finds caches by name for values, too', async () => {
    const app = await Test.createTestingModule({
      imports: [CacheKitModule.forRoot(), CacheKitModule.forRoot({ name: 'sessions' })],
      providers: [{ provide: SessionService, useValue: new SessionService() }],
    }).compile();
    await app.init();

    await app.get(SessionService).find();

    expect(await app.get<CacheService>(getCacheToken('sessions') as string).has('session')).toBe(true);
    await app.close();
  });

  it('keeps the application from starting when two classes of one name would use the same keys', async () => {
    const app = start([ProductService, { provide: 'other', useClass: other() }]);

    await expect(app).rejects.toThrow(
      /@Cached on ProductService\.find: this application has two classes called ProductService with a @Cached find without `key`/,
    );
  });

  it('accepts one class under several tokens', async () => {
    const app = await start([ProductService, { provide: 'same', useClass: ProductService }]);

    expect(await app.get(ProductService).find('a')).toBe(1);
  });

  describe('about request-scoped providers', () => {
    const warn = jest.fn<(message: unknown) => void>();
    beforeEach(() => {
      warn.mockClear();
      jest.spyOn(Logger.prototype, 'warn').mockImplementation(warn);
    });
    afterEach(() => void jest.restoreAllMocks());

    it('warns of a method without key, once', async () => {
      await start([
        { provide: ProductService, useClass: ProductService, scope: Scope.REQUEST },
        { provide: 'again', useClass: ProductService, scope: Scope.REQUEST },
      ]);

      expect(warn.mock.calls).toEqual([
        [
          expect.stringMatching(
            /^One thing .*\n {2}1\. @Cached on ProductService\.find: the provider is created for each request/,
          ),
        ],
      ]);
    });

    it('says nothing of methods with a key, nor of transient providers', async () => {
      await start([
        { provide: SessionWithKey, useClass: SessionWithKey, scope: Scope.REQUEST },
        { provide: ProductService, useClass: ProductService, scope: Scope.TRANSIENT },
      ]);

      expect(warn).not.toHaveBeenCalled();
    });
  });
});

class SessionWithKey {
  @Cached({ key: 'session' })
  async find(): Promise<void> {}
}
