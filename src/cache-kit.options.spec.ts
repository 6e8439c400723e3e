import { describe, expect, it } from '@jest/globals';
import { type CacheOptions, resolveCacheOptions } from './cache-kit.options.js';
import { SystemClock } from './core/system-clock.js';
import { CacheConfigError } from './core/vocabulary/cache.errors.js';

describe('resolveCacheOptions', () => {
  it('fills in every default', () => {
    expect(resolveCacheOptions({})).toEqual({
      name: 'default',
      defaultTtlMs: 3_600_000,
      defaultNamespace: undefined,
      version: undefined,
      types: expect.objectContaining({ listed: [], keepsOthers: true }),
      hasStats: true,
      hasRequestScope: false,
      isStrict: false,
      findings: [],
      store: {
        kind: 'memory',
        memory: { maxEntries: 1000, maxBytes: 67_108_864, policy: 'adaptive', isolation: 'clone' },
      },
      isolation: 'clone',
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
      clock: undefined,
      onError: undefined,
      writeBehind: undefined,
    });
  });

  it('is frozen all through', () => {
    const resolved = resolveCacheOptions({});

    expect([resolved, resolved.store, resolved.load].every(Object.isFrozen)).toBe(true);
  });

  it.each(['redis', 'hybrid'] as const)(
    'lets all processes load together with %s, unless it is told otherwise',
    (backend) => {
      const redis = { backend, redis: { url: 'redis://localhost:6379' } } as const;

      expect(resolveCacheOptions(redis).load.singleFlight).toBe('cluster');
      expect(resolveCacheOptions({ ...redis, singleFlight: 'process' }).load.singleFlight).toBe('process');
    },
  );

  it('lets all processes of the machine load together with file, and seals its values', () => {
    const resolved = resolveCacheOptions({
      backend: 'file',
      file: { directory: '/srv/cache' },
      compression: {},
      encryption: { keys: [{ id: 'a', secret: 'a secret of the options' }] },
    });

    expect(resolved.load.singleFlight).toBe('cluster');
    expect(resolved.store).toMatchObject({
      kind: 'file',
      file: { directory: '/srv/cache', maxBytes: 536_870_912, isDurable: false },
      compression: { thresholdBytes: 1024 },
      encryption: expect.any(Object),
    });
  });

  it.each<[unknown, RegExp]>([
    [{ defaultTtl: 'soon' }, /Expected `defaultTtl` to be a TTL such as 5000, '5s' or 'forever'.*got `soon`/],
    [{ defaultTtl: -1 }, /`defaultTtl`/],
    [{ backend: 'disk' }, /Expected `backend` to be one of 'memory', 'redis', 'hybrid', 'file', got `disk`/],
    [{ backend: 'redis' }, /Expected a `redis` section that says where Redis is/],
    [
      { redis: { url: 'redis://localhost' } },
      /Expected `redis` with `backend: 'redis'` or `backend: 'hybrid'`, got it with 'memory'/,
    ],
    [
      { backend: 'redis', redis: { url: 'redis://localhost' }, memory: {} },
      /Expected `memory` with `backend: 'memory'` or `backend: 'hybrid'`, got it with 'redis'/,
    ],
    [{ backend: 'hybrid' }, /Expected a `redis` section that says where Redis is/],
    [
      { backend: 'redis', redis: { url: 'redis://localhost', maxStaleness: '1s' } },
      /Expected `redis.maxStaleness` with `backend: 'hybrid'` alone/,
    ],
    [{ file: {} }, /Expected `file` with `backend: 'file'`, got it with 'memory'/],
    [
      { backend: 'file', memory: {} },
      /Expected `memory` with `backend: 'memory'` or `backend: 'hybrid'`, got it with 'file'/,
    ],
    [{ backend: 'file', redis: { url: 'redis://localhost' } }, /Expected `redis` with .*, got it with 'file'/],
    [{ adapter: () => undefined, file: {} }, /either `adapter` or `file`, got both/],
    [{ compression: {} }, /Expected `compression` with `backend: 'redis'`/],
    [{ adapter: () => undefined, redis: {} }, /either `adapter` or `redis`, got both/],
    [{ memory: { maxEntries: 0 } }, /Expected `memory.maxEntries` to be a whole number of 1 or more, got `0`/],
    [{ memory: { maxBytes: 1.5 } }, /`memory.maxBytes`/],
    [{ memory: { policy: 'fifo' } }, /Expected `memory.policy` to be one of 'adaptive', 'lru', got `fifo`/],
    [{ memory: { isolation: true } }, /`memory.isolation`/],
    [{ memory: { max: 5 } }, /Unknown option `memory.max`. Write `memory.maxEntries` instead\.$/],
    [{ memory: { ttl: 5 } }, /Unknown option `memory.ttl`. Write `defaultTtl` beside `memory` instead\.$/],
    [{ memory: { maxEntires: 5 } }, /Unknown option `memory.maxEntires`. Known here: /],
    [
      { backend: 'redis', redis: { host: 'a', port: 1 } },
      /Unknown option `redis.host`. Write `redis.url: 'redis:\/\/localhost:6379'` instead\.$/,
    ],
    [
      { defaultTtl: null },
      /Expected `defaultTtl` to be a TTL such as 5000, '5s' or 'forever' \(0 means: do not store\), got `null`/,
    ],
    [{ memory: 100 }, /Expected `memory` to be an object, got `100`\.$/],
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
    [
      { clock: Date },
      /Expected `clock` to be a Clock, got `function Date` without `nowMs\(\)`. Write `clock: fakeClock\(\)`/,
    ],
    [{ clock: null }, /Expected `clock` to be a Clock, got `null`/],
    [
      { backend: 'redis', redis: { url: 'redis://localhost' }, clock: new SystemClock() },
      /Expected `clock` with `backend: 'memory'` or an `adapter`, got it with 'redis'/,
    ],
    [
      { backend: 'hybrid', redis: { url: 'redis://localhost' }, clock: new SystemClock() },
      /got it with 'hybrid', whose server keeps its own time/,
    ],
    [
      { backend: 'file', clock: new SystemClock() },
      /got it with 'file', whose files other processes read at the real time\. In tests use `CacheKitTestingModule`/,
    ],
    [{ onError: 'log' }, /Expected `onError` to be a function/],
    [{ adapter: {} }, /Expected `adapter` to be a CacheAdapter or a function/],
    [{ adapter: () => undefined, backend: 'memory' }, /either `adapter` or `backend`, got both/],
    [{ adapter: () => undefined, memory: {} }, /either `adapter` or `memory`, got both/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveCacheOptions(options as CacheOptions)).toThrow(CacheConfigError);
    expect(() => resolveCacheOptions(options as CacheOptions)).toThrow(message);
  });
});
