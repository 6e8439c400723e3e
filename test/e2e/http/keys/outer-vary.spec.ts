import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type CanActivate, type ExecutionContext, type INestApplication, type NestInterceptor } from '@nestjs/common';
import { tap } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  bodiesOf,
  closeSites,
  type PassthroughResponse,
  type Platform,
  type PlatformRequest,
  type RouteAnswer,
  type RouteSite,
  routesOn,
  statesOf,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const greet = ({ headers }: PlatformRequest): string => `hello in ${headers['accept-language'] ?? 'any'}`;
const fr = { 'accept-language': 'fr' };
const en = { 'accept-language': 'en' };

const responseOf = (context: ExecutionContext): PassthroughResponse =>
  context.switchToHttp().getResponse<PassthroughResponse>();

describe.each<[Platform]>([['express'], ['fastify']])('Vary from outside the cache on %s', (platform) => {
  const { openController, routeWith } = routesOn(platform);

  type Setter = 'a middleware' | 'a guard' | 'an interceptor before the handler' | 'an interceptor after the handler';
  const SETTERS: [Setter][] = [
    ['a middleware'],
    ['a guard'],
    ['an interceptor before the handler'],
    ['an interceptor after the handler'],
  ];

  /** Opens a route with a `Vary` header that is set outside the cache. */
  async function openWith(
    setter: Setter,
    vary: string,
    answer: RouteAnswer,
    ...decorators: MethodDecorator[]
  ): Promise<RouteSite> {
    const set = (context: ExecutionContext): void => void responseOf(context).header('Vary', vary);
    const guard: CanActivate = { canActivate: (context) => (set(context), true) };
    const early: NestInterceptor = { intercept: (context, next) => (set(context), next.handle()) };
    const late: NestInterceptor = { intercept: (context, next) => next.handle().pipe(tap(() => set(context))) };
    const middleware = (
      _: unknown,
      response: { setHeader(name: string, value: string): void },
      next: () => void,
    ): void => {
      response.setHeader('Vary', vary);
      next();
    };
    const outer = {
      'a middleware': [],
      'a guard': [],
      'an interceptor before the handler': [early],
      'an interceptor after the handler': [late],
    }[setter];
    const { controller, runs } = routeWith([...outer, CacheInterceptor], answer, ...decorators);
    const site = await openController(controller, {
      prepare: (app: INestApplication) =>
        setter === 'a middleware' ? app.use(middleware) : setter === 'a guard' && app.useGlobalGuards(guard),
    });
    return { ...site, runs };
  }

  it.each(SETTERS)('selects by the members that %s has named (fault 8)', async (setter) => {
    const { get, runs } = await openWith(setter, 'Accept-Language', greet);

    const answers = [await get('/', fr), await get('/', en), await get('/', fr), await get('/', en)];

    expect(bodiesOf(answers)).toEqual(['hello in fr', 'hello in en', 'hello in fr', 'hello in en']);
    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'HIT', 'HIT']);
    expect(answers.map(({ headers }) => headers.vary?.toLowerCase())).toEqual(Array(4).fill('accept-language'));
    expect(runs.count).toBe(2);
  });

  it.each(SETTERS)('stores nothing where %s has named * (fault 8)', async (setter) => {
    const { twice } = await openWith(setter, 'Accept, *', greet);

    expect(statesOf(await twice('/'))).toEqual(['BYPASS', 'BYPASS']);
  });

  it.each(SETTERS)('leaves CORS and compression to %s', async (setter) => {
    const { get, runs } = await openWith(
      setter,
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Accept-Encoding',
      greet,
    );
    const other = {
      origin: 'https://a.test',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'x-a',
      'accept-encoding': 'gzip',
    };

    const answers = [await get('/'), await get('/', other)];

    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
    expect(runs.count).toBe(1);
  });

  it('takes Vary: Cookie of a guard for private, unless the route has a scope (fault 8)', async () => {
    const open = await openWith('a guard', 'Cookie', greet);
    const scoped = await openWith('a guard', 'Cookie', greet, CacheRoute({ scope: () => 'me' }));

    expect(statesOf(await open.twice('/'))).toEqual(['BYPASS', 'BYPASS']);
    expect(statesOf(await scoped.twice('/'))).toEqual(['MISS', 'HIT']);
  });

  it('selects by Origin where the handler has named it', async () => {
    const { get } = await openWith('a middleware', 'Accept-Encoding', ({ headers }, response) => {
      const add = response.append ?? response.header;
      add.call(response, 'Vary', 'Origin');
      return headers.origin ?? 'none';
    });

    const answers = [await get('/', { origin: 'https://a.test' }), await get('/', { origin: 'https://b.test' })];

    expect(bodiesOf(answers)).toEqual(['https://a.test', 'https://b.test']);
  });

  it('selects by what a guard has named although the handler has set Vary again (fault 8)', async () => {
    const { get } = await openWith('a guard', 'Accept-Language', (request, response) => {
      response.header('Vary', 'X-Tier');
      return greet(request);
    });

    const answers = [await get('/', fr), await get('/', en)];

    expect(bodiesOf(answers)).toEqual(['hello in fr', 'hello in en']);
  });
});
