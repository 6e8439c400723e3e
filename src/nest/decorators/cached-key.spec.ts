import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheConfigError, CacheKeyError } from '../../core/vocabulary/cache.errors.js';
import { CacheService } from '../../core/cache.service.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { CacheInvalidate } from './cache-invalidate.decorator.js';
import { Cached } from './cached.decorator.js';
import { CachedMany } from './cached-many.decorator.js';
import { closeAll, decorate, start, startReported } from './decorators.fixture.js';
import { cachedKey } from './cached-key.js';

@Injectable()
class ProductService {
  readonly currency: string = 'EUR';

  @Cached()
  async find(id: number, _language?: string): Promise<number> {
    return id;
  }

  @Cached({ key: (id: number) => `price:${id}`, namespace: 'prices' })
  async price(id: number): Promise<number> {
    return id;
  }

  @Cached({
    key(this: ProductService, id: number) {
      return `${this.currency.toLowerCase()}:${id}`;
    },
  })
  async inCurrency(id: number): Promise<number> {
    return id;
  }

  @CachedMany({ key: (id: number, language: string) => `${language}:${id}` })
  async names(ids: number[], language: string): Promise<string[]> {
    return ids.map((id) => `${language} ${id}`);
  }

  @CacheInvalidate({
    methods: [
      { name: 'find', args: (id: number) => [id] },
      { of: ProductService, name: 'names', args: (id: number) => [[id, 2], 'en'] },
    ],
  })
  async change(_id: number, _price: number): Promise<void> {}

  plain(id: number): number {
    return id;
  }
}

@Injectable()
class Discounts {
  @CacheInvalidate({
    methods: [
      { of: ProductService, name: 'find', args: (id: number) => [id] },
      { of: () => ProductService, name: 'price', args: (id: number) => [id] },
    ],
  })
  async apply(_id: number): Promise<void> {}

  @CacheInvalidate({
    keys: ['spelled'],
    methods: [{ of: ProductService, name: 'inCurrency', args: (id: number) => [id] }],
  })
  async reset(_id: number): Promise<string> {
    return 'done';
  }
}

afterEach(closeAll);

