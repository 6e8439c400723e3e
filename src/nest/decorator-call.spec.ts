import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../core/vocabulary/cache.errors.js';
import { CachedMany } from './decorators/cached-many.decorator.js';
import { Cached } from './decorators/cached.decorator.js';
import { CacheInvalidate } from './decorators/cache-invalidate.decorator.js';
import { CachePut } from './decorators/cache-put.decorator.js';
import { CacheRoute, NoCache } from './http/route/cache-route.decorator.js';

type Call = (...args: unknown[]) => unknown;

class Shop {
  find(): void {}
}
const onMethod = [Shop.prototype, 'find', Object.getOwnPropertyDescriptor(Shop.prototype, 'find')];

describe('a decorator without parentheses', () => {
  it.each<[string, unknown]>([
    ['@Cached', Cached],
    ['@CachePut', CachePut],
    ['@CacheInvalidate', CacheInvalidate],
    ['@CachedMany', CachedMany],
    ['@CacheRoute', CacheRoute],
    ['@NoCache', NoCache],
  ])('is refused when %s stands on a method or a class', (name, decorator) => {
    const decorate = decorator as Call;

    expect(() => decorate(...onMethod)).toThrow(
      new CacheConfigError(`${name} on Shop stands without parentheses, and would do nothing. Write \`${name}(...)\`.`),
    );
    expect(() => decorate(Shop)).toThrow(`${name} on Shop stands without parentheses`);
  });

  it('is nothing that an object of options, or a wrong option, is taken for', () => {
    expect(() => Cached({ key: 'a' })).not.toThrow();
    expect(() => Cached(undefined)).not.toThrow();
    expect(() => (Cached as Call)('a')).not.toThrow();
  });
});

it('a decorator of methods on a class says that it is one', () => {
  expect(() => (Cached() as Call)(Shop)).toThrow('@Cached on Shop: only methods can be decorated, not classes.');
});

it('options of a route that are no object are refused by the name of the decorator', () => {
  expect(() => (CacheRoute as Call)(60)).toThrow(
    "Expected the options of @CacheRoute to be an object, got `60`. A TTL is written `{ ttl: '60s' }` or `{ ttl: '60ms' }`.",
  );
});
