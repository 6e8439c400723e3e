import { Controller, Get, Param, Query, Req, UseInterceptors, Version, VersioningType } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, type PlatformRequest, routesOn, Runs } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('the key of a request (%s)', (platform) => {
  const { open, openController, openRoute } = routesOn(platform);

  it('defect 7, #41: keeps hosts apart, and spells them alike', async () => {
    const { get, runs } = await openRoute((request) => ({ host: request.headers.host }));

    await get('/', { host: 'a.test' });
    const other = await get('/', { host: 'b.test' });
    const same = await get('/', { host: 'A.TEST:80' });

    expect(other.body).toBe('{"host":"b.test"}');
    expect(same.headers['x-cache']).toBe('HIT');
    expect(runs.count).toBe(2);
  });

  it('#41: ignores X-Forwarded-Host of a peer that is not trusted', async () => {
    const { get } = await openRoute(() => 'x');

    await get('/', { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' });

    expect((await get('/')).headers['x-cache']).toBe('HIT');
  });

  it('#39: keeps the versions of one URL apart', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Versions {
      @Get('v')
      @Version('1')
      one(): string {
        return 'one';
      }

      @Get('v')
      @Version('2')
      two(): string {
        return 'two';
      }
    }
    const site = await openController(Versions, {
      prepare: (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'X-V' }),
    });

    await site.twice('/v', { 'x-v': '1' });

    expect((await site.get('/v', { 'x-v': '2' })).body).toBe('two');
    expect((await site.get('/v', { 'x-v': '1' })).body).toBe('one');
  });

  it('#39: keeps equally named controllers of two modules apart, with one key and a global prefix', async () => {
    const controllers = ['shop', 'admin'].map((answer) => {
      @Controller('products')
      @UseInterceptors(CacheInterceptor)
      class ProductsController {
        @Get()
        @CacheRoute({ key: 'list' })
        list(): string {
          return answer;
        }
      }
      return ProductsController;
    });
    const modules = controllers.map((controller, i) => {
      const module = i === 0 ? class ShopModule {} : class AdminModule {};
      Reflect.defineMetadata('controllers', [controller], module);
      return module;
    });
    const site = await open({
      controllers: [],
      imports: [...modules, RouterModule.register(modules.map((module, i) => ({ path: String(i), module })))],
      prepare: (app) => app.setGlobalPrefix('api'),
    });

    await site.get('/api/0/products');

    expect((await site.get('/api/1/products')).body).toBe('admin');
    expect((await site.get('/api/0/products')).headers['x-cache']).toBe('HIT');
  });

  it('#42: sorts the query, and tells `?a`, `?a=` and no `a` apart', async () => {
    const { get, runs } = await openRoute((request) => request.originalUrl);

    await get('/?a=1&b=2');
    const sorted = await get('/?b=2&a=1');
    const bodies = [
      await get('/?a'),
      await get('/?a='),
      await get('/'),
      await get('/?'),
      await get('/?a=2&a=1'),
      await get('/?a=1&a=2'),
    ];

    expect(sorted.headers['x-cache']).toBe('HIT');
    expect(bodies.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'MISS', 'MISS', 'HIT', 'MISS', 'MISS']);
    expect(runs.count).toBe(6);
  });

  it('#43: hides parameters that are not in the key from the handler', async () => {
    const seen: unknown[] = [];
    const { get } = await openRoute(
      (request) => {
        seen.push([request.query, request.url, request.originalUrl].map((part) => JSON.stringify(part)));
        return 'x';
      },
      CacheRoute({ query: { ignore: ['utm_source', 'gclid'] } }),
    );

    const first = await get('/?utm_source=evil&page=2&gclid=1');
    const second = await get('/?page=2');

    expect(seen).toEqual([['{"page":"2"}', '"/?page=2"', '"/?page=2"']]);
    expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['MISS', 'HIT']);
  });

  it('#43, #44: keeps what a parser may fold into an allowed parameter', async () => {
    const { get } = await openRoute((request) => request.query, CacheRoute({ query: { allow: ['page'] } }));

    await get('/?page=1&x=2');

    expect((await get('/?page=1')).headers['x-cache']).toBe('HIT');
    expect((await get('/?page=1&[page]=2')).headers['x-cache']).toBe('MISS');
    expect((await get('/?page=1&page[]=2')).headers['x-cache']).toBe('MISS');
  });

  it('#52: varies by the named headers, missing and empty being two', async () => {
    const { get, runs } = await openRoute(
      (request) => request.headers['accept-language'] ?? 'none',
      CacheRoute({ varyBy: ['Accept-Language'] }),
    );

    const french = await get('/', { 'accept-language': 'fr, en' });
    const spaced = await get('/', { 'accept-language': 'fr,en' });
    const none = await get('/');
    const empty = await get('/', { 'accept-language': '' });

    expect([french, spaced, none, empty].map(({ headers }) => headers['x-cache'])).toEqual([
      'MISS',
      'HIT',
      'MISS',
      'MISS',
    ]);
    expect(spaced.headers.vary?.toLowerCase()).toBe('accept-language');
    expect(runs.count).toBe(3);
  });

  it('defect 18: puts a key in the place of path and query only', async () => {
    const runs = new Runs();
    @Controller('items')
    @UseInterceptors(CacheInterceptor)
    class Items {
      @Get(':id')
      @CacheRoute({ key: (request) => `item:${request.params.id ?? ''}` })
      one(@Param('id') id: string, @Query('q') q?: string): object {
        return { id, q: q ?? null, run: runs.next() };
      }
    }
    const site = await openController(Items);

    await site.get('/items/1');

    expect((await site.get('/items/1?q=x')).headers['x-cache']).toBe('HIT');
    expect((await site.get('/items/2')).body).toBe('{"id":"2","q":null,"run":2}');
  });

  it('#45, #46: keeps paths as they were sent', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Me {
      @Get(platform === 'express' ? 'me/*rest' : 'me/*')
      me(@Req() request: PlatformRequest): string {
        return request.originalUrl;
      }
    }
    const site = await openController(Me);
    const paths = ['/me/x.css', '/me/a%2Fb', '/me/a/b', '/me/A/b', '/me/a/b;x'];

    for (const path of paths) {
      const answer = await site.get(path);
      expect([answer.body, answer.headers['x-cache']]).toEqual([path, 'MISS']);
    }
  });

  it('#40: shortens a long key without mixing it up', async () => {
    const { get } = await openRoute((request) => request.originalUrl);
    const long = 'x'.repeat(3000);

    await get(`/?a=${long}1`);

    expect((await get(`/?a=${long}2`)).body).toMatch(/2$/);
    expect((await get(`/?a=${long}1`)).headers['x-cache']).toBe('HIT');
  });

  it('#49: never sends application data, whatever stands under a key of a route', async () => {
    const { get, cache } = await openRoute(() => 'handler');
    await get('/');
    const { entries } = await cache.list();
    const [entry] = entries;

    await cache.set(entry?.key ?? '', { format: 'mine', body: Buffer.from('application data') });
    const answer = await get('/');

    expect([answer.body, answer.headers['x-cache']]).toEqual(['handler', 'MISS']);
    expect((await get('/')).headers['x-cache']).toBe('HIT');
  });
});
