import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Readable } from 'node:stream';
import { Controller, Get, StreamableFile, UseInterceptors } from '@nestjs/common';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  type Answer,
  closeSites,
  type Platform,
  type RouteAnswer,
  routesOn,
  type RouteSite,
  travelIn,
  until,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

/*
 * W3C Server Timing, section 3: `Server-Timing = #server-timing-metric`, where a metric is a token with parameters of
 * the form `token = token / quoted-string`; `dur` is a number of milliseconds, and `desc` a text.
 */
const HIT = /^cache;desc="HIT";dur=\d+(?:\.\d{1,3})?$/;
const MISS = /^cache;desc="MISS";dur=\d+(?:\.\d{1,3})?, load;dur=\d+(?:\.\d{1,3})?$/;
const BYPASS = /^cache;desc="BYPASS";dur=[\d.]+, load;dur=[\d.]+$/;

const DEBUG: CacheKitOptions = { http: { headers: { cacheStatus: 'debug' } } };
const timingOf = ({ headers }: Answer): unknown => headers['server-timing'];

describe.each<[Platform]>([['express'], ['fastify']])('Server-Timing on %s', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  async function openWith(cache: CacheKitOptions, answer: RouteAnswer): Promise<RouteSite> {
    const { controller, runs } = routeOf(answer, CacheRoute({ ttl: '1m', staleWhileRevalidate: '1m' }));
    return { ...(await openController(controller, { cache })), runs };
  }

  it('#119: has the time of the look-up, and on a miss that of the handler', async () => {
    const { get } = await openWith(DEBUG, async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return 'x';
    });

    const [miss, hit] = [await get('/'), await get('/')];

    expect(timingOf(miss)).toMatch(MISS);
    expect(Number(/load;dur=([\d.]+)/.exec(String(timingOf(miss)))?.[1])).toBeGreaterThanOrEqual(29);
    expect(timingOf(hit)).toMatch(HIT);
  });

  it('#119: is on a 304, a HEAD and a stale answer, whose refresh is not disturbed', async () => {
    const { get, ask, cache, runs } = await openWith(DEBUG, () => 'x');
    const travel = travelIn(cache);
    const { headers } = await get('/');

    const unchanged = await get('/', { 'if-none-match': String(headers.etag) });
    expect([unchanged.status, timingOf(unchanged)]).toEqual([304, expect.stringMatching(HIT)]);
    expect(timingOf(await ask('/', { method: 'HEAD' }))).toMatch(HIT);

    travel(65_000);
    expect(timingOf(await get('/'))).toMatch(/^cache;desc="STALE";dur=[\d.]+$/);
    await until(() => runs.count === 2);
    expect(timingOf(await get('/'))).toMatch(HIT);
  });

  it('#119: comes after the timings of the handler, which no later answer repeats', async () => {
    const { get } = await openWith(DEBUG, (_, response) => {
      response.header('Server-Timing', 'db;dur=53');
      return 'x';
    });

    expect(timingOf(await get('/'))).toMatch(/^db;dur=53, cache;desc="MISS";dur=[\d.]+, load;dur=[\d.]+$/);
    expect(timingOf(await get('/'))).toMatch(HIT);
  });

  it('#119: is on an error and on a stream, once', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Shop {
      @Get('fails')
      @CacheRoute()
      fails(): string {
        throw new Error('broken');
      }

      @Get('stream')
      @CacheRoute()
      stream(): StreamableFile {
        return new StreamableFile(Readable.from(['a', 'b']));
      }
    }
    const { get } = await openController(Shop, { cache: DEBUG });

    const failed = await get('/fails');
    expect([failed.status, timingOf(failed)]).toEqual([500, expect.stringMatching(BYPASS)]);
    const streamed = await get('/stream');
    expect([streamed.status, streamed.body, timingOf(streamed)]).toEqual([200, 'ab', expect.stringMatching(BYPASS)]);
  });

  it('#119: is absent outside of debugging', async () => {
    const { get } = await openWith({}, () => 'x');

    expect([timingOf(await get('/')), timingOf(await get('/'))]).toEqual([undefined, undefined]);
  });
});
