import { Controller, Get, Injectable, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cached, CacheInterceptor, CacheRoute, CacheService } from '../../../src/index.js';
import {
  CacheKitTestingModule,
  fakeClock,
  type FakeClock,
  faultyAdapter,
  type FaultPlan,
  type FaultyAdapter,
  memoryAdapter,
  recordingObserver,
  type RecordingObserver,
} from '../../../src/testing/index.js';
import { closeSites, openSite, type Platform, type Site } from '../http.fixture.js';

@Injectable()
class Prices {
  loads = 0;

  @Cached({ ttl: '1m' })
  async find(): Promise<number> {
    return ++this.loads;
  }
}

@Controller('prices')
@UseInterceptors(CacheInterceptor)
class PricesController {
  constructor(private readonly prices: Prices) {}

  @Get()
  @CacheRoute({ ttl: '1m' })
  async list(): Promise<{ price: number }> {
    return { price: await this.prices.find() };
  }
}

interface Shop {
  readonly site: Site;
  readonly store: FaultyAdapter;
  readonly clock: FakeClock;
  readonly observer: RecordingObserver;
}

async function openShop(platform: Platform, plan: FaultPlan): Promise<Shop> {
  const store = faultyAdapter(memoryAdapter(), plan);
  const clock = fakeClock();
  const observer = recordingObserver();
  const cache = CacheKitTestingModule.forRoot({ adapter: store, clock, onError: observer.onError });
  const site = await openSite(platform, {
    controllers: [PricesController],
    providers: [Prices],
    imports: [cache],
    cache: { name: 'unused' },
  });
  observer.observe(site.app.get(CacheService));
  return { site, store, clock, observer };
}

afterEach(closeSites);

describe.each<Platform>(['express', 'fastify'])('an application on %s', (platform) => {
  it('answers while its store fails, and is cached again when that is back', async () => {
    const down = { error: new Error('down') };
    const { site, store, observer } = await openShop(platform, { get: down, getMany: down, begin: down });

    const [first, second] = await site.twice('/prices');
    const errors = observer.errors.map(({ code }) => code);
    store.plan({});
    const [third, fourth] = await site.twice('/prices');

    expect([first, second, third, fourth].map(({ body }) => body)).toEqual([
      '{"price":1}',
      '{"price":2}',
      '{"price":3}',
      '{"price":3}',
    ]);
    expect(fourth.headers['x-cache']).toBe('HIT');
    expect(new Set(errors)).toEqual(new Set(['CACHE_BACKEND_UNAVAILABLE']));
    expect(observer.eventsOf('error').length).toBeGreaterThan(0);
  });

  it('answers while its store hangs, as soon as the time for a look-up is over, and can be closed', async () => {
    const { site, store, clock } = await openShop(platform, { get: { hang: true, on: 1 } });
    const answer = site.get('/prices');
    while (store.calls.get === 0) await clock.advance(0);

    await clock.advance(250);

    expect([(await answer).status, store.faults.get]).toEqual([200, 1]);
    await Promise.all([site.app.close(), clock.advance(5_000)]);
  });
});

it('closes by its clock while a load hangs', async () => {
  const { site, clock } = await openShop('express', {});
  const load = site.cache.getOrSet('k', () => new Promise(() => undefined));
  const refused = expect(load).rejects.toThrow(/was closed while `k` was loading/);

  const closed = site.app.close();
  await clock.advance(5_000);

  await closed;
  await refused;
});
