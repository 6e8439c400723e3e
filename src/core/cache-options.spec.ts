import { describe, expect, it } from '@jest/globals';
import { type CacheOptions, resolveCacheOptions } from './cache-options.js';
import { CacheConfigError } from './cache.errors.js';

describe('resolveCacheOptions', () => {
  it('fills in every default', () => {
    expect(resolveCacheOptions({})).toEqual({
      name: 'default',
      adapter: undefined,
      defaultTtlMs: 3_600_000,
      defaultNamespace: undefined,
      version: undefined,
      hasStats: true,
      memory: { maxEntries: 1000, maxBytes: 67_108_864, policy: 'adaptive', isolation: 'clone' },
      load: {
        staleWhileRevalidateMs: 0,
        staleIfErrorMs: 0,
        refreshAhead: 1,
        earlyExpiration: 0,
        jitter: 0,
        negativeTtlMs: undefined,
        softTimeoutMs: Infinity,
        hardTimeoutMs: Infinity,
        singleFlight: 'process',
      },
      onError: undefined,
    });
  });

  it('is frozen all through', () => {
    const resolved = resolveCacheOptions({});

    expect([resolved, resolved.memory, resolved.load].every(Object.isFrozen)).toBe(true);
  });

  it.each<[unknown, RegExp]>([
    [{ defaultTtl: 'soon' }, /Expected `defaultTtl` to be a TTL such as 5000, '5s' or 'forever'.*got `soon`/],
    [{ defaultTtl: -1 }, /`defaultTtl`/],
    [{ backend: 'redis' }, /Expected `backend` to be one of 'memory', got `redis`/],
    [{ memory: { maxEntries: 0 } }, /Expected `memory.maxEntries` to be a whole number of 1 or more, got `0`/],
    [{ memory: { maxBytes: 1.5 } }, /`memory.maxBytes`/],
    [{ memory: { policy: 'fifo' } }, /Expected `memory.policy` to be one of 'adaptive', 'lru', got `fifo`/],
    [{ memory: { isolation: true } }, /`memory.isolation`/],
    [{ memory: { max: 5 } }, /Unknown option `memory.max`. Did you mean `maxEntries`\?/],
    [{ memory: null }, /Expected `memory` to be an object, got `null`/],
    [{ stats: 'yes' }, /`stats`/],
    [{ version: NaN }, /`version`/],
    [{ name: '' }, /`name`/],
    [{ defaultNamespace: 'a\udfff' }, /`defaultNamespace`/],
    [{ refreshAhead: 1.5 }, /Expected `refreshAhead` to be a number of 0 to 1, got `1.5`/],
    [{ earlyExpiration: -1 }, /Expected `earlyExpiration` to be a number of 0 or more/],
    [{ jitter: '10%' }, /`jitter`/],
    [{ singleFlight: true }, /Expected `singleFlight` to be one of 'process', 'cluster', false, got `true`/],
    [{ hardTimeout: '1 s' }, /`hardTimeout`/],
    [{ onError: 'log' }, /Expected `onError` to be a function/],
    [{ adapter: {} }, /Expected `adapter` to be a CacheAdapter or a function/],
    [{ adapter: () => undefined, backend: 'memory' }, /either `adapter` or `backend`, got both/],
    [{ adapter: () => undefined, memory: {} }, /either `adapter` or `memory`, got both/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveCacheOptions(options as CacheOptions)).toThrow(CacheConfigError);
    expect(() => resolveCacheOptions(options as CacheOptions)).toThrow(message);
  });
});
