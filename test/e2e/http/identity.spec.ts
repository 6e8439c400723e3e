import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, createParamDecorator, type ExecutionContext, ForbiddenException, Get, type INestApplication, type NestInterceptor, Param, type PipeTransform, Req, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor } from '../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../src/nest/http/cache-route.decorator.js';
import { type Answer, closeSites, type Platform, type PlatformRequest, type RouteAnswer, routesOn, type RouteSite, Runs, settled, travelIn } from '../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const states = (answers: readonly Answer[]): unknown[] => answers.map(({ headers }) => headers['x-cache']);
const bodies = (answers: readonly Answer[]): string[] => answers.map(({ body }) => body);
const nameOf = (request: PlatformRequest): string => (request.user as { id: string } | undefined)?.id ?? 'nobody';
const alice = { 'x-token': 'alice' };
const bob = { 'x-token': 'bob' };

/** Finds out who asks, inside the cache. */
const authenticating: NestInterceptor = {
  intercept: (context, next) => {
    const request = context.switchToHttp().getRequest<PlatformRequest>();
    if (request.headers['x-token'] !== undefined) request.user = { id: request.headers['x-token'] };
    return next.handle();
  },
};

describe.each<[Platform]>([['express'], ['fastify']])('who asks, judged when the run ends, on %s', (platform) => {
  const { openController, routeWith } = routesOn(platform);

  async function openInside(answer: RouteAnswer, ...decorators: MethodDecorator[]): Promise<RouteSite> {
    const { controller, runs } = routeWith([CacheInterceptor, authenticating], answer, ...decorators);
    return { ...(await openController(controller)), runs };
  }

  it('stores nothing for a user whom an interceptor inside has found (fault 12)', async () => {
    const { get, runs } = await openInside(nameOf);

    const answers = [await get('/', alice), await get('/', bob), await get('/')];

    expect(bodies(answers)).toEqual(['alice', 'bob', 'nobody']);
    expect(states(answers)).toEqual(['BYPASS', 'BYPASS', 'MISS']);
    expect(runs.count).toBe(3);
  });

  it('stores nothing for a user whom a pipe has found (fault 12)', async () => {
    const finder: PipeTransform = { transform: (request: PlatformRequest) => Object.assign(request, { user: { id: request.headers['x-token'] } }) };
    const Asking = createParamDecorator((_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<PlatformRequest>());
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Piped {
      @Get()
      get(@Asking(finder) request: PlatformRequest): string {
        return nameOf(request);
      }
    }
    const { get } = await openController(Piped);

    const answers = [await get('/', alice), await get('/', bob)];

    expect([bodies(answers), states(answers)]).toEqual([['alice', 'bob'], ['BYPASS', 'BYPASS']]);
  });

  it('bypasses a user whom a middleware of Nest has put on the raw request (fault 12)', async () => {
    const { controller } = routeWith([CacheInterceptor], (request) => nameOf({ ...request, user: (request as { raw?: PlatformRequest }).raw?.user ?? request.user }));
    const middleware = (request: PlatformRequest, _: unknown, next: () => void): void => {
      request.user = { id: request.headers['x-token'] };
      next();
    };
    const { get } = await openController(controller, { prepare: (app: INestApplication) => app.use(middleware) });

    const answers = [await get('/', alice), await get('/', bob), await get('/', alice)];

    expect([bodies(answers), states(answers)]).toEqual([['alice', 'bob', 'alice'], ['BYPASS', 'BYPASS', 'BYPASS']]);
  });

  it('keeps a scope for a user whom a middleware of Nest has put on the raw request (fault 12)', async () => {
    const { controller } = routeWith([CacheInterceptor], ({ headers }) => headers['x-token'], CacheRoute({ scope: 'user' }));
    const middleware = (request: PlatformRequest, _: unknown, next: () => void): void => {
      request.user = { id: request.headers['x-token'] };
      next();
    };
    const { get } = await openController(controller, { prepare: (app: INestApplication) => app.use(middleware) });

    const answers = [await get('/', alice), await get('/', bob), await get('/', alice)];

    expect([bodies(answers), states(answers)]).toEqual([['alice', 'bob', 'alice'], ['MISS', 'MISS', 'HIT']]);
  });

  it('stores what the handler calls public, whoever was found inside', async () => {
    const { get } = await openInside((_, response) => (response.header('Cache-Control', 'public, max-age=60'), 'for all'));

    const answers = [await get('/', alice), await get('/', bob)];

    expect(states(answers)).toEqual(['MISS', 'HIT']);
  });

  it('stores nothing under a scope that has changed while the handler ran (fault 12)', async () => {
    const tenantOf = (request: object): string | undefined => (request as { tenant?: string }).tenant ?? 'shared';
    const answer: RouteAnswer = (request) => {
      (request as { tenant?: string }).tenant = request.headers['x-token'] ?? 'none';
      return request.headers['x-token'] ?? 'none';
    };
    const { get } = await openInside(answer, CacheRoute({ scope: tenantOf }));

    const answers = [await get('/', alice), await get('/', bob)];

    expect([bodies(answers), states(answers)]).toEqual([['alice', 'bob'], ['BYPASS', 'BYPASS']]);
  });

  it('gives those who have waited neither the answer nor the error of a user who was found inside (fault 12)', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor, authenticating)
    class Slow {
      @Get(':what')
      async get(@Req() request: PlatformRequest, @Param('what') what: string): Promise<string> {
        await runs.passed();
        if (what === 'refused' && nameOf(request) === 'alice') throw new ForbiddenException('alice');
        return nameOf(request);
      }
    }
    const { get } = await openController(Slow);

    for (const path of ['/refused', '/given']) {
      runs.hold();
      const asked = [get(path, alice)];
      await settled(100);
      asked.push(get(path, bob));
      await settled(100);
      runs.release();
      const [first, second] = await Promise.all(asked);
      expect([first?.status, second?.status, second?.body]).toEqual([path === '/given' ? 200 : 403, 200, 'bob']);
    }
  });

  it('serves nothing expired in the place of an error to a user who was found inside (fault 12)', async () => {
    let isFailing = false;
    const { get, cache } = await openInside(
      (request) => {
        if (isFailing) throw new Error('fails');
        return nameOf(request);
      },
      CacheRoute({ ttl: '1s', staleIfError: '1h' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(2_000);
    isFailing = true;

    const answers = [await get('/', alice), await get('/')];

    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
  });
});
