import {
  Controller,
  Delete,
  Get,
  HttpException,
  type INestApplication,
  Inject,
  Param,
  Post,
  Put,
  Redirect,
  Req,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CacheKitModule } from '../../../../src/cache-kit.module.js';
import { CacheService } from '../../../../src/core/cache.service.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute, type CacheRouteOptions } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { urlTag } from '../../../../src/nest/http/response/response-tags.js';
import {
  type Answer,
  closeSites,
  type PassthroughResponse,
  type Platform,
  type PlatformRequest,
  routesOn,
  type Site,
  travelIn,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const stateOf = ({ headers }: Answer): unknown => headers['x-cache'];

describe.each<[Platform]>([['express'], ['fastify']])('invalidation on %s', (platform) => {
  const { open, openRoute, openController, openOrigin } = routesOn(platform);

  describe('by an unsafe method', () => {
    /** Answers GET with the requested path, and other methods as their headers say. */
    function origin(): Promise<Site> {
      return openOrigin(({ headers, originalUrl }, response) => {
        for (const name of ['location', 'content-location'])
          if (headers[`x-${name}`] !== undefined) response.header(name, headers[`x-${name}`] as string);
        const status = Number(headers['x-status'] ?? 200);
        if (status >= 400) throw new HttpException('no', status);
        response.status(status);
        return originalUrl;
      }, {});
    }

    it.each<readonly [string, number]>([
      ['POST', 200],
      ['PUT', 204],
      ['PATCH', 201],
      ['DELETE', 200],
      ['POST', 303],
      // Fastify accepts other methods only after they are registered.
      ...(platform === 'express' ? ([['M-SEARCH', 200]] as const) : []),
    ])('#6: %s that is answered %d removes what is stored for its URL', async (method, status) => {
      const { get, ask } = await origin();
      await get('/a');

      await ask('/a', { method, headers: { 'x-status': String(status) } });

      expect(stateOf(await get('/a'))).toBe('MISS');
    });

    it.each([[400], [404], [500]])('#6: leaves it there when the answer is %d', async (status) => {
      const { get, ask } = await origin();
      await get('/a');

      await ask('/a', { method: 'POST', headers: { 'x-status': String(status) } });

      expect(stateOf(await get('/a'))).toBe('HIT');
    });

    it('#6: leaves it there after safe methods', async () => {
      const { get, ask } = await origin();
      await get('/a');

      await ask('/a', { method: 'OPTIONS' });
      await ask('/a', { method: 'HEAD' });

      expect(stateOf(await get('/a'))).toBe('HIT');
    });

    it('#6: leaves other URLs and hosts alone', async () => {
      const { get, ask } = await origin();
      for (const [path, host] of [
        ['/a?b=1', 'a.test'],
        ['/b', 'a.test'],
        ['/a', 'b.test'],
      ] as const)
        await get(path, { host });

      await ask('/a', { method: 'POST', headers: { host: 'a.test' } });

      expect(
        [
          await get('/a?b=1', { host: 'a.test' }),
          await get('/b', { host: 'a.test' }),
          await get('/a', { host: 'b.test' }),
        ].map(stateOf),
      ).toEqual(['HIT', 'HIT', 'HIT']);
    });

    it('#6: finds what is stored for a loopback address by whatever port', async () => {
      const { get, ask } = await origin();
      await get('/a', { host: 'localhost:3000' });
      await get('/b', { host: 'localhost:3000' });

      await ask('/a', { method: 'POST', headers: { host: 'localhost:4000', 'x-location': 'http://localhost:5000/b' } });

      expect(
        [await get('/a', { host: 'localhost:3000' }), await get('/b', { host: 'localhost:3000' })].map(stateOf),
      ).toEqual(['MISS', 'MISS']);
    });

    it.each([
      ['location', '/b', 'MISS'],
      ['content-location', '/b', 'MISS'],
      ['location', 'http://a.test/b', 'MISS'],
      ['location', 'http://b.test/b', 'HIT'],
      ['location', 'http://[', 'HIT'],
    ])('#6: with %s: %s makes it a %s there', async (name, value, state) => {
      const { get, ask } = await origin();
      await get('/b', { host: 'a.test' });

      await ask('/a', { method: 'POST', headers: { host: 'a.test', [`x-${name}`]: value } });

      expect(stateOf(await get('/b', { host: 'a.test' }))).toBe(state);
    });

    it.each<[string, (app: INestApplication) => unknown, string]>([
      [
        'removes it where the interceptor is bound for the whole application',
        (app) => app.useGlobalInterceptors(new CacheInterceptor(app.get(ModuleRef))),
        'MISS',
      ],
      ['is not seen without the interceptor', () => undefined, 'HIT'],
    ])('#6: in a controller of its own %s (fault 22)', async (_, prepare, state) => {
      @Controller('items')
      @UseInterceptors(CacheInterceptor)
      class Reads {
        @Get(':id')
        one(@Param('id') id: string): string {
          return id;
        }
      }
      @Controller('items')
      class Writes {
        constructor(@Inject(CacheService) private readonly cache: CacheService) {}

        @Put(':id')
        put(): string {
          return 'put';
        }

        @Delete(':id')
        async remove(@Req() { headers, originalUrl }: PlatformRequest): Promise<void> {
          await this.cache.invalidateTags([urlTag(`http://${headers.host}${originalUrl}`)]);
        }
      }
      const { get, ask } = await open({ controllers: [Reads, Writes], prepare });
      await get('/items/1');

      await ask('/items/1', { method: 'PUT' });
      const afterPut = await get('/items/1');
      await ask('/items/1', { method: 'DELETE' });
      const afterRemoval = await get('/items/1');

      expect([afterPut, afterRemoval].map(stateOf)).toEqual([state, 'MISS']);
    });

    it('#6: reaches every scope, every cache, and handlers that send by themselves', async () => {
      @Controller('orders')
      @UseInterceptors(CacheInterceptor)
      class Orders {
        @Get('mine')
        @CacheRoute({ scope: (request) => request.headers['x-user'] as string })
        mine(): string {
          return 'x';
        }

        @Get('all')
        @CacheRoute({ cache: 'pages' })
        all(): string {
          return 'x';
        }

        @Post('mine')
        post(@Res() response: PassthroughResponse & { send(body: string): unknown }): void {
          response.send('done');
        }

        @Post('all')
        @Redirect('/orders/all', 303)
        postAll(): void {
          // The redirect itself is the answer.
        }
      }
      const { get, ask } = await openController(Orders, { imports: [CacheKitModule.forRoot({ name: 'pages' })] });
      await get('/orders/mine', { 'x-user': 'a' });
      await get('/orders/mine', { 'x-user': 'b' });
      await get('/orders/all');

      const sent = await ask('/orders/mine', { method: 'POST' });
      await ask('/orders/all', { method: 'POST' });

      expect(sent.body).toBe('done');
      expect(
        [
          await get('/orders/mine', { 'x-user': 'a' }),
          await get('/orders/mine', { 'x-user': 'b' }),
          await get('/orders/all'),
        ].map(stateOf),
      ).toEqual(['MISS', 'MISS', 'MISS']);
    });

    it('#6: works for routes without @CacheRoute when the cache is for those with it alone', async () => {
      @Controller('a')
      @UseInterceptors(CacheInterceptor)
      class Opted {
        @Get()
        @CacheRoute()
        get(): string {
          return 'x';
        }

        @Post()
        post(): string {
          return 'x';
        }
      }
      const { get, ask } = await openController(Opted, { cache: { http: { optIn: true } } });
      await get('/a');

      const posted = await ask('/a', { method: 'POST' });

      expect([stateOf(posted), stateOf(await get('/a'))]).toEqual([undefined, 'MISS']);
    });
  });

  function items(options: CacheRouteOptions, cache = {}): Promise<Site> {
    @Controller('items')
    @UseInterceptors(CacheInterceptor)
    class Items {
      @Get(':id')
      @CacheRoute(options)
      one(
        @Param('id') id: string,
        @Res({ passthrough: true }) response: PassthroughResponse,
        @Req() request: PlatformRequest,
      ): object {
        const { 'x-surrogate': surrogate, 'x-tag': tag } = request.headers;
        if (surrogate !== undefined) response.header('Surrogate-Key', surrogate);
        if (tag !== undefined) response.header('Cache-Tag', tag);
        return { id, shop: `s${id}` };
      }
    }
    return openController(Items, { cache });
  }

  it('#112: by tags that are made from the parameters and from the result', async () => {
    const { get, cache } = await items({
      tags: (request, result) => [`item:${request.params.id ?? ''}`, `shop:${(result as { shop: string }).shop}`],
    });
    await get('/items/1');
    await get('/items/2');

    await cache.invalidateTags(['shop:s1']);

    expect([await get('/items/1'), await get('/items/2')].map(stateOf)).toEqual(['MISS', 'HIT']);
  });

  it('#112: by tags that the handler names in headers, which are not sent on', async () => {
    const { get, cache } = await items({});
    const named = { 'x-surrogate': 'a b', 'x-tag': 'c d,e' };
    const stored = await get('/items/1', named);

    for (const tag of ['a', 'b', 'c d', 'e']) {
      await cache.invalidateTags([tag]);
      expect(stateOf(await get('/items/1', named))).toBe('MISS');
    }
    expect([stored.headers['surrogate-key'], stored.headers['cache-tag']]).toEqual([undefined, undefined]);
  });

  it('#112: sends the tags on when asked, on misses and hits alike', async () => {
    const { get } = await items({ tags: ['all', 'a,b'] }, { http: { headers: { surrogateKey: true } } });

    const answers = [await get('/items/1', { 'x-surrogate': 'x' }), await get('/items/1')];

    for (const { headers } of answers)
      expect(headers).toMatchObject({ 'surrogate-key': 'all a%2Cb x', 'cache-tag': 'all,a%2Cb,x' });
  });

  it('#113: never stores without its tags an answer whose tags cannot be made', async () => {
    const failing = await items({
      tags: () => {
        throw new Error('no tags');
      },
    });
    const long = await items({ tags: () => ['x'.repeat(2_000)] });

    for (const { get } of [failing, long]) {
      const answers = [await get('/items/1'), await get('/items/1')];
      expect(answers.map(({ status, headers }) => [status, headers['x-cache']])).toEqual([
        [200, 'BYPASS'],
        [200, 'BYPASS'],
      ]);
    }
  });

  it('#114: purges a URL, with its variants, both schemes and HEAD', async () => {
    const { get, ask, cache } = await openOrigin(
      (request, response) => (response.header('Vary', 'X-Tier'), request.originalUrl),
      {},
    );
    await get('/a?b=1&a=2', { host: 'shop.test', 'x-tier': '1' });
    await get('/a?b=1&a=2', { host: 'shop.test', 'x-tier': '2' });
    await get('/b', { host: 'shop.test' });

    await cache.invalidateTags([urlTag('https://shop.test/a?a=2&b=1')]);

    const after = [
      await ask('/a?a=2&b=1', { method: 'HEAD', headers: { host: 'shop.test', 'x-tier': '1' } }),
      await get('/a?a=2&b=1', { host: 'shop.test', 'x-tier': '2' }),
      await get('/b', { host: 'shop.test' }),
    ];
    expect(after.map(stateOf)).toEqual(['MISS', 'MISS', 'HIT']);
  });

  it('#114: purges softly: what is stale may still be served', async () => {
    const { get, cache } = await items({ tags: ['all'], staleWhileRevalidate: '1m', namespace: 'items' });
    const travel = travelIn(cache);
    await get('/items/1');
    travel(5_000);

    await cache.invalidateTags(['all'], { soft: true });
    const stale = await get('/items/1');
    await cache.invalidateTags(['all']);

    expect(stale.headers).toMatchObject({ 'x-cache': 'STALE', age: '5' });
    expect(stateOf(await get('/items/1'))).toBe('MISS');
  });

  it('#115: serves nothing older to who asks after a purge', async () => {
    const { get, cache, runs } = await openRoute(() => ({ at: runs.count }), CacheRoute({ tags: ['all'] }));

    for (let round = 1; round <= 5; round++) {
      expect((await get('/')).body).toBe(`{"at":${round}}`);
      await cache.invalidateTags(['all']);
    }
  });

  it('#116: keeps no tag of an answer that is gone', async () => {
    const { get, cache } = await items(
      { tags: (request) => [`item:${request.params.id ?? ''}`] },
      { memory: { maxEntries: 10 } },
    );
    for (let i = 0; i < 50; i++) await get(`/items/${i}`);

    const purged = await Promise.all(Array.from({ length: 50 }, (_, i) => cache.invalidateTags([`item:${i}`])));

    expect(purged.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('#117: has no route of its own that purges', async () => {
    const { get, ask } = await items({});
    await get('/items/1');

    const purge = await ask('/items/1', { method: 'PURGE' });

    expect(purge.status).toBe(404);
    expect(stateOf(await get('/items/1'))).toBe('HIT');
  });

  it('#118: stays within a namespace, and within a cache', async () => {
    const one = await items({ namespace: 'one', tags: ['all'] });
    const two = await items({ namespace: 'two', tags: ['all'] });
    for (const { get } of [one, two]) await get('/items/1');

    await one.cache.invalidateNamespace('two');
    await one.cache.invalidatePattern('GET *', { namespace: 'two' });
    await two.cache.invalidateTags(['all']);

    expect([stateOf(await one.get('/items/1')), stateOf(await two.get('/items/1'))]).toEqual(['HIT', 'MISS']);
  });
});
