import { BadRequestException, type Type } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, routesOn, type Site } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('stale answers (%s)', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  function failing(options: Parameters<typeof CacheRoute>[0]): {
    controller: Type;
    fail: (error: Error | undefined) => void;
  } {
    let failure: Error | undefined;
    const { controller } = routeOf((_, response) => {
      response.header('X-Try', failure === undefined ? 'good' : 'bad');
      if (failure !== undefined) throw failure;
      return 'good';
    }, CacheRoute(options));
    return { controller, fail: (error) => (failure = error) };
  }

  async function expired(
    options: Parameters<typeof CacheRoute>[0],
  ): Promise<Site & { fail: (error: Error | undefined) => void }> {
    const { controller, fail } = failing({ tags: ['all'], ...options });
    const site = await openController(controller);
    await site.get('/');
    await site.cache.invalidateTags(['all'], { soft: true });
    return { ...site, fail };
  }

  it('#101: answers with the expired response when the handler throws', async () => {
    const { get, fail } = await expired({ ttl: '1m', staleIfError: '1m' });
    fail(new Error('database is down'));

    const answer = await get('/');

    expect([answer.status, answer.body]).toEqual([200, 'good']);
    expect(answer.headers).toMatchObject({ 'x-cache': 'STALE', 'x-cache-ttl': '0', 'x-try': 'good' });
    fail(undefined);
    expect((await get('/')).headers['x-cache']).toBe('MISS');
  });

  it('#101: never hides a 4xx', async () => {
    const { get, fail } = await expired({ ttl: '1m', staleIfError: '1m' });
    fail(new BadRequestException());

    expect((await get('/')).status).toBe(400);
  });

  it('lets the error through without `staleIfError`', async () => {
    const { get, fail } = await expired({ ttl: '1m' });
    fail(new Error('down'));

    expect((await get('/')).status).toBe(500);
  });
});
