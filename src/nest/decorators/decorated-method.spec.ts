import { Injectable, SetMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Observable, of } from 'rxjs';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { Cached } from './cached.decorator.js';
import { CachedMany } from './cached-many.decorator.js';
import { CacheInvalidate } from './cache-invalidate.decorator.js';
import { CachePut } from './cache-put.decorator.js';
import { closeAll, startReported, startWith } from './decorators.fixture.js';

const Mark = (name: string): MethodDecorator => SetMetadata(name, name);

@Injectable()
class ProductService {
  calls = 0;

  @Mark('above')
  @Cached()
  @Mark('below')
  async find(_id: string, _language: string): Promise<number> {
    return ++this.calls;
  }

  @CachePut({ key: 'a' })
  async put(_value: string): Promise<number> {
    return ++this.calls;
  }

  @CacheInvalidate({ keys: ['a'] })
  async invalidate(): Promise<number> {
    return ++this.calls;
  }

  @CachedMany({ key: String })
  async many(_ids: string[]): Promise<number[]> {
    return [++this.calls];
  }
}

@Injectable()
class Frozen {
  @Cached()
  async find(id: string): Promise<string> {
    return id;
  }

  constructor() {
    Object.freeze(this);
  }
}

afterEach(closeAll);

describe('a decorated method', () => {
  it('keeps its name, its length and the metadata of decorators above and below', () => {
    const method = ProductService.prototype.find;

    expect([method.name, method.length]).toEqual(['find', 2]);
    expect(['above', 'below'].map((name): unknown => Reflect.getMetadata(name, method))).toEqual(['above', 'below']);
    expect(Reflect.getMetadata('design:paramtypes', ProductService.prototype, 'find')).toEqual([String, String]);
  });

  it('keeps the properties of the function', () => {
    const method = Object.assign(() => 1, { documented: true });
    const descriptor: PropertyDescriptor = { value: method, writable: true };
    class Shop {}

    (Cached() as MethodDecorator)(Shop.prototype, 'find', descriptor);

    expect(descriptor.value).toHaveProperty('documented', true);
  });

  it('leaves nothing to be seen on the instance', async () => {
    const { service } = await startWith(ProductService);
    await service.find('a', 'en');

    expect(Object.keys(service)).toEqual(['calls']);
    expect(service).toStrictEqual(Object.assign(new ProductService(), { calls: 1 }));
    expect(JSON.stringify(service)).toBe('{"calls":1}');
  });

  it('works on an instance that has frozen itself', async () => {
    const { service, cache } = await startWith(Frozen);

    await service.find('a');

    expect(await cache.has('Frozen.find:["a"]')).toBe(true);
  });

  it('works behind a proxy', async () => {
    const { service } = await startWith(ProductService);
    const proxy = new Proxy(service, {});

    const answers = [await proxy.find('a', 'en'), await service.find('a', 'en')];

    expect(answers).toEqual([1, 1]);
  });

  it.each(['find', 'put', 'invalidate', 'many'] as const)(
    'rejects on an object made by hand, and says what to do: %s',
    async (name) => {
      const service = new ProductService();

      const call = (service[name] as () => Promise<unknown>)();

      await expect(call).rejects.toThrow(CacheConfigError);
      await expect(call).rejects.toThrow(
        new RegExp(
          `on ProductService\\.${name} was called on an object that Nest has not given a cache.*as a provider`,
        ),
      );
      expect(service.calls).toBe(0);
    },
  );

  it('rejects without its object, and says what to do', async () => {
    const { service } = await startWith(ProductService);
    const { find } = service;

    await expect(find('a', 'en')).rejects.toThrow(
      /@Cached on ProductService\.find was called without its object.*service\.find\(\.\.\.\)/,
    );
  });

  it('keeps the application from starting without a cache, and says whose, which and how to get it', async () => {
    class Sessions {
      @Cached({ cache: 'sessions' })
      async find(): Promise<void> {}
    }

    const app = Test.createTestingModule({ providers: [Sessions] }).compile();

    await expect(app).rejects.toThrow(
      /@Cached on Sessions\.find needs\. Import `CacheKitModule\.forRoot\(\{ name: 'sessions' \}\)` in the root module/,
    );
  });

  it('is refused on what is no method of instances', () => {
    const put =
      (decorator: unknown, ...args: unknown[]) =>
      () =>
        (decorator as (...all: unknown[]) => void)(...args);
    class Shop {
      get open(): number {
        return Date.now();
      }
      *list(): Generator {}
    }
    const descriptorOf = (name: string) => Object.getOwnPropertyDescriptor(Shop.prototype, name);

    expect(put(Cached(), Shop, 'find', { value: () => 1 })).toThrow(
      '@Cached on Shop.find: a static method has no instance',
    );
    expect(put(Cached(), Shop.prototype, 'name', undefined)).toThrow(
      '@Cached on Shop.name: only methods can be decorated',
    );
    expect(put(Cached(), Shop.prototype, 'open', descriptorOf('open'))).toThrow(
      '@Cached on Shop.open: only methods can be decorated',
    );
    expect(put(Cached(), Shop.prototype, 'list', descriptorOf('list'))).toThrow('@Cached on Shop.list: a generator');
    expect(put(Cached(), () => 1, { kind: 'method', name: 'find' })).toThrow(
      "@Cached needs TypeScript's `experimentalDecorators`",
    );
  });

  it.each([
    ['@Cached', Cached()],
    ['@CachePut', CachePut({ key: 'a' })],
    ['@CacheInvalidate', CacheInvalidate({ keys: ['a'] })],
    ['@CachedMany', CachedMany({ key: () => 'a' })],
  ])('%s is refused on a method whose type says that it answers with an Observable', (name, decorator) => {
    class Shop {
      find(_id: string): unknown {
        return of(1);
      }
    }
    Reflect.defineMetadata('design:returntype', Observable, Shop.prototype, 'find');

    const put = () =>
      (decorator as MethodDecorator)(Shop.prototype, 'find', Object.getOwnPropertyDescriptor(Shop.prototype, 'find')!);

    expect(put).toThrow(
      `${name} on Shop.find: the method answers with an Observable, which runs when it is subscribed to, and cannot be cached.`,
    );
    expect(put).toThrow('return firstValueFrom(...)');
  });

  it('@CacheInvalidate reports an Observable that no type tells of: nothing was done before the invalidation', async () => {
    @Injectable()
    class Shop {
      @CacheInvalidate({ keys: ['a'] })
      change(): unknown {
        return of(1);
      }
    }
    const { service, reports } = await startReported(Shop);

    const answer = await service.change();

    expect(answer).toBeInstanceOf(Observable);
    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^@CacheInvalidate on Shop\.change: the method answers with an Observable/),
    ]);
  });
});
