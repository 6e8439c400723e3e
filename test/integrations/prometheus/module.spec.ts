import { Controller, Get, type INestApplication, Param, UseInterceptors, VersioningType } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Counter, register as globalRegister, Registry } from 'prom-client';
import { CacheKitModule } from '../../../src/cache-kit.module.js';
import { CacheService } from '../../../src/core/cache.service.js';
import { CacheRoute } from '../../../src/nest/http/route/cache-route.decorator.js';
import { CacheInterceptor } from '../../../src/nest/http/cache.interceptor.js';
import { getCacheToken } from '../../../src/nest/inject-cache.decorator.js';
import { CachePrometheusModule, type CachePrometheusOptions } from '../../../src/prometheus.js';
import { PLATFORMS, startApp } from '../../support/nest-app.js';
import { closeSites, openSite } from '../../e2e/http.fixture.js';
import { counted, parseScrape } from './scrape.fixture.js';

@Controller('products')
@UseInterceptors(CacheInterceptor)
class Products {
  @Get(':id')
  @CacheRoute({ ttl: '1h' })
  find(@Param('id') id: string): object {
    return { id };
  }
}

const imports = (options: CachePrometheusOptions) => [
  CacheKitModule.forRoot({ defaultTtl: '1h' }),
  CacheKitModule.forRoot({ name: 'prices' }),
  CachePrometheusModule.forRoot(options),
];

let running: INestApplication | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
  await closeSites();
});

describe.each(PLATFORMS)('CachePrometheusModule (%s)', (platform) => {
  it('serves the metrics of all caches, and those of the application', async () => {
    const register = new Registry();
    new Counter({ name: 'orders_total', help: 'Orders.', registers: [register] }).inc(7);
    const { app, url } = await startApp(
      { imports: imports({ register, path: 'metrics' }), controllers: [Products] },
      platform,
    );
    running = app;
    await fetch(`${url}/products/1`);
    await fetch(`${url}/products/1`);
    await fetch(`${url}/products/2`);
    await app.get<CacheService>(getCacheToken('prices'), { strict: false }).clear();

    const response = await fetch(`${url}/metrics`);

    const scrape = parseScrape(await response.text());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain;(?=.*version=0\.0\.4)(?=.*charset=utf-8)/);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(counted(scrape, 'orders_total')).toEqual({ orders_total: 7 });
    expect(counted(scrape, 'cache_kit_http_requests_total')).toEqual({
      'cache_kit_http_requests_total{cache="default",route="GET /products/:id",result="hit"}': 1,
      'cache_kit_http_requests_total{cache="default",route="GET /products/:id",result="miss"}': 2,
    });
    expect(counted(scrape, 'cache_kit_invalidations_total')).toEqual({
      'cache_kit_invalidations_total{cache="prices",kind="clear"}': 1,
    });
    expect(counted(scrape, 'cache_kit_backend_up')).toEqual({
      'cache_kit_backend_up{cache="default"}': 1,
      'cache_kit_backend_up{cache="prices"}': 1,
    });
  });

  it('has no route without a path, and leaves the registry as it was when the application ends', async () => {
    const { app, url } = await startApp({ imports: imports({}) }, platform);
    running = app;

    const response = await fetch(`${url}/metrics`);
    const named = (): string[] => globalRegister.getMetricsAsArray().map(({ name }) => name);
    const during = named();
    await app.close();

    expect(response.status).toBe(404);
    expect(during).toContain('cache_kit_requests_total');
    expect(named()).toEqual([]);
  });
});

describe('CachePrometheusModule', () => {
  it('leaves out an object that a test has put in the place of a cache', async () => {
    const register = new Registry();
    const mock = { provide: CacheService, useValue: { get: () => Promise.resolve() } };
    const { app } = await startApp({ imports: [CachePrometheusModule.forRoot({ register })], providers: [mock] });
    running = app;

    expect(parseScrape(await register.metrics()).get('cache_kit_backend_up')?.samples.size).toBe(0);
  });

  it.each([
    [{ registry: new Registry() }, /Unknown option `registry`. Write `register` instead/],
    [{ path: '' }, /Expected `path` to be a path such as 'metrics'/],
    [{ path: true }, /Expected `path` to be a path such as 'metrics'/],
    [{ register: {} }, /Expected `register` to be a Registry of prom-client/],
  ])('refuses wrong options: %p', (options, message) => {
    expect(() => CachePrometheusModule.forRoot(options as never)).toThrow(message);
  });

  it('keeps its path in an application with versions in its paths', async () => {
    const register = new Registry();
    const site = await openSite('express', {
      controllers: [],
      imports: [CachePrometheusModule.forRoot({ register, path: 'metrics' })],
      prepare: (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    });

    expect((await site.get('/metrics')).status).toBe(200);
  });
});
