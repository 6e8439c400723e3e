import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { IoredisWire } from '../../src/adapters/redis/ioredis/ioredis-wire.js';
import { RedisAdapter } from '../../src/adapters/redis/redis.adapter.js';
import type { RedisWire } from '../../src/adapters/redis/connection/redis-wire.port.js';
import { resolveCacheOptions } from '../../src/cache-kit.options.js';
import { CacheReporter } from '../../src/core/observation/cache-reporter.js';
import { CacheService } from '../../src/core/cache.service.js';
import { createEntryCodec } from '../../src/core/values/codec.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';

let server: RedisServer;
let cache: CacheService;
let trips = 0;
let caches = 0;

function counting(wire: IoredisWire): RedisWire {
  return new Proxy(wire, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (name === 'run' || name === 'getAll' || name === 'scan') trips++;
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
}

async function tripsOf(call: () => Promise<unknown>): Promise<number> {
  trips = 0;
  await call();
  return trips;
}

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

beforeEach(async () => {
  const clock = new SystemClock();
  const options = resolveCacheOptions({ backend: 'redis', redis: { url: server.url } });
  const reporter = new CacheReporter({
    name: options.name,
    clock,
    hasStats: false,
    onError: (error) => {
      throw error;
    },
  });
  const wire = new IoredisWire(new Redis(server.url, { lazyConnect: true }), {
    channel: 'wake',
    isForeign: false,
    clock,
  });
  const context = {
    name: `c${++caches}`,
    version: undefined,
    clock,
    onEvict: () => undefined,
    onError: () => undefined,
    onNotice: () => undefined,
  };
  const adapter = new RedisAdapter(
    counting(wire),
    { keyPrefix: 'trips', version: undefined, codec: createEntryCodec({}), commandTimeoutMs: 5_000 },
    context,
  );
  await wire.connect();
  await adapter.ready();
  cache = new CacheService({ options, adapter, clock, reporter });
  await cache.set('warm', 1, { tags: ['t', 'u'], namespace: 'n' });
  await cache.set('warm', 1);
});

afterEach(() => cache.close());

describe('round trips on one server', () => {
  it('takes one for a hit', async () => {
    expect(await tripsOf(() => cache.get('warm'))).toBe(1);
    expect(await tripsOf(() => cache.getOrSet('warm', () => 2))).toBe(1);
  });

  it('takes one for a hit with tags that this process has seen before', async () => {
    expect(await tripsOf(() => cache.get('warm', { namespace: 'n' }))).toBe(1);
  });

  it('takes one for many hits', async () => {
    await cache.setMany(Array.from({ length: 100 }, (_, i) => [`k${i}`, i] as const));

    expect(await tripsOf(() => cache.getMany(Array.from({ length: 100 }, (_, i) => `k${i}`)))).toBe(1);
  });

  it('takes three for a load: lookup, lease and store', async () => {
    expect(await tripsOf(() => cache.getOrSet('cold', () => 1))).toBe(3);
    expect(await tripsOf(() => cache.getOrSet('cold', () => 1, { namespace: 'n', tags: ['t'] }))).toBe(3);
  });

  it('takes three for a load of many keys', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `many${i}`);

    expect(
      await tripsOf(() => cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, 1])))),
    ).toBe(3);
  });

  it('takes one to set one or many entries', async () => {
    expect(await tripsOf(() => cache.set('new', 1, { namespace: 'n', tags: ['t'] }))).toBe(1);
    expect(
      await tripsOf(() =>
        cache.setMany([
          ['a', 1],
          ['b', 2],
        ]),
      ),
    ).toBe(1);
  });

  it('takes one to delete, and another in the background to clean the indexes', async () => {
    expect(await tripsOf(() => cache.delete('warm'))).toBe(2);
    expect(await tripsOf(() => cache.delete('missing'))).toBe(1);
  });

  it('takes one to invalidate a tag or a namespace, and another in the background to clean up', async () => {
    expect(await tripsOf(() => cache.invalidateTags(['nobody has it']))).toBe(2);
    expect(await tripsOf(() => cache.invalidateNamespace('nobody uses it'))).toBe(2);
  });
});
