import { Controller, Get, Injectable, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { internalsOf } from '../../../src/core/cache-internals.js';
import { passThroughAdapter } from '../../../src/core/pass-through-adapter.js';
import { Cached, CacheInterceptor, CacheRoute, createCache } from '../../../src/index.js';
import { fakeClock, type FakeClock } from '../../../src/testing/index.js';
import { closeSites, openSite, type Platform, type Site } from '../http.fixture.js';

let runs = 0;

@Injectable()
class Prices {
  @Cached({ ttl: '5m' })
  async find(): Promise<number> {
    return ++runs;
  }
}

@Controller('prices')
@UseInterceptors(CacheInterceptor)
class PricesController {
  @Get()
  @CacheRoute({ ttl: '60s', staleWhileRevalidate: '30s' })
  list(): { run: number } {
    return { run: ++runs };
  }
}

let clock: FakeClock;
const openShop = (platform: Platform): Promise<Site> => {
  runs = 0;
  clock = fakeClock();
  return openSite(platform, { controllers: [PricesController], providers: [Prices], cache: { clock } });
};

afterEach(closeSites);

describe.each<Platform>(['express', 'fastify'])('the option `clock` on %s', (platform) => {
  it('decides when a value expires', async () => {
    const { app } = await openShop(platform);
    const prices = app.get(Prices);
    await prices.find();

    await clock.advance(299_999);
    const before = await prices.find();
    await clock.advance(1);
    const after = await prices.find();

    expect([before, after]).toEqual([1, 2]);
  });

  it('decides what routes say about their age, and when they answer stale', async () => {
    const site = await openShop(platform);
    await site.get('/prices');

    await clock.advance(20_000);
    const hit = await site.get('/prices');
    await clock.advance(50_000);
    const stale = await site.get('/prices');

    expect([hit.headers['x-cache'], hit.headers['x-cache-ttl'], hit.headers.age]).toEqual(['HIT', '40', '20']);
    expect([stale.headers['x-cache'], stale.headers.age, JSON.parse(stale.body)]).toEqual(['STALE', '70', { run: 1 }]);
  });

  it('labels entries and statistics', async () => {
    const { cache } = await openShop(platform);
    await cache.set('k', 'v');

    expect((await cache.getStats()).since).toBe('2030-01-01T00:00:00.000Z');
    expect((await cache.getEntry('k'))?.createdAt.toISOString()).toBe('2030-01-01T00:00:00.000Z');
  });
});

it('is taken by `createCache`, and given to an adapter', async () => {
  const own = fakeClock();
  let given: unknown;
  const cache = await createCache({
    clock: own,
    adapter: (context) => {
      given = context.clock;
      return passThroughAdapter;
    },
  });

  expect(given).toBe(own);
  expect(internalsOf(cache).clock).toBe(own);
  await cache.close();
});
