import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Redis } from 'ioredis';
import { cacheKitConfig } from '../../src/config.js';
import { CacheKitModule, type CacheKitOptions, CacheService, type ClusterStats, createCache } from '../../src/index.js';
import { hybridAdapter, redisAdapter } from '../../src/redis.js';
import { PLATFORMS, resolve, startApp } from '../support/nest-app.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';
import { database, Prices, startPrices } from './prices.fixture.js';

let server: RedisServer;
let admin: Redis;
let caches = 0;
let options: CacheKitOptions & { redis: { url: string; keyPrefix: string } };

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});

afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

beforeEach(() => {
  options = { backend: 'redis', redis: { url: server.url, keyPrefix: `e2e-${++caches}` } };
});

describe('two applications on one Redis', () => {
  it('answer from what the other has loaded, and never from what the other has invalidated', async () => {
    database.rows.set('1', 100);
    database.reads = 0;
    const [a, b] = await Promise.all([startPrices(options), startPrices(options)]);

    const [first, second] = [await fetch(`${a.url}/prices/1`), await fetch(`${a.url}/prices/1`)];
    const fromOther = await b.app.get(Prices).find('1');
    await b.app.get(Prices).change('1', 200);
    const third = await fetch(`${a.url}/prices/1`);

    expect([first, second, third].map(({ headers }) => headers.get('x-cache'))).toEqual(['MISS', 'HIT', 'MISS']);
    expect([fromOther, await third.json()]).toEqual([
      { id: '1', cents: 100 },
      { id: '1', cents: 200 },
    ]);
    expect(database.reads).toBe(2);
    await Promise.all([a.app.close(), b.app.close()]);
  });
});

@Injectable()
class OpenGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

describe.each(PLATFORMS)('the admin route of one of two applications on %s', (platform) => {
  it.each(['redis', 'hybrid'] as const)('lists both, with their sums, on %s', async (backend) => {
    const imports = [CacheKitModule.forRoot({ ...options, backend, admin: { guards: [OpenGuard] } })];
    const [a, b] = await Promise.all([startApp({ imports }, platform), startApp({ imports }, platform)]);
    await a.app.get(CacheService).set('k', 1);
    for (const { app } of [a, b, b]) await app.get(CacheService).get('k');

    const response = await fetch(`${a.url}/admin/cache/stats?scope=cluster`);
    const body = (await response.json()) as ClusterStats;

    expect(response.status).toBe(200);
    expect(body.processes.map(({ stats }) => stats.totalHits)).toEqual([1, 2]);
    expect(body.total).toMatchObject({ backend, totalHits: 3, sets: 1, totalEntries: 1, status: 'up' });
    await Promise.all([a.app.close(), b.app.close()]);
  });
});

describe.each(['redis', 'hybrid'] as const)('a failed load on %s', (backend) => {
  it('does not answer the call right after it, whose factory runs (fault 6)', async () => {
    const cache = await createCache({ ...options, backend });
    const fail = (): Promise<number> => Promise.reject(new Error('once'));
    const answers: unknown[] = [];

    for (let i = 0; i < 20; i++) {
      await cache.getOrSet(`one-${i}`, fail).catch(() => undefined);
      answers.push(await cache.getOrSet(`one-${i}`, async () => 2).catch(String));
      await cache.getOrSetMany([`many-${i}`], async () => fail() as never).catch(() => undefined);
      const many = cache.getOrSetMany([`many-${i}`], async ([key]) => new Map([[key as string, 2]]));
      answers.push(await many.then((values) => values.get(`many-${i}`), String));
      await cache.refresh(`again-${i}`, fail).catch(() => undefined);
      answers.push(await cache.refresh(`again-${i}`, async () => 2).catch(String));
    }

    const stored = await Promise.all([cache.get('one-19'), cache.get('many-19'), cache.get('again-19')]);
    await cache.close();
    expect(new Set(answers)).toEqual(new Set([2]));
    expect(stored).toEqual([2, 2, 2]);
  });
});

