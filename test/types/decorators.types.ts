/* Compiled, never run. Every line that must be refused has a `@ts-expect-error`; the compiler reports accepted ones. */
import { Controller, Get, Injectable, Param } from '@nestjs/common';
import { type Observable, of } from 'rxjs';
import { CacheInvalidate } from '../../src/nest/decorators/cache-invalidate.decorator.js';
import { CachePut } from '../../src/nest/decorators/cache-put.decorator.js';
import { CachedMany } from '../../src/nest/decorators/cached-many.decorator.js';
import { Cached } from '../../src/nest/decorators/cached.decorator.js';
import { cachedKey } from '../../src/nest/decorators/cached-key.js';

interface Product {
  id: string;
  price: number;
}
declare const product: Product;
declare const isProduct: (value: unknown) => value is Product;

class Spelled {
  readonly currency = 'EUR';

  @Cached()
  async find(_id: string, _page?: number): Promise<Product> {
    return product;
  }
}

@Injectable()
export class WhatFits {
  @Cached()
  async withoutOptions(_id: string): Promise<Product> {
    return product;
  }

  @Cached({ key: (id: string) => `product:${id}`, ttl: '5m', staleIfError: '1h', validate: isProduct })
  async byKey(_id: string): Promise<Product> {
    return product;
  }

  @Cached({ key: (id: string) => id, when: () => true })
  async fewerParametersThanTheMethod(_id: string, _language: string): Promise<Product> {
    return product;
  }

  @Cached({ key: (id: string | number) => String(id) })
  async widerParametersThanTheMethod(_id: string): Promise<Product> {
    return product;
  }

  @Cached({ key: (id: string, page = 1) => `${id}:${page}` })
  async optionalParameters(_id: string, _page?: number): Promise<Product> {
    return product;
  }

  @Cached({ key: (...ids: string[]) => ids.join() })
  async restParameters(..._ids: string[]): Promise<Product> {
    return product;
  }

  @Cached({
    tags: (found: Product, id: string) => [found.id, id],
    storeIf: (found: Product) => found.price > 0,
    ttl: (found: Product, id: string) => (found.id === id ? '1h' : 1000),
  })
  async valueFirst(_id: string): Promise<Product | undefined> {
    return product;
  }

  @Cached({ tags: (found: Product | null, id: string) => [found?.id ?? id] })
  async nullIsAValue(_id: string): Promise<Product | null> {
    return product;
  }

  @Cached({ key: 'all', tags: ['catalogue'] })
  all(): Product[] {
    return [product];
  }

  @Cached({ key: (id) => `product:${id}`, tags: (found, id) => [String(found.id), String(id)] })
  async parametersWithoutTypesAreNotChecked(_id: string): Promise<Product> {
    return product;
  }

  @Cached<WhatFits['namedMethod']>({ key: (id) => id.trim(), tags: (found, id) => [found.price.toFixed(), id] })
  async namedMethod(_id: string): Promise<Product> {
    return product;
  }

  @Cached({
    key(this: WhatFits, id: string) {
      return `${this.tenant}:${id}`;
    },
  })
  async keyFromTheInstance(_id: string): Promise<Product> {
    return product;
  }
  tenant = 'a';

  @CachePut({ key: (id: string) => `product:${id}`, tags: (saved: Product, id: string) => [saved.id, id], ttl: '1h' })
  async put(_id: string, _patch: Partial<Product>): Promise<Product> {
    return product;
  }

  @CachePut({ key: 'settings' })
  async putOne(_settings: Product): Promise<Product> {
    return product;
  }

  @CacheInvalidate({
    keys: (id: string) => [id],
    tags: (removed: Product, id: string) => [removed.id, id],
    patterns: (id: string) => [`${id}:*`],
  })
  async invalidate(_id: string): Promise<Product> {
    return product;
  }

  @CacheInvalidate({ namespaces: ['products'], tags: (_nothing: undefined, id: string) => [id], when: 'before' })
  async invalidateBefore(_id: string): Promise<Product> {
    return product;
  }

  @CacheInvalidate({
    methods: [
      { name: 'manyAsMap', args: (id: string) => [[Number(id)]] },
      { of: Spelled, name: 'find', args: (id: string, page: number) => [id, page] },
      { of: Spelled, name: 'find', args: (id: string) => [id] },
      // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- a parameter without a type is not checked
      { of: Spelled, name: 'find', args: (id) => [id] },
      { of: () => Spelled, name: 'find', args: () => ['all'] },
    ],
  })
  async invalidateMethods(_id: string, _page: number): Promise<void> {}

  @CachedMany({ key: (id: number) => `product:${id}`, tags: (found: Product) => [found.id] })
  async manyAsMap(_ids: number[]): Promise<Map<number, Product>> {
    return new Map();
  }

  @CachedMany({
    key: (id: string, language: string) => `${language}:${id}`,
    storeIf: (found: Product, language: string) => found.id !== language,
  })
  async manyAsRecord(_ids: readonly string[], _language: string): Promise<Record<string, Product>> {
    return {};
  }

  @CachedMany({ key: (id, language) => `${language}:${id}`, tags: (found) => [String(found.id)] })
  async manyWithoutTypes(_ids: string[], _language: string): Promise<Map<string, Product>> {
    return new Map();
  }

  @CachedMany<WhatFits['namedMany']>({
    key: (id) => id.trim(),
    ttl: (found, language) => found.price + language.length,
  })
  async namedMany(_ids: string[], _language: string): Promise<Map<string, Product>> {
    return new Map();
  }

  @CachedMany({ key: (id: string) => id, tags: (found: Product | null) => [found?.id ?? 'none'], returns: 'array' })
  async manyAsArray(_ids: string[]): Promise<(Product | null | undefined)[]> {
    return [];
  }
}