describe('cachedKey', () => {
  it('is the key that a call of the method has stored under', async () => {
    const { service, cache } = await startReported(ProductService);
    await service.find(1);
    await service.price(2);
    await service.inCurrency(3);
    await service.names([4], 'en');

    const stored = [
      await cache.get(cachedKey(ProductService, 'find', [1])),
      await cache.get(cachedKey(ProductService, 'price', [2]), { namespace: 'prices' }),
      await cache.get(cachedKey(service, 'inCurrency', [3])),
      await cache.get(cachedKey(ProductService, 'names', [[4], 'en'])),
    ];

    expect(stored).toEqual([1, 2, 3, 'en 4']);
    expect(cachedKey(ProductService, 'find', [1])).toBe('ProductService.find:[1]');
  });

  it('names the class of the instance for an inherited method', () => {
    class Special extends ProductService {}

    expect(cachedKey(Special, 'find', [1])).toBe('Special.find:[1]');
  });

  it.each([
    [
      'a method without a decorator',
      () => cachedKey(ProductService, 'plain', [1]),
      CacheConfigError,
      /ProductService has no method `plain` with @Cached/,
    ],
    [
      'a name that is no method',
      () => cachedKey(ProductService, 'fnid' as never, [] as never),
      CacheConfigError,
      /no method `fnid`/,
    ],
    [
      'something that is no class',
      () => cachedKey((() => undefined) as never, 'find' as never, [] as never),
      CacheConfigError,
      /Expected a class with @Cached methods/,
    ],
    [
      'a `key` that reads `this`',
      () => cachedKey(ProductService, 'inCurrency', [1]),
      CacheKeyError,
      /needs the instance in the place of the class/,
    ],
    [
      'several ids',
      () => cachedKey(ProductService, 'names', [[1, 2], 'en']),
      CacheKeyError,
      /stores 2 keys .* Call it with one id/,
    ],
    [
      'arguments that are no array',
      () => cachedKey(ProductService, 'find', 1 as never),
      CacheKeyError,
      /arguments for the key of @Cached on ProductService\.find as an array/,
    ],
    [
      'arguments without a value',
      () => cachedKey(ProductService, 'find', [(() => 1) as never]),
      CacheKeyError,
      /Argument 1 is function/,
    ],
  ])('refuses %s, and says what to do', (_, call, type, message) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
});

describe('@CacheInvalidate with `methods`', () => {
  it('invalidates what methods of the same class have stored for these arguments', async () => {
    const { service, cache } = await startReported(ProductService);
    await service.find(1);
    await service.find(2);
    await service.names([1, 2, 3], 'en');

    await service.change(1, 9);

    const keys = [
      cachedKey(ProductService, 'find', [1]),
      cachedKey(ProductService, 'find', [2]),
      'en:1',
      'en:2',
      'en:3',
    ];
    expect([...(await cache.getMany(keys)).keys()]).toEqual(['ProductService.find:[2]', 'en:3']);
  });

  it('invalidates what another class has stored, in the namespace of its method', async () => {
    const app = await start([ProductService, Discounts]);
    const cache = app.get(CacheService);
    await app.get(ProductService).find(1);
    await app.get(ProductService).price(1);

    await app.get(Discounts).apply(1);

    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('invalidates under the name of the class of the instance, where that extends the class of the target', async () => {
    @Injectable()
    class Special extends ProductService {
      @CacheInvalidate({ methods: [{ of: ProductService, name: 'find', args: (id: number) => [id] }] })
      async forget(_id: number): Promise<void> {}
    }
    const { service, cache } = await startReported(Special);
    await service.find(1);

    await service.forget(1);

    expect(await cache.has('Special.find:[1]')).toBe(false);
  });

  it('reports a key that cannot be made, invalidates the rest and runs the method', async () => {
    const { service, cache, reports } = await startReported(Discounts);
    await cache.set('spelled', 1);

    const answer = await service.reset(1);

    expect(answer).toBe('done');
    expect(await cache.has('spelled')).toBe(false);
    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^@CacheInvalidate on Discounts\.reset did not invalidate what its `methods` should name: The `key` of @Cached on ProductService\.inCurrency failed/,
      ),
    ]);
  });

  it.each([
    [
      'a method that is not cached',
      { of: ProductService, name: 'plain', args: () => [] },
      /@CacheInvalidate on Wrong\.run: ProductService has no method `plain` with @Cached/,
    ],
    [
      'a method of another cache',
      { name: 'session', args: () => [] },
      /@Cached on Wrong\.session stores in the cache 'sessions', and this decorator invalidates in 'default'\. Give it `cache: 'sessions'`/,
    ],
    [
      'what answers no class',
      { of: () => undefined as never, name: 'find', args: () => [] },
      /Expected a class with @Cached methods/,
    ],
  ])('keeps the application from starting for %s', async (_, target, message) => {
    @Injectable()
    class Wrong {
      @CacheInvalidate({ methods: [target as never] })
      async run(): Promise<void> {}

      @Cached({ cache: 'sessions' })
      async session(): Promise<void> {}
    }

    const app = start([Wrong, { provide: getCacheToken('sessions'), useValue: {} }]);

    await expect(app).rejects.toThrow(message);
  });

  it.each([
    [[], /Expected `methods` to be an array such as/],
    [{}, /Expected `methods` to be an array such as/],
    [
      [{ of: undefined, name: 'find', args: () => [] }],
      /Expected `methods.of` to be a class, got `undefined`\. Where two files import each other/,
    ],
    [[{ of: ProductService, args: () => [] }], /Expected `methods.name` to be the name of a method/],
    [
      [{ of: ProductService, name: 'find' }],
      /Expected `methods.args` to be a function that answers the arguments of `find`/,
    ],
    [[{ of: ProductService, method: 'find' }], /Unknown option `methods.method`/],
  ])('refuses what names no method at once: %j', (methods, message) => {
    expect(decorate(CacheInvalidate({ methods: methods as never }), () => undefined)).toThrow(message);
  });
});
