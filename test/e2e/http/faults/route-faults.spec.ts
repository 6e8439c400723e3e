import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from '../../../../src/core/cache-internals.js';
import { CacheKitModule } from '../../../../src/cache-kit.module.js';
import type { CacheService } from '../../../../src/core/cache.service.js';
import { CacheUnavailableError } from '../../../../src/core/vocabulary/cache.errors.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { getCacheToken } from '../../../../src/nest/inject-cache.decorator.js';
import { closeSites, type Platform, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('faults of routes (%s)', (platform) => {
  const { openController, routeOf, openRoute } = routesOn(platform);

  it('refuses to start with a route whose cache does not exist', async () => {
    const { controller } = routeOf(() => 'x', CacheRoute({ cache: 'sessions' }));

    await expect(openController(controller)).rejects.toThrow(
      /Expected a cache named `sessions`.*Import CacheKitModule\.forRoot\(\{ name: 'sessions' \}\)/s,
    );
  });

  it('uses the cache that the route names', async () => {
    const { controller } = routeOf(() => 'x', CacheRoute({ cache: 'pages', ttl: '1m' }));
    const site = await openController(controller, { imports: [CacheKitModule.forRoot({ name: 'pages' })] });

    await site.twice('/');

    const pages = site.app.get<CacheService>(getCacheToken('pages'));
    expect([(await pages.getStats()).totalEntries, (await site.cache.getStats()).totalEntries]).toEqual([1, 0]);
  });

  it('#103: runs the handler when the cache fails', async () => {
    const { get, cache, runs } = await openRoute(() => 'ok');
    jest.spyOn(internalsOf(cache), 'load').mockRejectedValue(new CacheUnavailableError('down'));

    const answer = await get('/');

    expect([answer.status, answer.body, answer.headers['x-cache']]).toEqual([200, 'ok', 'BYPASS']);
    expect(runs.count).toBe(1);
  });

  it('runs the handler when the key of a route fails', async () => {
    const { get } = await openRoute(
      () => 'ok',
      CacheRoute({
        key: () => {
          throw new Error('no key');
        },
      }),
    );

    const answer = await get('/');

    expect([answer.body, answer.headers['x-cache']]).toEqual(['ok', 'BYPASS']);
  });
});