describe('backend: redis', () => {
  it('says so in its statistics and in its explanation', async () => {
    const cache = await createCache(options);
    await cache.set('k', 1, { namespace: 'n' });

    const { backend, status, totalEntries, tiers } = await cache.getStats();
    const { storedKey } = await cache.explain('k', { namespace: 'n' });

    expect({ backend, status, totalEntries }).toEqual({ backend: 'redis', status: 'up', totalEntries: 1 });
    expect(tiers.map(({ name }) => name)).toEqual(['redis']);
    expect(await admin.exists(storedKey)).toBe(1);
    await cache.close();
  });

  it('writes under its prefix alone', async () => {
    const before = new Set(await admin.keys('*'));
    const cache = await createCache({ ...options, name: 'sessions', version: 3 });
    await cache.set('k', 1, { namespace: 'n', tags: ['t'] });
    await cache.getOrSet('l', () => 2, { tags: () => ['u'] });

    const written = (await admin.keys('*')).filter((key) => !before.has(key));

    expect(written.length).toBeGreaterThan(4);
    expect(written.filter((key) => !key.startsWith(`${options.redis.keyPrefix}:sessions@3:`))).toEqual([]);
    await cache.close();
  });

  it('keeps caches of other names and versions apart', async () => {
    const others = await Promise.all([
      createCache(options),
      createCache({ ...options, name: 'b' }),
      createCache({ ...options, version: 1 }),
      createCache({ ...options, version: '2' }),
    ]);
    for (const [i, cache] of others.entries()) await cache.set('k', i);

    expect(await Promise.all(others.map((cache) => cache.get('k')))).toEqual([0, 1, 2, 3]);
    expect(await others[0].clear()).toBe(1);
    expect(await Promise.all(others.map((cache) => cache.get('k')))).toEqual([undefined, 1, 2, 3]);
    await Promise.all(others.map((cache) => cache.close()));
  });

  it('stores values compressed and encrypted, readable with a rotated key and not without', async () => {
    const old = { id: 'old', secret: 'the secret of last year' };
    const now = { id: 'new', secret: 'the secret of this year' };
    const writer = await createCache({ ...options, compression: {}, encryption: { keys: [old] } });
    await writer.set('k', { text: 'secret '.repeat(1_000) });
    const stored = await admin.getBuffer((await writer.explain('k')).storedKey);
    const rotated = await createCache({ ...options, encryption: { keys: [now, old] } });
    const stranger = await createCache({ ...options, encryption: { keys: [now] } });

    expect(stored!.length).toBeLessThan(1_000);
    expect(stored!.includes('secret secret')).toBe(false);
    expect(await rotated.get('k')).toEqual({ text: 'secret '.repeat(1_000) });
    expect(await stranger.get('k')).toBeUndefined();
    await Promise.all([writer.close(), rotated.close(), stranger.close()]);
  });

  it('is read from the environment', async () => {
    const saved = { ...process.env };
    Object.assign(process.env, {
      CACHE_BACKEND: 'redis',
      CACHE_REDIS_URL: server.url,
      CACHE_KEY_PREFIX: options.redis.keyPrefix,
      CACHE_ENCRYPTION_KEYS: 'a:a secret, with a comma'.replace(', ', ':'),
    });
    try {
      const imports = [
        ConfigModule.forRoot({ load: [cacheKitConfig], ignoreEnvFile: true }),
        CacheKitModule.forRootAsync(cacheKitConfig.asProvider()),
      ];
      const { value: cache, close } = await resolve({ imports }, CacheService);
      await cache.set('k', 'plain text');

      const stored = await admin.getBuffer((await cache.explain('k')).storedKey);

      expect(stored?.toString('latin1').startsWith('V')).toBe(true);
      expect(stored!.includes('plain text')).toBe(false);
      expect(await cache.get('k')).toBe('plain text');
      await close();
    } finally {
      process.env = saved;
    }
  });
});

describe.each([
  ['redisAdapter', redisAdapter],
  ['hybridAdapter', hybridAdapter],
])('%s', (_, adapterWith) => {
  it('makes the same backend by hand, on a client that it never closes', async () => {
    const cache = await createCache({
      adapter: adapterWith({ client: admin, keyPrefix: options.redis.keyPrefix }),
      singleFlight: 'cluster',
    });
    await cache.set('k', 1);
    expect(await cache.get('k')).toBe(1);

    await cache.close();

    expect(await admin.ping()).toBe('PONG');
  });

  it('refuses what it cannot read', () => {
    expect(() => adapterWith({ uri: 'redis://localhost' } as never)).toThrow(/Unknown option `redis.uri`/);
  });
});
