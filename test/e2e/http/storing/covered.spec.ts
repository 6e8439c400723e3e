import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, Headers, UseInterceptors } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

let runs = 0;

@Controller('covered')
class Covered {
  @Get('undeclared')
  undeclared(): number {
    return ++runs;
  }

  @Get('declared')
  @Header('Cache-Control', 'public, max-age=60')
  declared(): number {
    return ++runs;
  }

  @Get('forwarded')
  forwarded(@Headers('x-forwarded-for') address = 'hidden'): string {
    return address;
  }

  @Get('asked')
  @CacheRoute()
  asked(): number {
    return ++runs;
  }

  @Get('bound')
  @UseInterceptors(CacheInterceptor)
  bound(): number {
    return ++runs;
  }
}

@Controller('with-ttl')
@CacheRoute({ namespace: 'asked' })
class OfController {
  @Get()
  get(): number {
    return ++runs;
  }
}

describe.each<[Platform]>([['express'], ['fastify']])('an interceptor of the whole application on %s', (platform) => {
  const open = (cache: CacheKitOptions = {}) =>
    routesOn(platform).open({
      controllers: [Covered, OfController],
      providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
      cache,
    });

  it.each([
    ['/covered/undeclared', ['BYPASS', 'BYPASS'], undefined],
    ['/covered/declared', ['MISS', 'HIT'], 'public, max-age=60'],
    ['/covered/asked', ['MISS', 'HIT'], 'public, max-age=3600'],
    ['/covered/bound', ['MISS', 'HIT'], 'public, max-age=3600'],
    ['/with-ttl', ['MISS', 'HIT'], 'public, max-age=3600'],
  ])('caches what asks, or what declares itself fresh: %s is answered %j', async (path, states, cacheControl) => {
    const site = await open();

    const answers = await site.twice(path);

    expect(answers.map(({ headers }) => headers['x-cache'])).toEqual(states);
    expect(answers[1].headers['cache-control']).toBe(cacheControl);
  });

  it('caches every route where `http.ttl` says so', async () => {
    const site = await open({ http: { ttl: '1m' } });

    const [, second] = await site.twice('/covered/undeclared');

    expect([second.headers['x-cache'], second.headers['cache-control']]).toEqual(['HIT', 'public, max-age=60']);
  });

  it('shows the request as it is to a handler that has not asked to be cached', async () => {
    const site = await open();

    const answer = await site.get('/covered/forwarded', { 'x-forwarded-for': '192.0.2.1' });

    expect(answer.body).toBe('192.0.2.1');
  });
});
