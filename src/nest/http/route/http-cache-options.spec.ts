import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { CacheRoute, type CacheRouteOptions } from './cache-route.decorator.js';
import { resolveHttpCacheOptions } from './http-cache-options.js';
import { COMMON_SIGNS } from './identity-signs.js';

describe('resolveHttpCacheOptions', () => {
  it('fills in the defaults', () => {
    const resolved = resolveHttpCacheOptions(undefined, { ttlMs: 3_600_000 });

    expect(resolved).toEqual({
      ttlMs: 3_600_000,
      coveredTtlMs: 0,
      isOptIn: false,
      scope: 'public',
      varyBy: [],
      query: undefined,
      showsXCache: true,
      cacheControl: 'auto',
      maxBodyBytes: 1_048_576,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      statusTtlsMs: new Map(),
      honoursRequestDirectives: false,
      hosts: undefined,
      identitySigns: COMMON_SIGNS,
      showsCacheStatus: true,
      showsSurrogateKey: false,
      isDebugging: false,
    });
    expect(Object.isFrozen(resolved)).toBe(true);
  });

  it('reads names of headers once, sorted and in lower case', () => {
    expect(
      resolveHttpCacheOptions({ varyBy: ['X-B', 'Accept', 'x-b'] }, { ttlMs: 0 }).varyBy.map(({ name }) => name),
    ).toEqual(['accept', 'x-b']);
  });

  it('adds signs of identity to those in common use', () => {
    const { identitySigns } = resolveHttpCacheOptions(
      { identity: { headers: ['X-Session'], properties: ['session.member'] } },
      { ttlMs: 0 },
    );

    expect(identitySigns).toEqual({
      headers: [...COMMON_SIGNS.headers, 'x-session'],
      properties: [...COMMON_SIGNS.properties, ['session', 'member']],
    });
  });

  it.each<[unknown, RegExp]>([
    [{ identity: { headers: 'x-session' } }, /^Expected `http\.identity\.headers` to be an array of names/],
    [{ identity: { properties: [1] } }, /^Expected `http\.identity\.properties` to be an array of names/],
    [{ identity: { cookies: [] } }, /^Unknown option `http\.identity\.cookies`/],
    [{ identity: null }, /^Expected `http\.identity` to be an object/],
    [{ ttl: 'soon' }, /^Expected `http\.ttl` to be a TTL such as 5000, '5s' .* got `soon`\.$/],
    [{ optIn: 1 }, /^Expected `http\.optIn`/],
    [
      { scope: 'group' },
      /^Expected `http\.scope` to be 'public', 'user', 'tenant' or a function of the request, got `group`\.$/,
    ],
    [{ varyBy: 'accept' }, /^Expected `http\.varyBy` to be an array of names/],
    [{ varyBy: ['*'] }, /^Expected `http\.varyBy`/],
    [{ query: { only: [] } }, /^Unknown option `http\.query\.only`/],
    [
      { query: { allow: ['a'], ignore: ['b'] } },
      /^Expected either `http\.query\.allow` or `http\.query\.ignore`, got both/,
    ],
    [{ headers: { cacheStatus: 'verbose' } }, /^Expected `http\.headers\.cacheStatus`/],
    [{ headers: { age: true } }, /^Unknown option `http\.headers\.age`/],
    [
      { statusTtl: { 304: '1s' } },
      /^Expected `http\.statusTtl` to name statuses from 200 to 599 other than 206 and 304, got `304`\.$/,
    ],
    [{ statusTtl: { 404: 'soon' } }, /^Expected `http\.statusTtl\.404`/],
    [{ statusTtl: '10s' }, /^Expected `http\.statusTtl` to be an object such as/],
    [{ varyBy: { accept: 1 } }, /^Expected `http\.varyBy\.accept` to be a function/],
    [{ hosts: 'shop.test' }, /^Expected `http\.hosts`/],
    [{ cacheControl: 'a\r\nb: c' }, /^Expected `http\.cacheControl`/],
    [{ maxBodyBytes: 0 }, /^Expected `http\.maxBodyBytes` to be a whole number of 1 or more, got `0`\.$/],
    [{ honourRequestDirectives: 1 }, /^Expected `http\.honourRequestDirectives`/],
    ['on', /^Expected `http` to be an object/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveHttpCacheOptions(options, { ttlMs: 0 })).toThrow(CacheConfigError);
    expect(() => resolveHttpCacheOptions(options, { ttlMs: 0 })).toThrow(message);
  });
});

describe('CacheRoute', () => {
  it.each<[object, RegExp]>([
    [{ staleWhileRevalidate: 'long' }, /^Expected `@CacheRoute staleWhileRevalidate`/],
    [{ optIn: true }, /^Unknown option `@CacheRoute optIn`/],
    [{ ttl: -1 }, /^Expected `@CacheRoute ttl`/],
    [{ staleIfError: 'long' }, /^Expected `@CacheRoute staleIfError`/],
    [{ key: '' }, /^Expected `@CacheRoute key`/],
    [{ namespace: 1 }, /^Expected `@CacheRoute namespace`/],
    [{ tags: [''] }, /^Expected the tag to be a non-empty string/],
  ])('refuses %j at once', (options, message) => {
    expect(() => CacheRoute(options as CacheRouteOptions)).toThrow(message);
  });
});
