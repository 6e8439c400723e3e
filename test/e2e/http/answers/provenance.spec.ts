import { BadRequestException, Controller, Get, Logger, Post, Res, Sse, UseInterceptors } from '@nestjs/common';
import { EMPTY, type Observable } from 'rxjs';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from '../../../../src/core/cache-internals.js';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute, type CacheRouteOptions, NoCache } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  type Answer,
  closeSites,
  type PassthroughResponse,
  type Platform,
  type RouteAnswer,
  routesOn,
  type RouteSite,
  travelIn,
  until,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const statusOf = ({ headers }: Answer): unknown => headers['cache-status'];

describe.each<[Platform]>([['express'], ['fastify']])('cache headers of answers on %s', (platform) => {
  const { openController, openRoute, routeOf } = routesOn(platform);

  async function openWith(
    cache: CacheKitOptions,
    answer: RouteAnswer,
    options: CacheRouteOptions = {},
  ): Promise<RouteSite> {
    const { controller, runs } = routeOf(answer, CacheRoute({ ttl: '1m', ...options }));
    return { ...(await openController(controller, { cache })), runs };
  }

  it('#73: Cache-Status of misses, hits and stale answers', async () => {
    const { get, cache } = await openRoute(() => 'x', CacheRoute({ ttl: '1m', staleWhileRevalidate: '1m' }));
    const travel = travelIn(cache);

    const answers = [await get('/'), await get('/')];
    travel(65_000);
    answers.push(await get('/'));

    expect(answers.map(statusOf)).toEqual(['nest; fwd=uri-miss; stored', 'nest; hit; ttl=60', 'nest; hit; ttl=-5']);
  });

  it('#73: Cache-Status of a variant that is missing, and of a validated answer', async () => {
    const { get, cache } = await openRoute((request, response) => {
      response.header('Vary', 'X-Tier');
      response.header('ETag', '"a"');
      response.header('Cache-Control', 'max-age=60');
      if (request.headers['if-none-match'] === '"a"') response.status(304);
      return 'x';
    });
    const travel = travelIn(cache);

    await get('/', { 'x-tier': 'a' });
    const variant = await get('/', { 'x-tier': 'b' });
    travel(61_000);
    const validated = await get('/', { 'x-tier': 'b' });

    expect([variant, validated].map(statusOf)).toEqual([
      'nest; fwd=vary-miss; stored',
      'nest; fwd=stale; fwd-status=304; stored',
    ]);
  });

  it('#73: Cache-Status of what goes past the cache', async () => {
    const { get, ask } = await openRoute((request, response) => {
      if (request.headers['x-fail'] !== undefined) throw new BadRequestException();
      if (request.headers['x-private'] !== undefined) response.header('Cache-Control', 'private');
      return 'x';
    });

    const answers = [
      await get('/', { cookie: 'a=1' }),
      await get('/', { upgrade: 'h2c' }),
      await get('/?1', { 'x-fail': '1' }),
      await get('/?2', { 'x-private': '1' }),
    ];

    expect(answers.map(statusOf)).toEqual([
      'nest; fwd=bypass',
      'nest; fwd=request',
      'nest; fwd=uri-miss',
      'nest; fwd=uri-miss',
    ]);
    expect(answers.map(({ headers }) => headers['x-cache'])).toEqual(['BYPASS', 'BYPASS', 'BYPASS', 'BYPASS']);
    expect(statusOf(await ask('/', { method: 'HEAD', headers: { authorization: 'a' } }))).toBe('nest; fwd=bypass');
  });

  it('#73: Cache-Status after that of a cache behind the handler', async () => {
    const { twice } = await openRoute(
      (_, response) => (response.header('Cache-Status', 'origin; hit; ttl=9'), 'x'),
      CacheRoute({ ttl: '1m' }),
    );

    expect((await twice('/')).map(statusOf)).toEqual([
      'origin; hit; ttl=9, nest; fwd=uri-miss; stored',
      'origin; hit; ttl=9, nest; hit; ttl=60',
    ]);
  });

  it('#74: tells who has waited for another one', async () => {
    const site = await openRoute(async () => (await site.runs.gate(), 'x'), CacheRoute({ ttl: '1m' }));
    site.runs.hold();
    const load = jest.spyOn(internalsOf(site.cache), 'load');

    const asked = [site.get('/'), site.get('/')];
    await until(() => load.mock.calls.length === 2);
    site.runs.release();

    expect((await Promise.all(asked)).map(statusOf)).toEqual([
      'nest; fwd=uri-miss; stored',
      'nest; fwd=uri-miss; collapsed',
    ]);
  });

  it.each<[string, (response: PassthroughResponse) => unknown, string]>([
    ['a cookie', (response) => response.header('Set-Cookie', 'a=1'), 'set-cookie'],
    ['private', (response) => response.header('Cache-Control', 'private'), 'private'],
    ['no-store', (response) => response.header('Cache-Control', 'no-store'), 'no-store'],
    ['its status', (response) => response.status(500), 'status'],
    ['its size', () => 'x'.repeat(200), 'too-large'],
  ])('#74: tells those who debug why an answer is not stored: %s', async (_, prepare, detail) => {
    const { get } = await openWith(
      { http: { maxBodyBytes: 100, headers: { cacheStatus: 'debug' } } },
      (__, response) => {
        const made = prepare(response);
        return typeof made === 'string' ? made : 'x';
      },
    );

    expect(statusOf(await get('/'))).toBe(`nest; fwd=uri-miss; detail="${detail}"`);
  });

  it('#74: tells those who debug why a request is bypassed', async () => {
    const { get } = await openWith({ http: { headers: { cacheStatus: 'debug' }, hosts: ['shop.test'] } }, () => 'x', {
      scope: 'user',
    });

    const answers = [
      await get('/', { host: 'shop.test' }),
      await get('/', { host: 'other.test' }),
      await get('/', { host: 'shop.test', upgrade: 'h2c' }),
    ];

    expect(answers.map(statusOf)).toEqual([
      'nest; fwd=bypass; detail="no-principal"',
      'nest; fwd=bypass; detail="unknown-host"',
      'nest; fwd=request; detail="more-than-a-get"',
    ]);
  });

  it('#50: shows keys to those who debug only', async () => {
    const open = await openRoute(() => 'x');
    const debugging = await openWith({ http: { headers: { cacheStatus: 'debug' } } }, () => 'x');

    const quiet = await open.twice('/?secret=1');
    const [, loud] = await debugging.twice('/?secret=1', { host: 'shop.test' });

    expect(quiet.map(({ headers }) => JSON.stringify(headers).includes('secret'))).toEqual([false, false]);
    expect(statusOf(loud)).toMatch(/^nest; hit; ttl=\d+; key="GET http:\/\/shop\.test \S+ \/\?secret=1 - -"$/);
  });

  it('#75: tells of a miss only where something was looked up and stored', async () => {
    const { get, cache } = await openRoute(
      ({ headers }, response) => (headers['x-error'] !== undefined && response.status(500), 'x'),
      CacheRoute({ ttl: '1m' }),
    );
    const travel = travelIn(cache);

    const answers = [await get('/?1', { 'x-error': '1' }), await get('/'), await get('/')];
    travel(30_500);
    answers.push(await get('/'));

    expect(answers.map(({ headers }) => [headers['x-cache'], headers['x-cache-ttl']])).toEqual([
      ['BYPASS', undefined],
      ['MISS', '60'],
      ['HIT', '60'],
      ['HIT', '30'],
    ]);
  });

  it('#75: is silent in each header that is switched off', async () => {
    const noX = await openWith({ http: { headers: { xCache: false } } }, () => 'x');
    const noStatus = await openWith({ http: { headers: { cacheStatus: false } } }, () => 'x');

    const [, one] = await noX.twice('/');
    const [, other] = await noStatus.twice('/');

    expect([one.headers['x-cache'], one.headers['x-cache-ttl'], statusOf(one)]).toEqual([
      undefined,
      undefined,
      'nest; hit; ttl=60',
    ]);
    expect([other.headers['x-cache'], statusOf(other)]).toEqual(['HIT', undefined]);
  });

  it("#76: tells somebody of nobody else's entries, and counts every outcome", async () => {
    const { get, cache } = await openRoute(
      () => 'x',
      CacheRoute({
        ttl: '1m',
        staleWhileRevalidate: '1m',
        scope: (request) => request.headers['x-user'] as string | undefined,
      }),
    );
    const travel = travelIn(cache);
    await get('/', { 'x-user': 'alice' });

    const bob = await get('/', { 'x-user': 'bob' });
    const nobody = await get('/');
    await get('/', { 'x-user': 'bob' });
    travel(61_000);
    await get('/', { 'x-user': 'alice' });

    expect([bob, nobody].map(({ headers }) => [headers['x-cache'], headers.age])).toEqual([
      ['MISS', undefined],
      ['BYPASS', undefined],
    ]);
    expect(await cache.getStats()).toMatchObject({ totalHits: 2, staleHits: 1 });
  });

  it('#36: sends the directives that clients are to have, whatever the cache does', async () => {
    const { twice } = await openRoute(() => 'x', CacheRoute({ ttl: '1m', cacheControl: 'private, no-cache' }));

    const [miss, hit] = await twice('/');

    expect([miss, hit].map(({ headers }) => headers['cache-control'])).toEqual([
      'private, no-cache',
      'private, no-cache',
    ]);
    expect(hit.headers).toMatchObject({ 'x-cache': 'HIT', etag: miss.headers.etag });
  });

  it('#37: invents no Cache-Control where the answer declares its freshness, or has none', async () => {
    const expires = await openRoute(
      (_, response) => (response.header('Expires', new Date(Date.now() + 60_000).toUTCString()), 'x'),
      CacheRoute({ ttl: '1h' }),
    );
    const targeted = await openRoute(
      (_, response) => (response.header('CDN-Cache-Control', 'max-age=60'), 'x'),
      CacheRoute({ ttl: '1h' }),
    );
    const silent = await openRoute((_, response) => (response.header('ETag', '"a"'), 'x'), CacheRoute({ ttl: 0 }));

    for (const { twice } of [expires, targeted, silent])
      expect((await twice('/')).map(({ headers }) => headers['cache-control'])).toEqual([undefined, undefined]);
  });

  it('#35: counts the age from where it came from, on a scale that no wall clock turns back', async () => {
    const { get, cache } = await openRoute(
      (_, response) => (response.header('Age', '10'), response.header('Cache-Control', 'max-age=60'), 'x'),
    );
    const travel = travelIn(cache);

    const miss = await get('/');
    travel(20_000);
    const { clock } = internalsOf(cache);
    const wallMs = clock.wallMs();
    clock.wallMs = () => wallMs - 3_600_000;
    const hit = await get('/');

    expect([miss.headers.age, hit.headers.age, hit.headers['x-cache-ttl']]).toEqual(['10', '30', '30']);
  });

  it('#29: replays the reason phrase', async () => {
    const { controller } = routeOf((_, response) => {
      const raw =
        (response as { raw?: { statusMessage: string } }).raw ?? (response as unknown as { statusMessage: string });
      raw.statusMessage = 'Quite Well';
      return 'x';
    });
    const site = await openController(controller);

    const [miss, hit] = await site.twice('/');

    expect([miss.reason, hit.reason, hit.headers['x-cache']]).toEqual(['Quite Well', 'Quite Well', 'HIT']);
  });

  it('#86: warns at start-up of what can never be cached', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Hopeless {
      @Post('a')
      @CacheRoute()
      post(): void {
        // Decorated, but not a GET.
      }

      @Post('b')
      other(): void {
        // Not decorated.
      }

      @Sse('events')
      @CacheRoute()
      events(): Observable<never> {
        return EMPTY;
      }

      @Get('raw')
      raw(@Res() response: { send(): unknown }): void {
        response.send();
      }

      @Get('known')
      @NoCache()
      known(@Res() response: { send(): unknown }): void {
        response.send();
      }
    }
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);

    await openController(Hopeless);
    const warnings = warn.mock.calls
      .flatMap(([text]) => String(text).split('\n'))
      .filter((text) => text.includes('never cached'));
    warn.mockRestore();

    expect(warnings.map((text) => text.replace(/^.+\.Hopeless\./, ''))).toEqual([
      expect.stringMatching(/^post is never cached: it is no GET/),
      expect.stringMatching(/^events is never cached: it is a stream of events/),
      expect.stringMatching(/^raw is never cached: it has @Res\(\) without passthrough/),
    ]);
  });
});
