import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  Injectable,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  type Platform,
  type PlatformRequest,
  routesOn,
  Runs,
  type Site,
  statesOf,
} from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('identity and scopes (%s)', (platform) => {
  const { openController, routeWith, openRoute } = routesOn(platform);

  @Injectable()
  class UserGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      const request = context.switchToHttp().getRequest<PlatformRequest>();
      const id = request.headers['x-user'];
      if (id !== undefined) request.user = { id };
      return true;
    }
  }

  async function guarded(...decorators: MethodDecorator[]): Promise<Site & { runs: Runs }> {
    const { controller, runs } = routeWith(
      [CacheInterceptor],
      (request) => ({ user: (request.user as { id: string } | undefined)?.id ?? null }),
      ...decorators,
    );
    return {
      ...(await openController(controller, { prepare: (app) => app.useGlobalGuards(new UserGuard()) })),
      runs,
    };
  }

  it.each([
    ['#10:', 'Authorization', { authorization: 'Bearer a' }],
    ['#11:', 'a Cookie', { cookie: 'session=a' }],
    ['#12:', 'a user of a guard', { 'x-user': 'alice' }],
  ])('%s bypasses a request with %s', async (_, __, headers) => {
    const { get, runs } = await guarded();

    const [, second] = [await get('/', headers), await get('/', headers)];
    const anonymous = await get('/');

    expect(second.headers['x-cache']).toBe('BYPASS');
    expect(second.headers['cache-control']).toBeUndefined();
    expect(anonymous.headers['x-cache']).toBe('MISS');
    expect((await get('/', headers)).headers['x-cache']).toBe('BYPASS');
    expect(runs.count).toBe(4);
  });

  it('#10: stores what the handler itself calls public, and serves it to everybody', async () => {
    const { get, runs } = await openRoute((_, response) => {
      response.header('Cache-Control', 'public, max-age=60');
      return 'for all';
    });

    const first = await get('/', { authorization: 'Bearer a' });
    const second = await get('/', { authorization: 'Bearer b' });
    const third = await get('/');

    expect([first, second, third].map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT', 'HIT']);
    expect(runs.count).toBe(1);
  });

  it('serves everybody the same with the declared scope `public`', async () => {
    const { get } = await openRoute(() => 'menu', CacheRoute({ scope: 'public' }));

    await get('/', { cookie: 'a=1' });

    expect((await get('/', { authorization: 'Bearer b' })).headers['x-cache']).toBe('HIT');
  });

  it('#48: keeps users apart with the scope `user`', async () => {
    const { get, runs } = await guarded(CacheRoute({ scope: 'user' }));

    await get('/', { 'x-user': 'alice' });
    const bob = await get('/', { 'x-user': 'bob' });
    const alice = await get('/', { 'x-user': 'alice' });

    expect(bob.body).toBe('{"user":"bob"}');
    expect(alice.body).toBe('{"user":"alice"}');
    expect(alice.headers).toMatchObject({ 'x-cache': 'HIT', 'cache-control': 'private, max-age=3600' });
    expect(runs.count).toBe(2);
  });

  it('#47: bypasses a scoped route for nobody', async () => {
    const { get, runs } = await guarded(CacheRoute({ scope: 'user' }));

    const [, second] = [
      await get('/', { authorization: 'Bearer forged' }),
      await get('/', { authorization: 'Bearer forged' }),
    ];

    expect(second.headers['x-cache']).toBe('BYPASS');
    expect(runs.count).toBe(2);
  });

  it('takes the scope from a function, and bypasses where it names nobody', async () => {
    const tenant = CacheRoute({ scope: (request) => request.headers['x-tenant'] as string | undefined });
    const { get } = await openRoute((request) => request.headers['x-tenant'] ?? 'none', tenant);

    await get('/', { 'x-tenant': 'a' });

    expect((await get('/', { 'x-tenant': 'a' })).headers['x-cache']).toBe('HIT');
    expect((await get('/', { 'x-tenant': 'b' })).body).toBe('b');
    expect((await get('/')).headers['x-cache']).toBe('BYPASS');
  });

  it('#16: stores `private` for a scope, and only there', async () => {
    const decorate = Header('Cache-Control', 'private, max-age=60');
    const open1 = await openRoute(() => 'mine', decorate);
    const scoped = await openRoute(() => 'mine', decorate, CacheRoute({ scope: () => 'me' }));

    expect((await open1.twice('/'))[1].headers['x-cache']).toBe('BYPASS');
    expect((await scoped.twice('/'))[1].headers['x-cache']).toBe('HIT');
  });

  it('#77: runs guards on every hit', async () => {
    let isOpen = true;
    const door: CanActivate = { canActivate: () => isOpen };
    const { get } = await openRoute(() => 'inside', UseGuards(door), CacheRoute({ scope: 'public' }));

    await get('/');
    isOpen = false;

    expect((await get('/')).status).toBe(403);
  });

  it('bypasses a route with a guard, or whose controller has one, unless it says whose its answers are', async () => {
    const open = UseGuards({ canActivate: () => true });
    const undeclared = await openRoute(() => 'x', open);
    const declared = await openRoute(() => 'x', open, CacheRoute({ scope: 'public' }));
    @Controller()
    @UseInterceptors(CacheInterceptor)
    @open
    class Guarded {
      @Get()
      get(): string {
        return 'x';
      }
    }
    const ofController = await openController(Guarded, { cache: { http: { headers: { cacheStatus: 'debug' } } } });

    expect(statesOf(await undeclared.twice('/'))).toEqual(['BYPASS', 'BYPASS']);
    expect(statesOf(await declared.twice('/'))).toEqual(['MISS', 'HIT']);
    const [first] = await ofController.twice('/');
    expect([first.headers['x-cache'], first.headers['cache-status']]).toEqual([
      'BYPASS',
      'nest; fwd=bypass; detail="guarded"',
    ]);
  });
});
