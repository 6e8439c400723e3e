import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  createParamDecorator,
  type ExecutionContext,
  ForbiddenException,
  Get,
  type INestApplication,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Req,
  UseInterceptors,
} from '@nestjs/common';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  bodiesOf,
  closeSites,
  type Platform,
  type PlatformRequest,
  type RouteAnswer,
  type RouteSite,
  routesOn,
  Runs,
  settled,
  type SiteParts,
  statesOf,
  travelIn,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const nameOf = (request: PlatformRequest): string => (request.user as { id: string } | undefined)?.id ?? 'nobody';
const alice = { 'x-token': 'alice' };
const bob = { 'x-token': 'bob' };

/** Identifies the user, inside the cache. */
const authenticating: NestInterceptor = {
  intercept: (context, next) => {
    const request = context.switchToHttp().getRequest<PlatformRequest>();
    if (request.headers['x-token'] !== undefined) request.user = { id: request.headers['x-token'] };
    return next.handle();
  },
};

/** A middleware that puts a user on the raw request. */
function userFromToken(request: PlatformRequest, _: unknown, next: () => void): void {
  request.user = { id: request.headers['x-token'] };
  next();
}

describe.each<[Platform]>([['express'], ['fastify']])('the identity, checked when the run ends, on %s', (platform) => {
  const { openController, routeWith } = routesOn(platform);

  async function openInside(answer: RouteAnswer, ...decorators: MethodDecorator[]): Promise<RouteSite> {
    const { controller, runs } = routeWith([CacheInterceptor, authenticating], answer, ...decorators);
    return { ...(await openController(controller)), runs };
  }

  it('stores nothing for a user whom an interceptor inside has found (fault 12)', async () => {
    const { get, runs } = await openInside(nameOf);

    const answers = [await get('/', alice), await get('/', bob), await get('/')];

    expect(bodiesOf(answers)).toEqual(['alice', 'bob', 'nobody']);
    expect(statesOf(answers)).toEqual(['BYPASS', 'BYPASS', 'MISS']);
    expect(runs.count).toBe(3);
  });

  it('stores nothing for a user whom a pipe has found (fault 12)', async () => {
    const finder: PipeTransform = {
      transform: (request: PlatformRequest) => Object.assign(request, { user: { id: request.headers['x-token'] } }),
    };
    const Asking = createParamDecorator((_: unknown, context: ExecutionContext) =>
      context.switchToHttp().getRequest<PlatformRequest>(),
    );
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

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['alice', 'bob'],
      ['BYPASS', 'BYPASS'],
    ]);
  });

  it('bypasses a user whom a middleware of Nest has put on the raw request (fault 12)', async () => {
    const { controller } = routeWith([CacheInterceptor], (request) =>
      nameOf({ ...request, user: (request as { raw?: PlatformRequest }).raw?.user ?? request.user }),
    );
    const { get } = await openController(controller, { prepare: (app: INestApplication) => app.use(userFromToken) });

    const answers = [await get('/', alice), await get('/', bob), await get('/', alice)];

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['alice', 'bob', 'alice'],
      ['BYPASS', 'BYPASS', 'BYPASS'],
    ]);
  });

  it('keeps a scope for a user whom a middleware of Nest has put on the raw request (fault 12)', async () => {
    const { controller } = routeWith(
      [CacheInterceptor],
      ({ headers }) => headers['x-token'],
      CacheRoute({ scope: 'user' }),
    );
    const { get } = await openController(controller, { prepare: (app: INestApplication) => app.use(userFromToken) });

    const answers = [await get('/', alice), await get('/', bob), await get('/', alice)];

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['alice', 'bob', 'alice'],
      ['MISS', 'MISS', 'HIT'],
    ]);
  });

  it('stores what the handler calls public, whoever was found inside', async () => {
    const { get } = await openInside(
      (_, response) => (response.header('Cache-Control', 'public, max-age=60'), 'for all'),
    );

    const answers = [await get('/', alice), await get('/', bob)];

    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
  });

  it('stores nothing under a scope that has changed while the handler ran (fault 12)', async () => {
    const tenantOf = (request: object): string | undefined => (request as { tenant?: string }).tenant ?? 'shared';
    const answer: RouteAnswer = (request) => {
      (request as { tenant?: string }).tenant = request.headers['x-token'] ?? 'none';
      return request.headers['x-token'] ?? 'none';
    };
    const { get } = await openInside(answer, CacheRoute({ scope: tenantOf }));

    const answers = [await get('/', alice), await get('/', bob)];

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['alice', 'bob'],
      ['BYPASS', 'BYPASS'],
    ]);
  });

  it('gives waiters neither the answer nor the error of a user who was found inside (fault 12)', async () => {
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

describe.each<[Platform]>([['express'], ['fastify']])('signs of an identity on %s', (platform) => {
  const { openController, openRoute, routeOf } = routesOn(platform);

  it.each([
    ['authorization'],
    ['cookie'],
    ['x-api-key'],
    ['api-key'],
    ['apikey'],
    ['x-auth-token'],
    ['x-access-token'],
    ['proxy-authorization'],
  ])('bypasses a request with %s', async (name) => {
    const { get } = await openRoute(({ headers }) => headers[name] ?? 'nobody');

    const answers = [await get('/', { [name]: 'a' }), await get('/', { [name]: 'b' }), await get('/')];

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['a', 'b', 'nobody'],
      ['BYPASS', 'BYPASS', 'MISS'],
    ]);
  });

  /** Opens a route behind a Nest middleware that sets a property of the request (the raw request on Fastify). */
  async function openWith(
    make: (token: string | undefined) => object,
    cache: SiteParts['cache'] = {},
    ...decorators: MethodDecorator[]
  ): Promise<RouteSite> {
    const { controller, runs } = routeOf(({ headers }) => headers['x-token'] ?? 'nobody', ...decorators);
    const middleware = (request: PlatformRequest, _: unknown, next: () => void): void => {
      Object.assign(request, make(request.headers['x-token']));
      next();
    };
    return {
      ...(await openController(controller, { cache, prepare: (app: INestApplication) => app.use(middleware) })),
      runs,
    };
  }

  it.each<[string, (token: string) => object]>([
    ['user', (user) => ({ user: { id: user } })],
    ['auth', (auth) => ({ auth })],
    ['account', (account) => ({ account })],
    ['tenant', (tenant) => ({ tenant })],
    ['tenantId', (tenantId) => ({ tenantId })],
    ['apiKey', (apiKey) => ({ apiKey })],
    ['session.user', (user) => ({ session: { user } })],
  ])('bypasses a request whose %s is set', async (_, make) => {
    const { get } = await openWith((token) => (token === undefined ? {} : make(token)));

    const answers = [await get('/', alice), await get('/', bob), await get('/'), await get('/')];

    expect([bodiesOf(answers), statesOf(answers)]).toEqual([
      ['alice', 'bob', 'nobody', 'nobody'],
      ['BYPASS', 'BYPASS', 'MISS', 'HIT'],
    ]);
  });

  it('ignores values that mean no user', async () => {
    const { twice } = await openWith(() => ({
      user: null,
      auth: '',
      account: undefined,
      tenant: false,
      session: null,
    }));

    expect(statesOf(await twice('/'))).toEqual(['MISS', 'HIT']);
  });

  it('bypasses by the headers and properties that `http.identity` adds', async () => {
    const cache = { http: { identity: { headers: ['X-Session'], properties: ['session.member'] } } };
    const { get } = await openWith((member) => ({ session: { member } }), cache);

    const answers = [
      await get('/', alice),
      await get('/', bob),
      await get('/', { 'x-session': 'a' }),
      await get('/', { cookie: 'a=1' }),
      await get('/'),
    ];

    expect(statesOf(answers)).toEqual(['BYPASS', 'BYPASS', 'BYPASS', 'BYPASS', 'MISS']);
  });

  it('bypasses where a sign cannot be read, before the handler or after it', async () => {
    const broken = (): object => {
      throw new Error('broken');
    };
    const { get } = await openRoute(
      (request) => (Object.defineProperty(request, 'tenant', { get: broken, configurable: true }), 'x'),
    );

    const answers = [await get('/'), await get('/')];

    expect(answers.map(({ status, body }) => [status, body])).toEqual(Array(2).fill([200, 'x']));
    expect(statesOf(answers)).toEqual(['BYPASS', 'BYPASS']);
  });

  it('shares what a declared scope says, whatever the signs', async () => {
    const { get } = await openWith((tenantId) => ({ tenantId }), {}, CacheRoute({ scope: 'public' }));

    const answers = [await get('/', { ...alice, 'x-api-key': 'k' }), await get('/', bob)];

    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
  });
});
