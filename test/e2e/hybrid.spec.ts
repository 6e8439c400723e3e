import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type CacheKitOptions, CacheService, createCache } from '../../src/index.js';
import type { RunningApp } from '../support/nest-app.js';
import { until } from '../support/redis/until.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';
import { database, Prices, startPrices } from './prices.fixture.js';

let server: RedisServer;
let caches = 0;
let options: CacheKitOptions & { redis: { url: string; keyPrefix: string } };

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

beforeEach(() => {
  options = { backend: 'hybrid', redis: { url: server.url, keyPrefix: `hybrid-${++caches}` } };
});

async function nearHits({ app }: RunningApp): Promise<number> {
  return (await app.get(CacheService).getStats()).tiers[0]?.hits ?? 0;
}

describe('two applications with backend: hybrid', () => {
  it('answer from their own memory, and serve no old value after a received invalidation of the other', async () => {
    database.rows.set('1', 100);
    const [a, b] = await Promise.all([startPrices(options), startPrices(options)]);
    const fromMemory = async (): Promise<boolean> => {
      const before = await nearHits(a);
      await fetch(`${a.url}/prices/1`);
      return (await nearHits(a)) > before;
    };
    await until(fromMemory, 2_000, () => 'The route was not answered from memory in time.');

    await b.app.get(Prices).change('1', 200);
    let shown: unknown;
    await until(
      async () => ((shown = await (await fetch(`${a.url}/prices/1`)).json()) as { cents: number }).cents === 200,
      1_000,
      () => `The old price was still shown: ${JSON.stringify(shown)}.`,
    );

    expect(await a.app.get(Prices).find('1')).toEqual({ id: '1', cents: 200 });
    await Promise.all([a.app.close(), b.app.close()]);
  });

  it('see what they have changed themselves at once', async () => {
    const { app, url } = await startPrices(options);
    for (let cents = 1; cents <= 30; cents++) {
      await app.get(Prices).change('2', cents);

      expect(await app.get(Prices).find('2')).toEqual({ id: '2', cents });
      expect(await (await fetch(`${url}/prices/2`)).json()).toEqual({ id: '2', cents });
    }
    await app.close();
  });
});

describe('backend: hybrid', () => {
  it('is named in the statistics, with both tiers and the coherence mode', async () => {
    const cache = await createCache(options);
    await cache.set('k', 1);

    const { backend, status, totalEntries, tiers, coherence, memoryUsageBytes } = await cache.getStats();

    expect({ backend, status, totalEntries, coherence }).toEqual({
      backend: 'hybrid',
      status: 'up',
      totalEntries: 1,
      coherence: { mode: 'tracking', reason: 'The server announces every change.', isProven: true },
    });
    expect(tiers.map(({ name }) => name)).toEqual(['memory', 'redis']);
    expect(memoryUsageBytes).toBe(tiers[0]?.bytes);
    await cache.close();
  });

  it('explains in which tiers a key is', async () => {
    const cache = await createCache(options);
    await cache.set('k', 1);
    const isNear = async (): Promise<boolean> => {
      await cache.get('k');
      return (await cache.explain('k')).tiers[0]?.state === 'fresh';
    };
    await until(isNear, 2_000, () => 'The key was not near in time.');

    const { tiers, storedKey, nextRead } = await cache.explain('k');

    expect(tiers).toEqual([
      { name: 'memory', state: 'fresh' },
      { name: 'redis', state: 'fresh' },
    ]);
    expect([storedKey, nextRead]).toEqual([`${options.redis.keyPrefix}:default:e::k`, 'hit']);
    await cache.close();
  });

  it('gives every caller its own copy of a value, from either tier', async () => {
    const cache = await createCache(options);
    await cache.set('k', { list: [1] });

    for (let i = 0; i < 20; i++) {
      const value = (await cache.get<{ list: number[] }>('k')) as { list: number[] };
      expect(value).toEqual({ list: [1] });
      value.list.push(2);
    }
    await cache.close();
  });

  it('logs once its coherence mode and the reason', async () => {
    const admin = new Redis(server.url);
    await admin.call('ACL', 'SETUSER', 'limited', 'on', '>pw', '~*', '&*', '+@all', '-client|tracking');
    const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);

    const cache = await createCache({
      ...options,
      redis: { ...options.redis, options: { username: 'limited', password: 'pw' } },
    });
    await until(
      async () => (await cache.getStats()).coherence?.isProven === true,
      2_000,
      () => 'No proof arrived in time.',
    );

    expect(
      log.mock.calls.map(([sentence]) => String(sentence)).filter((sentence) => !sentence.startsWith('Redis at ')),
    ).toEqual([expect.stringMatching(/^Near copies learn of changes by 'bus'. The server allows no tracking: NOPERM/)]);
    log.mockRestore();
    await cache.close();
    admin.disconnect();
  });
});