@Controller()
export class WhatFitsRoutes {
  @Get('above/:id')
  @Cached({ key: (id: string) => id })
  above(@Param('id') _id: string): Promise<Product> {
    return Promise.resolve(product);
  }

  @Cached({ key: (id: string) => id })
  @Get('below/:id')
  below(@Param('id') _id: string): Promise<Product> {
    return Promise.resolve(product);
  }
}

export class WhatDoesNot {
  // @ts-expect-error the method takes a string
  @Cached({ key: (id: number) => `product:${id}` })
  async key(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method may be called without an id
  @Cached({ key: (id: string) => id })
  async optional(_id?: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method has one parameter
  @Cached({ key: (id: string, language: string) => id + language })
  async tooMany(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method takes a string
  @Cached({ when: (id: number) => id > 0 })
  async when(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the first parameter is the value
  @Cached({ tags: (id: string) => [id] })
  async tags(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the value may be null
  @Cached({ tags: (found: Product) => [found.id] })
  async nullable(_id: string): Promise<Product | null> {
    return product;
  }

  // @ts-expect-error the value is a product
  @Cached({ storeIf: (count: number) => count > 0 })
  async storeIf(): Promise<Product> {
    return product;
  }

  // @ts-expect-error the second parameter is a string
  @Cached({ ttl: (_found: Product, id: number) => id })
  async ttl(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error one key for all arguments
  @Cached({ key: 'product' })
  async staticKey(_id?: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error a key is a string
  @Cached({ key: (id: number) => id })
  async keyThatIsNoString(_id: number): Promise<Product> {
    return product;
  }

  // @ts-expect-error `minutes` is no unit
  @Cached({ ttl: '5 minutes' })
  async badTtl(): Promise<Product> {
    return product;
  }

  // @ts-expect-error unknown option
  @Cached({ keys: ['a'] })
  async unknownOption(): Promise<Product> {
    return product;
  }

  // @ts-expect-error unknown option beside a known one
  @Cached({ key: (id: string) => id, tag: ['a'] })
  async unknownOptionBesideAKnown(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the key takes a number, although the other function takes anything
  @Cached({ key: (id: number) => String(id), when: (id) => id !== '' })
  async onlyOneWithTypes(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the named method takes a string, so id is one
  @Cached<WhatDoesNot['named']>({ when: (id) => id > 5 })
  async named(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error without a key nobody could read it
  @CachePut({ ttl: '1h' })
  async putWithoutKey(): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method takes a string
  @CachePut({ key: (id: number) => `product:${id}` })
  async put(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the first parameter is the value
  @CachePut({ key: 'a', tags: (id: string) => [id] })
  async putTags(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method takes a string
  @CacheInvalidate({ keys: (id: number) => [String(id)] })
  async keys(_id: string): Promise<Product> {
    return product;
  }

  // @ts-expect-error the method takes a string
  @CacheInvalidate({ methods: [{ of: Spelled, name: 'find', args: (id: number) => [String(id)] }] })
  async methodParameters(_id: string): Promise<void> {}

  // @ts-expect-error there is no such method
  @CacheInvalidate({ methods: [{ of: Spelled, name: 'fnid', args: (id: string) => [id] }] })
  async methodName(_id: string): Promise<void> {}

  // @ts-expect-error the second of them takes no date
  @CacheInvalidate({
    methods: [
      { name: 'methodName', args: () => [] },
      { of: Spelled, name: 'find', args: () => [new Date()] },
    ],
  })
  async methodArguments(): Promise<void> {}

  // @ts-expect-error an Observable cannot be cached
  @Cached()
  observable(): Observable<Product> {
    return of(product);
  }

  // @ts-expect-error it has done nothing when it is answered
  @CacheInvalidate({ tags: ['products'] })
  invalidatingObservable(): Observable<Product> {
    return of(product);
  }

  // @ts-expect-error before the method there is no result
  @CacheInvalidate({ tags: (removed: Product) => [removed.id], when: 'before' })
  async before(): Promise<Product> {
    return product;
  }

  // @ts-expect-error the id is a string
  @CachedMany({ key: (id: number) => `product:${id}` })
  async many(_ids: string[]): Promise<Map<string, Product>> {
    return new Map();
  }

  // @ts-expect-error the first parameter is no array
  @CachedMany({ key: (id: string) => id })
  async manyOfOne(_id: string): Promise<Map<string, Product>> {
    return new Map();
  }

  // @ts-expect-error the first parameter is the value of one id
  @CachedMany({ key: (id: string) => id, tags: (found: number) => [String(found)] })
  async manyTags(_ids: string[]): Promise<Map<string, Product>> {
    return new Map();
  }

  // @ts-expect-error one value for many ids
  @CachedMany({ key: (id: string) => id })
  async manyAsOne(_ids: string[]): Promise<number> {
    return 1;
  }

  // @ts-expect-error only methods
  @Cached()
  property = product;
}

const service = new Spelled();
export const keys: string[] = [
  cachedKey(Spelled, 'find', ['a', 1]),
  cachedKey(Spelled, 'find', ['a']),
  cachedKey(service, 'find', ['a']),
];
// @ts-expect-error there is no such method
cachedKey(Spelled, 'fnid', ['a']);
// @ts-expect-error a property is none
cachedKey(Spelled, 'currency', []);
// @ts-expect-error the id is a string
cachedKey(Spelled, 'find', [1]);

declare const anyKey: string;
export class OneKeys {
  @Cached({ key: anyKey })
  async computed(): Promise<Product> {
    return product;
  }

  @Cached<OneKeys['named']>({ key: 'all' })
  async named(): Promise<Product> {
    return product;
  }
}
