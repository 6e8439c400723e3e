import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Inject, Injectable, Param, Post, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cached } from '../../src/nest/decorators/cached.decorator.js';
import { CacheInterceptor } from '../../src/nest/http/cache.interceptor.js';
import { internalsOf } from '../../src/core/cache-internals.js';
import { closeSites, openSite, type Platform } from './http.fixture.js';

const LOAD_MS = 20;

@Injectable()
class Prices {
  @Cached({ key: (id: string) => `price:${id}` })
  async find(id: string): Promise<number> {
    if (id === 'bad') throw new Error('no price');
    return sleep(LOAD_MS, id.length);
  }
}

@Controller('products')
@UseInterceptors(CacheInterceptor)
class Products {
  constructor(@Inject(Prices) private readonly prices: Prices) {}

  @Get(':id')
  async find(@Param('id') id: string): Promise<object> {
    return { price: await this.prices.find(id) };
  }

  @Post()
  add(): string {
    return 'added';
  }
}

afterEach(closeSites);

describe.each<Platform>(['express', 'fastify'])('the statistics of methods and routes (%s)', (platform) => {
  it('count what each got from the cache, and the time that it saved', async () => {
    const { get, ask, cache } = await openSite(platform, { controllers: [Products], providers: [Prices] });

    await get('/products/a');
    await get('/products/a');
    await get('/products/a');
    await get('/products/a', { 'if-match': '"x"' });
    await get('/products/bad');
    await ask('/products', { method: 'POST' });

    const { routes, methods, savedTodayMs, loads } = await cache.getStats();
    const { routes: requests } = await internalsOf(cache).metrics();
    expect(routes).toEqual([
      expect.objectContaining({ route: 'GET /products/:id', hits: 2, misses: 2, staleHits: 0, hitRate: 0.5, loads: 2 }),
    ]);
    expect(methods).toEqual([
      expect.objectContaining({ method: 'Prices.find', hits: 1, misses: 2, loads: 2, loadFailures: 1 }),
    ]);
    expect(routes[0]?.savedMs).toBeGreaterThanOrEqual(2 * (LOAD_MS - 1));
    expect(methods[0]?.savedTodayMs).toBeGreaterThanOrEqual(LOAD_MS - 1);
    expect(savedTodayMs).toBe(loads.savedMs);
    expect(requests).toEqual([{ route: 'GET /products/:id', hits: 2, stale: 0, misses: 2, bypasses: 1 }]);
  });
});
