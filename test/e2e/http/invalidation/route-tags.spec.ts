import { Controller, Get, Param, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('invalidation (%s)', (platform) => {
  const { openController } = routesOn(platform);

  it('#112: by tag, of the route and of the request', async () => {
    @Controller('items')
    @UseInterceptors(CacheInterceptor)
    class Items {
      @Get(':id')
      @CacheRoute({ namespace: 'items', tags: (request) => ['items', `item:${request.params.id ?? ''}`] })
      one(@Param('id') id: string): string {
        return id;
      }
    }
    const site = await openController(Items);
    await site.get('/items/1');
    await site.get('/items/2');

    await site.cache.invalidateTags(['item:1']);
    const one = await site.get('/items/1');
    const two = await site.get('/items/2');
    await site.cache.invalidateNamespace('items');

    expect([one.headers['x-cache'], two.headers['x-cache']]).toEqual(['MISS', 'HIT']);
    expect((await site.get('/items/2')).headers['x-cache']).toBe('MISS');
  });
});
