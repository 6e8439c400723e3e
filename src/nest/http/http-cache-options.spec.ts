import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../core/cache.errors.js';
import { CacheRoute, type CacheRouteOptions } from './cache-route.decorator.js';
import { resolveHttpCacheOptions } from './http-cache-options.js';

describe('resolveHttpCacheOptions', () => {
  it('fills in the defaults', () => {
    const resolved = resolveHttpCacheOptions(undefined, 3_600_000);

    expect(resolved).toEqual({
      ttlMs: 3_600_000,
      isOptIn: false,
      scope: 'public',
      varyBy: [],
      query: undefined,
      showsXCache: true,
      cacheControl: 'auto',
      maxBodyBytes: 1_048_576,
      staleIfErrorMs: 0,
    });
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  it('reads names of headers once, sorted and in lower case', () => {
    expect(resolveHttpCacheOptions({ varyBy: ['X-B', 'Accept'] }, 0).varyBy).toEqual(['accept', 'x-b']);
  });

  it.each<[unknown, RegExp]>([
    [{ ttl: 'soon' }, /^Expected `http\.ttl` to be a TTL such as 5000, '5s' .* got `soon`\.$/],
    [{ optIn: 1 }, /^Expected `http\.optIn`/],
    [{ scope: 'tenant' }, /^Expected `http\.scope` to be 'public', 'user' or a function of the request, got `tenant`\.$/],
    [{ varyBy: 'accept' }, /^Expected `http\.varyBy` to be an array of names/],
    [{ varyBy: ['*'] }, /^Expected `http\.varyBy`/],
    [{ query: { only: [] } }, /^Unknown option `http\.query\.only`/],
    [{ query: { allow: ['a'], ignore: ['b'] } }, /^Expected either `http\.query\.allow` or `http\.query\.ignore`, got both/],
    [{ headers: { cacheStatus: true } }, /^Unknown option `http\.headers\.cacheStatus`/],
    [{ cacheControl: 'a\r\nb: c' }, /^Expected `http\.cacheControl`/],
    [{ maxBodyBytes: 0 }, /^Expected `http\.maxBodyBytes` to be a whole number of 1 or more, got `0`\.$/],
    [{ honourRequestDirectives: true }, /^Unknown option `http\.honourRequestDirectives`/],
    ['on', /^Expected `http` to be an object/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveHttpCacheOptions(options, 0)).toThrow(CacheConfigError);
    expect(() => resolveHttpCacheOptions(options, 0)).toThrow(message);
  });
});

describe('CacheRoute', () => {
  it.each<[object, RegExp]>([
    [{ staleWhileRevalidate: '1m' }, /^Unknown option `@CacheRoute staleWhileRevalidate`/],
    [{ ttl: -1 }, /^Expected `@CacheRoute ttl`/],
    [{ staleIfError: 'long' }, /^Expected `@CacheRoute staleIfError`/],
    [{ key: '' }, /^Expected `@CacheRoute key`/],
    [{ namespace: 1 }, /^Expected `@CacheRoute namespace`/],
    [{ tags: [''] }, /^Expected the tag to be a non-empty string/],
  ])('refuses %j at once', (options, message) => {
    expect(() => CacheRoute(options as CacheRouteOptions)).toThrow(message);
  });
});
