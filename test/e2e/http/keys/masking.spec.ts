import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type INestApplication, type NestInterceptor } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { concat, defer, of, tap } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  type Platform,
  type PlatformRequest,
  type RouteAnswer,
  type RouteSite,
  routesOn,
  type SiteParts,
  statesOf,
  travelIn,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const own = { 'x-forwarded-for': '203.0.113.9', 'if-none-match': '"theirs"', range: 'bytes=0-1' };
const authorization = 'Bearer a';

interface Seen {
  readonly ip: unknown;
  readonly forwarded: unknown;
  readonly condition: unknown;
  readonly range: unknown;
}

function lookAt(request: PlatformRequest): Seen {
  const { headers } = request;
  return {
    ip: (request as { ip?: string }).ip,
    forwarded: headers['x-forwarded-for'],
    condition: headers['if-none-match'],
    range: headers.range,
  };
}

const AS_IT_IS: Seen = { ip: '203.0.113.9', forwarded: '203.0.113.9', condition: '"theirs"', range: 'bytes=0-1' };

describe.each<[Platform]>([['express'], ['fastify']])('what handlers see on %s', (platform) => {
  const { openController, routeOf, routeWith } = routesOn(platform);
  const trusting = (): Partial<SiteParts> =>
    platform === 'fastify'
      ? { adapter: new FastifyAdapter({ trustProxy: true }) }
      : { prepare: (app: INestApplication) => (app as NestExpressApplication).set('trust proxy', true) };

  /** Opens a route behind a trusted proxy. Its handler returns the request that it has seen. */
  async function openSeeing(
    answer: RouteAnswer,
    ...decorators: MethodDecorator[]
  ): Promise<RouteSite & { seen: Seen[] }> {
    const seen: Seen[] = [];
    const { controller, runs } = routeOf(
      (request, response) => (seen.push(lookAt(request)), answer(request, response)),
      ...decorators,
    );
    return { ...(await openController(controller, trusting())), runs, seen };
  }

  it.each([
    ['Authorization', { authorization }],
    ['a cookie', { cookie: 'session=a' }],
  ])('is the request as it is where it carries %s (fault 10)', async (_, identity) => {
    const { get, seen } = await openSeeing(() => 'mine');

    await get('/', { ...own, ...identity });
    await get('/', { ...own, ...identity });

    expect(seen).toEqual([AS_IT_IS, AS_IT_IS]);
  });

  it('is the request as it is where its answers are known not to be stored (fault 10)', async () => {
    const { get, seen } = await openSeeing((_, response) => (response.header('Cache-Control', 'no-store'), 'x'));

    await get('/', own);
    await get('/', own);

    expect(seen).toEqual([
      { ...AS_IT_IS, ip: '127.0.0.1', forwarded: undefined, condition: undefined, range: undefined },
      AS_IT_IS,
    ]);
  });

  it.each([
    ['says no-store', { headers: { ...own, 'cache-control': 'no-store' } }],
    ['is a HEAD of which nothing is stored', { method: 'HEAD', headers: own }],
  ])('is the request as it is where it %s (fault 10)', async (_, ask) => {
    const site = await openSeeing(() => 'x');

    await site.ask('/', ask);

    expect(site.seen).toEqual([AS_IT_IS]);
  });

  it('is masked where the answer may be stored', async () => {
    const { get, seen } = await openSeeing(() => 'x');

    await get('/', own);

    expect(seen).toEqual([{ ip: '127.0.0.1', forwarded: undefined, condition: undefined, range: undefined }]);
  });

  it('is masked for somebody as soon as an answer has said that it is for others (fault 10)', async () => {
    const { get, seen } = await openSeeing(
      (_, response) => (response.header('Cache-Control', 'public, max-age=60'), 'for all'),
    );
    const asked = { 'x-forwarded-for': '203.0.113.9', authorization };

    const answers = [await get('/', asked), await get('/', asked), await get('/', asked), await get('/')];

    expect(statesOf(answers)).toEqual(['BYPASS', 'MISS', 'HIT', 'HIT']);
    expect(seen.map(({ forwarded }) => forwarded)).toEqual(['203.0.113.9', undefined]);
  });

  it('never gets into what others are given', async () => {
    const { get } = await openSeeing(
      ({ headers }, response) => (
        response.header('Cache-Control', 'public, max-age=60'),
        headers['x-original-url'] ?? 'none'
      ),
    );
    const attack = { 'x-original-url': '/evil', authorization };

    const bodies = [await get('/', attack), await get('/', attack), await get('/')].map(({ body }) => body);

    expect(bodies).toEqual(['/evil', 'none', 'none']);
  });

  it('is masked again when an answer that was never stored may be (fault 10)', async () => {
    let isStorable = false;
    const { get } = await openSeeing(
      (_, response) => (response.header('Cache-Control', isStorable ? 'max-age=60' : 'no-store'), 'x'),
    );
    const asked = { 'x-forwarded-for': '203.0.113.9', 'if-none-match': 'W/"1-Ef86q5Zq0D1wQq0D1wQq0D1wQq0"' };

    const before = [await get('/', asked), await get('/', asked)];
    isStorable = true;
    const after = [await get('/', asked), await get('/', asked), await get('/', asked)];

    expect([statesOf(before), statesOf(after)]).toEqual([
      ['BYPASS', 'BYPASS'],
      ['BYPASS', 'MISS', 'HIT'],
    ]);
  });

  it('does not keep the store from learning when the platform answers 304 by itself', async () => {
    let isStorable = false;
    const { get } = await openSeeing(
      (_, response) => (
        response.header('ETag', '"v1"'),
        response.header('Cache-Control', isStorable ? 'max-age=60' : 'no-store'),
        'x'
      ),
    );
    const asked = { 'if-none-match': '"v1"' };
    await get('/', asked);
    const bypassed = await get('/', asked);
    isStorable = true;

    const answers = [await get('/', asked), await get('/', asked), await get('/', asked)];

    expect([bypassed.status, ...answers.map(({ status }) => status)]).toEqual([304, 304, 304, 304]);
    expect(statesOf(answers)).toEqual(['BYPASS', 'MISS', 'HIT']);
  });

  it('takes nothing away by what it answers to a request as it is (fault 10)', async () => {
    let status = 200;
    const { get, cache } = await openSeeing(
      (_, response) => (response.status(status), 'x'),
      CacheRoute({ ttl: '1s', staleIfError: '1h' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(2_000);

    status = 404;
    await get('/', { 'cache-control': 'no-store', 'x-forwarded-for': '203.0.113.9' });
    status = 500;
    const stale = await get('/');

    expect([stale.status, stale.headers['x-cache']]).toEqual([200, 'STALE']);
  });

  describe('and interceptors outside', () => {
    const later = { url: '', query: '', seen: undefined as Seen | undefined };
    const looking: NestInterceptor = {
      intercept: (context, next) =>
        next.handle().pipe(
          tap(() => {
            const request = context.switchToHttp().getRequest<PlatformRequest>();
            Object.assign(later, {
              url: request.originalUrl,
              query: JSON.stringify(request.query),
              seen: lookAt(request),
            });
          }),
        ),
    };

    it.each<[string, (request: PlatformRequest) => unknown]>([
      ['a value', () => 'x'],
      ['a promise', async () => Promise.resolve('x')],
      [
        'an Observable',
        () =>
          concat(
            of('w'),
            defer(() => of('x')),
          ),
      ],
    ])('see the request as it is on the way back of %s (fault 10)', async (_, answer) => {
      const { controller } = routeWith([looking, CacheInterceptor], answer, CacheRoute({ query: { allow: ['a'] } }));
      const { get } = await openController(controller, trusting());

      const miss = await get('/?a=1&b=2', { ...own, 'if-none-match': 'W/"none"' });

      expect(miss.headers['x-cache']).toBe('MISS');
      expect(later).toEqual({
        url: '/?a=1&b=2',
        query: '{"a":"1","b":"2"}',
        seen: { ...AS_IT_IS, condition: 'W/"none"' },
      });
    });

    it('leave the request masked for a handler that goes on (fault 10)', async () => {
      const seen: unknown[] = [];
      const { controller } = routeWith([looking, CacheInterceptor], ({ headers }) =>
        concat(
          of('w'),
          defer(() => of((seen.push(headers['x-forwarded-for']), 'x'))),
        ),
      );
      const { get } = await openController(controller);

      await get('/', own);

      expect(seen).toEqual([undefined]);
    });

    it('do not make the platform judge the conditions of the client (fault 10)', async () => {
      const { controller } = routeWith(
        [looking, CacheInterceptor],
        (_, response) => (response.header('ETag', '"theirs"'), 'whole'),
      );
      const { get } = await openController(controller);

      const answers = [await get('/', { 'if-none-match': '"theirs"' }), await get('/')];

      expect(answers.map(({ status, body }) => [status, body])).toEqual([
        [304, ''],
        [200, 'whole'],
      ]);
      expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
    });
  });
});
