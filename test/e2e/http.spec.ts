import { Agent, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Header,
  HttpCode,
  type INestApplication,
  Injectable,
  Next,
  type NestInterceptor,
  Param,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Scope,
  Sse,
  StreamableFile,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
  Version,
  VersioningType,
  ClassSerializerInterceptor,
  ForbiddenException,
} from '@nestjs/common';
import { APP_INTERCEPTOR, ModuleRef, RouterModule } from '@nestjs/core';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { firstValueFrom, from, map, mergeMap, type Observable, of, tap, timeout } from 'rxjs';
import { CacheKitModule } from '../../src/cache-kit.module.js';
import type { CacheService } from '../../src/core/cache.service.js';
import { CacheUnavailableError } from '../../src/core/vocabulary/cache.errors.js';
import { CacheInterceptor } from '../../src/nest/http/cache.interceptor.js';
import { CacheRoute, NoCache } from '../../src/nest/http/route/cache-route.decorator.js';
import { getCacheToken } from '../../src/nest/inject-cache.decorator.js';
import {
  type Answer,
  closeSites,
  lasting,
  openSite,
  type PassthroughResponse,
  type Platform,
  type PlatformRequest,
  routesOn,
  Runs,
  type Site,
  until,
} from './http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

/** A middleware that sets a header. */
function setting(
  name: string,
  value: () => string,
): (request: unknown, response: ServerResponse, next: () => void) => void {
  return (_, response, next) => {
    response.setHeader(name, value());
    next();
  };
}

const statesOf = (answers: readonly Answer[]): unknown[] => answers.map(({ headers }) => headers['x-cache']);

describe.each<[Platform]>([['express'], ['fastify']])('CacheInterceptor on %s', (platform) => {
  const { open, openController, routeOf, routeWith, openRoute } = routesOn(platform);

  describe('requests that take part', () => {
    it('#1: leaves other contexts alone', async () => {
      const { app } = await openRoute(() => 1);
      const interceptor = new CacheInterceptor(app.get(ModuleRef));
      const next: CallHandler = { handle: () => of('untouched') };

      for (const type of ['rpc', 'ws', 'graphql']) {
        const context = { getType: () => type } as unknown as ExecutionContext;
        const answer = await interceptor.intercept(context, next);

        await expect(firstValueFrom(answer)).resolves.toBe('untouched');
      }
    });

    it('#2: caches nothing without the interceptor', async () => {
      const runs = new Runs();
      @Controller()
      class Plain {
        @Get()
        @CacheRoute({ ttl: '1m' })
        get(): object {
          return { run: runs.next() };
        }
      }
      const site = await openController(Plain);

      const [, second] = await site.twice('/');

      expect(second.body).toBe('{"run":2}');
      expect(second.headers['x-cache']).toBeUndefined();
    });

    it('#3: looks at GET and HEAD only, whatever the key', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Shop {
        @Post()
        @CacheRoute({ key: 'one' })
        create(): object {
          return { run: runs.next() };
        }
      }
      const site = await openController(Shop);

      await site.ask('/', { method: 'POST' });
      const second = await site.ask('/', { method: 'POST' });

      expect(second.body).toBe('{"run":2}');
      expect(second.headers['x-cache']).toBe('BYPASS');
    });

    it('#4: answers HEAD from a stored GET', async () => {
      const { get, ask, runs } = await openRoute(() => ({ a: 1 }));

      const stored = await get('/');
      const head = await ask('/', { method: 'HEAD' });

      expect(head.body).toBe('');
      expect(head.headers).toMatchObject({
        'x-cache': 'HIT',
        etag: stored.headers.etag,
        'content-length': '7',
        'content-type': stored.headers['content-type'],
      });
      expect(runs.count).toBe(1);
    });

    it('#5: runs a HEAD that misses once, and stores nothing for GET', async () => {
      const { get, ask, runs } = await openRoute(() => ({ a: 1 }));

      const head = await ask('/', { method: 'HEAD' });
      const body = await get('/');

      expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '7']);
      expect(body.body).toBe('{"a":1}');
      expect(body.headers).toMatchObject({ 'x-cache': 'MISS', etag: head.headers.etag });
      expect(runs.count).toBe(2);
    });

    it.each([
      ['a body', { headers: { 'content-type': 'text/plain', 'content-length': '1' }, body: 'x' }],
      ['an expectation', { headers: { expect: '100-continue' } }],
      ['an upgrade', { headers: { upgrade: 'h2c' } }],
    ])('#7: bypasses a GET with %s', async (_, ask) => {
      const site = await openRoute(() => 'ok');

      await site.get('/');
      const answer = await site.ask('/', ask);

      expect(answer.headers['x-cache']).toBe('BYPASS');
      expect(site.runs.count).toBe(2);
    });

    it('#8: is not led past the cache by the request', async () => {
      const { get, runs } = await openRoute(() => 'ok');

      await get('/');
      const answer = await get('/', { 'cache-control': 'no-cache, max-age=0', pragma: 'no-cache' });

      expect(answer.headers['x-cache']).toBe('HIT');
      expect(runs.count).toBe(1);
    });

    it('#9: never stores for a request that says no-store', async () => {
      const { get, runs } = await openRoute(() => 'ok');

      await get('/', { 'cache-control': 'no-store' });
      await get('/');

      expect(runs.count).toBe(2);
    });

    it('takes part in routes with @CacheRoute only, when told so', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Shop {
        @Get('plain')
        plain(): number {
          return runs.next();
        }

        @Get('cached')
        @CacheRoute()
        cached(): number {
          return runs.next();
        }
      }
      const site = await openController(Shop, { cache: { http: { optIn: true } } });

      const [, plain] = await site.twice('/plain');
      const [, cached] = await site.twice('/cached');

      expect(plain.headers['x-cache']).toBeUndefined();
      expect(cached.headers['x-cache']).toBe('HIT');
    });

    it('leaves out @NoCache routes, also of a cached controller', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      @CacheRoute({ ttl: '1m' })
      class Shop {
        @Get('now')
        @NoCache()
        now(): number {
          return runs.next();
        }
      }
      const site = await openController(Shop);

      const [, second] = await site.twice('/now');

      expect(second.body).toBe('2');
      expect(second.headers['x-cache']).toBe('BYPASS');
    });
  });

  describe('identity', () => {
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

  describe('what is stored', () => {
    it.each([
      ['#15:', 'no-store'],
      ['#16:', 'private'],
      ['#16:', 'private="x-a"'],
      ['#16:', 'no-cache'],
      ['#17:', 'max-age=0'],
      ['#20:', 'max-age=soon'],
      ['#20:', 'MAX-AGE=60, max-age=0'],
      ['#18:', 's-maxage=0, max-age=60'],
    ])('%s does not store an answer with Cache-Control: %s', async (_, value) => {
      const { twice, runs } = await openRoute(
        (__, response) => void response.header('Cache-Control', value),
        CacheRoute({ ttl: '1m' }),
      );

      const [first, second] = await twice('/');

      expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['BYPASS', 'BYPASS']);
      expect(second.headers['cache-control']).toBe(value);
      expect(runs.count).toBe(2);
    });

    it('#18: takes the lifetime from the answer before the decorator', async () => {
      const { get } = await openRoute(
        (_, response) => (response.header('Cache-Control', 'max-age=10, s-maxage=0030'), 'x'),
        CacheRoute({ ttl: '1h' }),
      );

      expect((await get('/')).headers['x-cache-ttl']).toBe('30');
    });

    it('#18: stores with `ttl: 0` only what declares itself fresh', async () => {
      const silent = await openRoute(() => 'x', CacheRoute({ ttl: 0 }));
      const fresh = await openRoute(
        (_, response) => (response.header('Cache-Control', 'max-age=10'), 'x'),
        CacheRoute({ ttl: 0 }),
      );

      expect((await silent.twice('/'))[1].headers['x-cache']).toBe('BYPASS');
      expect((await fresh.twice('/'))[1].headers['x-cache']).toBe('HIT');
    });

    it('#21: reads `Expires: 0` as expired', async () => {
      const { twice } = await openRoute((_, response) => (response.header('Expires', '0'), 'x'));

      expect((await twice('/'))[1].headers['x-cache']).toBe('BYPASS');
    });

    it('#26: does not store an answer with Set-Cookie', async () => {
      const { twice, runs } = await openRoute(
        (_, response) => (response.header('Set-Cookie', `id=${String(Math.random())}`), 'x'),
      );

      const [first, second] = await twice('/');

      expect(first.headers['set-cookie']).not.toEqual(second.headers['set-cookie']);
      expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['BYPASS', 'BYPASS']);
      expect(runs.count).toBe(2);
    });

    it('#26: does not take a cookie of the handler for one of middleware', async () => {
      const guard: CanActivate = {
        canActivate: (context) => {
          context.switchToHttp().getResponse<PassthroughResponse>().header('Set-Cookie', ['session=1']);
          return true;
        },
      };
      const { twice, runs } = await openRoute(
        (_, response) => {
          const add = response.append ?? response.header;
          add.call(response, 'Set-Cookie', 'id=1');
          return 'x';
        },
        UseGuards(guard),
        CacheRoute({ scope: 'public' }),
      );

      const [, second] = await twice('/');

      expect(second.headers['set-cookie']).toEqual(['session=1', 'id=1']);
      expect(runs.count).toBe(2);
    });

    it.each([
      ['#27:', '*', {}],
      ['#27:', 'Accept, *', {}],
      ['#54:', 'Cookie', {}],
      ['#54:', 'Authorization', {}],
    ])('%s does not store an answer with Vary: %s', async (_, value, options) => {
      const { twice } = await openRoute((__, response) => (response.header('Vary', value), 'x'), CacheRoute(options));

      expect((await twice('/'))[1].headers['x-cache']).toBe('BYPASS');
    });

    it.each([[201], [203], [206], [302], [404], [410], [500], [503]])(
      '#13, #14: does not store an answer with status %d',
      async (status) => {
        const { twice, runs } = await openRoute((_, response) => (response.status(status), { status }));

        const [first, second] = await twice('/');

        expect([first.status, second.status]).toEqual([status, status]);
        expect(second.headers['x-cache']).toBe('BYPASS');
        expect(runs.count).toBe(2);
      },
    );

    it('#75, #88: does not store exceptions, and lets them through unchanged', async () => {
      const { twice, runs } = await openRoute(() => {
        throw new BadRequestException('no');
      });

      const [first, second] = await twice('/');

      expect(lasting(first)).toMatchObject({
        status: 400,
        body: '{"message":"no","error":"Bad Request","statusCode":400}',
      });
      expect(second.headers['x-cache']).toBe('BYPASS');
      expect(second.headers['cache-control']).toBeUndefined();
      expect(runs.count).toBe(2);
    });

    it('#105: sends a body over the limit and does not store it', async () => {
      const { twice } = await openRoute(() => 'x'.repeat(101), CacheRoute({ maxBodyBytes: 100 }));

      const [, second] = await twice('/');

      expect(second.body).toHaveLength(101);
      expect(second.headers['x-cache']).toBe('BYPASS');
    });
  });

  describe('stored and replayed', () => {
    const bodies: [string, unknown][] = [
      ['an object', { a: [1, { b: null }], é: '✓' }],
      ['an array', [1, 2]],
      ['an empty array', []],
      ['a text', 'h\u00e9llo'],
      ['an empty text', ''],
      ['a number', 42],
      ['zero', 0],
      ['true', true],
      ['false', false],
      ['null', null],
      ['undefined', undefined],
      ['a Buffer', Buffer.from([0, 1, 254, 255])],
      ['a typed array', new Uint8Array([1, 2, 3])],
      ['a text with a JSON date', { at: new Date(0) }],
    ];

    it.each(bodies)('#29, #80, #81: gives %s on a hit as on a miss, and as without the cache', async (_, value) => {
      const { controller } = routeOf(() => value);
      const site = await openController(controller);
      @Controller()
      class Plain {
        @Get()
        get(): unknown {
          return value;
        }
      }
      const plain = await (await openController(Plain)).get('/');

      const [miss, hit] = await site.twice('/');

      expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
      expect(lasting(hit)).toEqual(lasting(miss));
      expect([miss.status, miss.bytes, miss.headers['content-type']]).toEqual([
        plain.status,
        plain.bytes,
        plain.headers['content-type'],
      ]);
      expect(Number(hit.headers['content-length'])).toBe(plain.bytes.length);
    });

    it('#29, #33: keeps the type, the headers and the repeated lines of the handler', async () => {
      const { twice } = await openRoute(
        (_, response) => {
          response.header('Content-Type', 'text/plain');
          response.header('X-Handler', 'yes');
          response.header('Link', ['</a>; rel=a', '</b>; rel=b']);
          return '<b>user text</b>';
        },
        Header('X-Static', 'always'),
        HttpCode(200),
      );

      const [miss, hit] = await twice('/');

      expect(lasting(hit)).toEqual(lasting(miss));
      expect(hit.rawHeaders.filter((text) => text.includes('rel='))).toHaveLength(2);
      expect(hit.headers).toMatchObject({ 'x-handler': 'yes', 'x-static': 'always' });
      expect(hit.headers['content-type']).toMatch(/^text\/plain/);
    });

    it('#80, #110: keeps a 204 without a body, and the connection in step', async () => {
      const { ask, runs } = await openRoute(() => undefined, HttpCode(204));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });

      const miss = await ask('/', { agent });
      const hit = await ask('/', { agent });
      const after = await ask('/', { agent, method: 'HEAD' });
      agent.destroy();

      expect(lasting(hit)).toEqual(lasting(miss));
      expect([hit.status, hit.body, hit.headers['content-length'], hit.headers['x-cache']]).toEqual([
        204,
        '',
        undefined,
        'HIT',
      ]);
      expect(after.status).toBe(204);
      expect(runs.count).toBe(1);
    });

    it('#30: stores no header that middleware has set for the request', async () => {
      let requests = 0;
      const { controller } = routeOf(() => 'x');
      const site = await openController(controller, {
        prepare: (app) => app.use(setting('X-Request-Id', () => String(++requests))),
      });

      const [miss, hit] = await site.twice('/');

      expect([miss.headers['x-request-id'], hit.headers['x-request-id'], hit.headers['x-cache']]).toEqual([
        '1',
        '2',
        'HIT',
      ]);
    });

    it('#30, #32: gives each origin its own CORS headers and merges Vary', async () => {
      const { controller } = routeOf(() => 'x', CacheRoute({ varyBy: ['Accept-Language'] }));
      const site = await openController(controller, {
        prepare: (app) => app.enableCors({ origin: ['https://a.test', 'https://b.test'], credentials: true }),
      });

      await site.get('/', { origin: 'https://a.test' });
      const other = await site.get('/', { origin: 'https://b.test' });

      expect(other.headers).toMatchObject({ 'x-cache': 'HIT', 'access-control-allow-origin': 'https://b.test' });
      expect(other.headers.vary?.toLowerCase()).toBe('origin, accept-language');
    });

    it('#29: leaves out on a hit what the handler has removed', async () => {
      const { controller } = routeOf((_, response) => (response.removeHeader('x-tag'), 'x'));
      const site = await openController(controller, {
        prepare: (app) => app.use(setting('X-Tag', () => 'a')),
      });

      const [miss, hit] = await site.twice('/');

      expect([miss.headers['x-tag'], hit.headers['x-tag']]).toEqual([undefined, undefined]);
    });

    it('#34, #35: counts the age of a hit and keeps the date', async () => {
      const { twice } = await openRoute(() => 'x');

      const [miss, hit] = await twice('/');

      expect(miss.headers.age).toBeUndefined();
      expect(hit.headers.age).toBe('0');
      expect(hit.headers.date).toBe(miss.headers.date);
    });

    it('#75: tells the seconds left', async () => {
      const { twice } = await openRoute(() => 'x', CacheRoute({ ttl: '1m' }));

      const [miss, hit] = await twice('/');

      expect([miss.headers['x-cache'], miss.headers['x-cache-ttl']]).toEqual(['MISS', '60']);
      expect(Number(hit.headers['x-cache-ttl'])).toBeGreaterThanOrEqual(58);
    });

    it('says nothing in X-Cache when told so', async () => {
      const { controller } = routeOf(() => 'x');
      const site = await openController(controller, { cache: { http: { headers: { xCache: false } } } });

      const [, hit] = await site.twice('/');

      expect([hit.headers['x-cache'], hit.headers['x-cache-ttl'], hit.headers.age]).toEqual([
        undefined,
        undefined,
        '0',
      ]);
    });

    it.each([
      ['auto', 'public, max-age=60'],
      ['none', undefined],
      ['public, max-age=5', 'public, max-age=5'],
    ])('sends Cache-Control for `%s`', async (cacheControl, expected) => {
      const { twice } = await openRoute(() => 'x', CacheRoute({ ttl: '1m', cacheControl }));

      const [miss, hit] = await twice('/');

      expect([miss.headers['cache-control'], hit.headers['cache-control']]).toEqual([expected, expected]);
    });

    it('#79: is not changed by who changes the value', async () => {
      const shared = [1];
      const outer: NestInterceptor = {
        intercept: (_, next) => next.handle().pipe(map((value: number[]) => (value.push(99), value))),
      };
      const { controller } = routeWith([outer, CacheInterceptor], () => [...shared]);
      const site = await openController(controller);

      const answers = [await site.get('/'), await site.get('/'), await site.get('/')];

      expect(answers.map(({ body }) => body)).toEqual(['[1,99]', '[1,99]', '[1,99]']);
    });
  });

  describe('keys', () => {
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

  describe('conditional requests', () => {
    it('#59: gives the same weak tag on a miss and a hit', async () => {
      const { twice } = await openRoute(() => ({ a: 1 }));

      const [miss, hit] = await twice('/');

      expect(miss.headers.etag).toBe('W/"7-n4nHQM60bXQYySSnisV5QdXpZSA"');
      expect(hit.headers.etag).toBe(miss.headers.etag);
    });

    it.each([['MISS'], ['HIT']])('#60, #63: answers 304 on a %s', async (state) => {
      const decorate = CacheRoute({ varyBy: ['accept'], ttl: '1m' });
      const { get, runs } = await openRoute(
        (_, response) => (response.header('Content-Language', 'en'), { a: 1 }),
        decorate,
      );
      const other = await openRoute(() => ({ a: 1 }), decorate);
      const { etag } = (await other.get('/')).headers;
      if (state === 'HIT') await get('/');

      const answer = await get('/', { 'if-none-match': `"x, y", ${etag ?? ''}` });
      const unconditional = await get('/');

      expect([answer.status, answer.body]).toEqual([304, '']);
      expect(answer.headers).toMatchObject({
        etag,
        vary: 'accept',
        'cache-control': 'public, max-age=60',
        'x-cache': state,
      });
      for (const name of ['content-type', 'content-length', 'content-language', 'content-encoding'])
        expect(answer.headers[name]).toBeUndefined();
      expect(unconditional.body).toBe('{"a":1}');
      expect(runs.count).toBe(1);
    });

    it('#4, #63: answers a conditional HEAD with 304', async () => {
      const { get, ask } = await openRoute(() => ({ a: 1 }));
      const { etag = '' } = (await get('/')).headers;

      const head = await ask('/', { method: 'HEAD', headers: { 'if-none-match': etag } });

      expect([head.status, head.headers['content-length'], head.headers['x-cache']]).toEqual([304, undefined, 'HIT']);
    });

    it('#59: keeps the tag of the handler', async () => {
      const { get } = await openRoute((_, response) => (response.header('ETag', '"v1"'), 'x'));

      const miss = await get('/', { 'if-none-match': 'W/"v1"' });
      const hit = await get('/', { 'if-none-match': '"v0"' });

      expect([miss.status, miss.headers.etag]).toEqual([304, '"v1"']);
      expect([hit.status, hit.headers.etag, hit.body, hit.headers['x-cache']]).toEqual([200, '"v1"', 'x', 'HIT']);
    });

    it('#61, #62: judges If-Modified-Since where there is no If-None-Match', async () => {
      const modified = 'Tue, 01 Jul 2025 10:00:00 GMT';
      const { get } = await openRoute((_, response) => (response.header('Last-Modified', modified), 'x'));
      await get('/');
      const statusOf = async (headers: Record<string, string>): Promise<number> => (await get('/', headers)).status;

      expect(await statusOf({ 'if-modified-since': modified })).toBe(304);
      expect(await statusOf({ 'if-modified-since': 'Tue, 01 Jul 2025 09:59:59 GMT' })).toBe(200);
      expect(await statusOf({ 'if-modified-since': '2025-07-02' })).toBe(200);
      expect(await statusOf({ 'if-modified-since': modified, 'if-none-match': '"other"' })).toBe(200);
    });

    it('#65, #66: hides the conditions from the handler, and puts them back', async () => {
      const seen: unknown[] = [];
      let request: PlatformRequest | undefined;
      const { get } = await openRoute((ask) => {
        request = ask;
        seen.push(ask.headers['if-none-match'], ask.headers['if-modified-since']);
        throw new BadRequestException();
      });

      await get('/', { 'if-none-match': '"a"', 'if-modified-since': 'b' });

      expect(seen).toEqual([undefined, undefined]);
      expect(request?.headers).toMatchObject({ 'if-none-match': '"a"', 'if-modified-since': 'b' });
    });

    it('#64: judges no condition where the answer is not a 200', async () => {
      const { get } = await openRoute((_, response) => (response.status(404), response.header('ETag', '"v1"'), 'x'));

      expect((await get('/', { 'if-none-match': '"v1"' })).status).toBe(404);
    });
  });

  describe('what cannot be captured', () => {
    it.each<[string, () => unknown]>([
      [
        'a StreamableFile',
        () => new StreamableFile(Buffer.from('file'), { type: 'text/csv', disposition: 'attachment' }),
      ],
      ['a stream', () => Readable.from([Buffer.from('file')])],
      ['a web Response', () => new Response('file', { headers: { 'content-type': 'text/csv' } })],
      [
        'an async iterable',
        async function* () {
          yield 'file';
        },
      ],
    ])('#82: passes %s untouched', async (_, make) => {
      const { twice, runs } = await openRoute(make);

      const [first, second] = await twice('/');

      expect([first.body, second.body]).toEqual(['file', 'file']);
      expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['BYPASS', 'BYPASS']);
      expect(second.headers['content-type']).toBe(first.headers['content-type']);
      expect(runs.count).toBe(2);
    });

    it('#84: stores the last value of an Observable', async () => {
      const { twice, runs } = await openRoute(() => from([{ n: 1 }, { n: 2 }]));

      const [miss, hit] = await twice('/');

      expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['{"n":2}', '{"n":2}', 'HIT']);
      expect(runs.count).toBe(1);
    });

    it('#85: leaves server-sent events alone', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Events {
        @Sse('events')
        events(): Observable<{ data: string }> {
          runs.next();
          return from([{ data: 'a' }, { data: 'b' }]);
        }
      }
      const site = await openController(Events);

      const [first, second] = await site.twice('/events');

      expect(first.body).toContain('data: b');
      expect(second.body).toBe(first.body);
      expect(runs.count).toBe(2);
    });

    it('#86: passes a handler that sends by itself', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Raw {
        @Get('res')
        res(@Res() response: { send(body: string): unknown }): unknown {
          return response.send(`run ${runs.next()}`);
        }

        @Get('next')
        viaNext(@Res() response: { send(body: string): unknown }, @Next() _next: unknown): void {
          response.send(`run ${runs.next()}`);
        }
      }
      const site = await openController(Raw);

      const answers = [...(await site.twice('/res')), ...(await site.twice('/next'))];

      expect(answers.map(({ body }) => body)).toEqual(['run 1', 'run 2', 'run 3', 'run 4']);
      expect(answers.every(({ headers }) => headers['x-cache'] === 'BYPASS')).toBe(true);
    });

    it('#87: passes redirects', async () => {
      const { twice, runs } = await openRoute(() => undefined, Redirect('/there', 301));

      const [first, second] = await twice('/');

      expect([first.status, second.status, second.headers.location]).toEqual([301, 301, '/there']);
      expect(runs.count).toBe(2);
    });
  });

  describe('other interceptors', () => {
    class Account {
      constructor(
        readonly id: number,
        readonly password: string,
      ) {}
    }

    /** class-transformer, as far as a serializer test needs it. */
    const transformerPackage = {
      classToPlain: (value: object) => (value instanceof Account ? { id: value.id } : value),
      plainToInstance: (_: unknown, value: object) => value,
    };

    @Injectable()
    class Serializer extends ClassSerializerInterceptor {
      constructor() {
        super({ getAllAndOverride: () => undefined }, { transformerPackage } as never);
      }
    }

    it.each([
      ['outside', [Serializer, CacheInterceptor]],
      ['inside', [CacheInterceptor, Serializer]],
    ])('#78: brings out no excluded field with the serializer %s', async (_, interceptors) => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(...interceptors)
      class Accounts {
        @Get()
        get(): Account {
          runs.next();
          return new Account(1, 's3cret');
        }
      }
      const site = await openController(Accounts);

      const [miss, hit] = await site.twice('/');

      expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['{"id":1}', '{"id":1}', 'HIT']);
      expect(runs.count).toBe(1);
    });

    it('#89: stores what the interceptors outside have made of the value, and lets them see each hit', async () => {
      const seen: unknown[] = [];
      const outer: NestInterceptor = {
        intercept: (context, next) =>
          next.handle().pipe(
            tap((value) => void seen.push(JSON.parse(JSON.stringify(value)))),
            tap(() => context.switchToHttp().getResponse<PassthroughResponse>().header('X-Seen', String(seen.length))),
            map((value: unknown) => ({ data: value })),
          ),
      };
      const { controller, runs } = routeWith([outer, CacheInterceptor], () => ({ n: 1 }));
      const site = await openController(controller);

      const [miss, hit] = await site.twice('/');

      expect([miss.body, hit.body]).toEqual(['{"data":{"n":1}}', '{"data":{"n":1}}']);
      expect([miss.headers['x-seen'], hit.headers['x-seen']]).toEqual(['1', '2']);
      expect(seen).toEqual([{ n: 1 }, { data: { n: 1 } }]);
      expect(runs.count).toBe(1);
    });

    it.each([
      [
        'at once',
        () =>
          map(() => {
            throw new ForbiddenException();
          }),
      ],
      [
        'later',
        () =>
          mergeMap(async () => {
            await Promise.resolve();
            throw new ForbiddenException();
          }),
      ],
    ])('#89: lets an interceptor outside refuse a hit %s', async (_, refuse) => {
      let isRefusing = false;
      const outer: NestInterceptor = {
        intercept: (__, next) => (isRefusing ? next.handle().pipe(refuse()) : next.handle()),
      };
      const { controller } = routeWith([outer, CacheInterceptor], () => ({ n: 1 }));
      const site = await openController(controller);

      await site.get('/');
      isRefusing = true;
      const refused = await site.get('/');
      isRefusing = false;

      expect(refused.status).toBe(403);
      expect((await site.get('/')).headers['x-cache']).toBe('HIT');
    });

    it('#89: answers a hit with the error of an interceptor outside that needs an instance of the handler (fault 11)', async () => {
      class Page {
        toDto(): object {
          return { dto: true };
        }
      }
      const outer: NestInterceptor = { intercept: (_, next) => next.handle().pipe(map((page: Page) => page.toDto())) };
      const { controller } = routeWith([outer, CacheInterceptor], () => new Page());
      const site = await openController(controller);

      const [miss, hit] = await site.twice('/');

      expect([miss.status, miss.body, hit.status, hit.headers['x-cache']]).toEqual([
        200,
        '{"dto":true}',
        500,
        'BYPASS',
      ]);
    });

    it('#89: does not store the answer of a filter, whatever its status', async () => {
      @Catch()
      class Envelope implements ExceptionFilter {
        catch(_: unknown, host: ArgumentsHost): void {
          host
            .switchToHttp()
            .getResponse<PassthroughResponse & { send(body: unknown): unknown }>()
            .send({ error: true });
        }
      }
      const failing: NestInterceptor = {
        intercept: (_, next) =>
          next.handle().pipe(
            map(() => {
              throw new Error('outside');
            }),
          ),
      };
      const inside = await openRoute(() => {
        throw new Error('inside');
      }, UseFilters(Envelope));
      const { controller, runs } = routeWith([failing, CacheInterceptor], () => 'x', UseFilters(Envelope));
      const outside = await openController(controller);

      for (const site of [inside, outside]) {
        const [, second] = await site.twice('/');
        expect([second.status, second.body, second.headers['x-cache']]).toEqual([200, '{"error":true}', 'BYPASS']);
      }
      expect([inside.runs.count, runs.count]).toEqual([2, 2]);
    });

    it('#89: does not store what an outer time-out has cut off', async () => {
      const runs = new Runs();
      const outer: NestInterceptor = { intercept: (_, next) => next.handle().pipe(timeout(20)) };
      @Controller()
      @UseInterceptors(outer, CacheInterceptor)
      class Slow {
        @Get()
        async get(): Promise<number> {
          return runs.passed();
        }
      }
      const site = await openController(Slow);
      runs.hold();

      const cut = await site.get('/');
      runs.release();
      const answer = await site.get('/');

      expect(cut.status).toBe(500);
      expect([answer.body, answer.headers['x-cache']]).toEqual(['2', 'MISS']);
    });

    it('#90: works once when it is bound globally, on the controller and on the method', async () => {
      const { controller, runs } = routeOf(() => 'x', UseInterceptors(CacheInterceptor));
      const site = await openController(controller, {
        providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
      });

      const [miss, hit] = await site.twice('/');

      expect([miss.headers['x-cache'], hit.headers['x-cache']]).toEqual(['MISS', 'HIT']);
      expect((await site.cache.getStats()).totalHits).toBe(1);
      expect(runs.count).toBe(1);
    });

    it('#89: works with request-scoped controllers', async () => {
      const runs = new Runs();
      @Controller({ scope: Scope.REQUEST })
      @UseInterceptors(CacheInterceptor)
      class Scoped {
        @Get()
        get(): number {
          return runs.next();
        }
      }
      const site = await openController(Scoped);

      expect((await site.twice('/'))[1].headers['x-cache']).toBe('HIT');
    });
  });

  describe('several requests at once', () => {
    function slow(
      runs: Runs,
      options: Parameters<typeof CacheRoute>[0] = {},
      prepare: (response: PassthroughResponse) => void = () => undefined,
    ): Type {
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Slow {
        @Get()
        @CacheRoute(options)
        async get(@Res({ passthrough: true }) response: PassthroughResponse): Promise<object> {
          const run = await runs.passed();
          prepare(response);
          return { run };
        }
      }
      return Slow;
    }

    it('#91: runs the handler once for fifty simultaneous misses', async () => {
      const runs = new Runs();
      const site = await openController(slow(runs));
      runs.hold();

      const asked = Array.from({ length: 50 }, () => site.get('/'));
      await until(() => runs.count > 0);
      runs.release();
      const answers = await Promise.all(asked);

      expect(runs.count).toBe(1);
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['{"run":1}']));
      expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(1);
      expect(answers.filter(({ headers }) => headers['x-cache'] === 'MISS')).toHaveLength(1);
    });

    it("#92, #93: gives nobody an answer that is another one's", async () => {
      const runs = new Runs();
      const site = await openController(slow(runs, {}, (response) => response.header('Set-Cookie', 'id=1')));
      runs.hold();

      const asked = Array.from({ length: 5 }, () => site.get('/'));
      await until(() => runs.count > 0);
      runs.release();
      const answers = await Promise.all(asked);

      expect(new Set(answers.map(({ body }) => body)).size).toBe(5);
      expect(answers.every(({ headers }) => headers['x-cache'] === 'BYPASS')).toBe(true);
    });

    it("#93: does not queue for a key whose answers are nobody else's", async () => {
      const runs = new Runs();
      const site = await openController(slow(runs, {}, (response) => response.header('Set-Cookie', 'id=1')));
      await site.get('/');
      runs.hold();

      const asked = Array.from({ length: 5 }, () => site.get('/'));
      await until(() => runs.count === 6);
      runs.release();

      expect(await Promise.all(asked)).toHaveLength(5);
    });

    it('#94: gives the error of the leader to all who waited', async () => {
      const runs = new Runs();
      const site = await openController(
        slow(runs, {}, () => {
          throw new BadRequestException('bad');
        }),
      );
      runs.hold();

      const asked = Array.from({ length: 5 }, () => site.get('/'));
      await until(() => runs.count > 0);
      runs.release();
      const answers = await Promise.all(asked);

      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400]);
      expect(answers.every(({ headers }) => headers['x-cache'] === 'BYPASS')).toBe(true);
    });

    it('#96: stores the answer although the client has left', async () => {
      const runs = new Runs();
      const site = await openController(slow(runs));
      runs.hold();
      const controller = new AbortController();

      const left = site.ask('/', { signal: controller.signal }).catch(() => 'left');
      await until(() => runs.count > 0);
      controller.abort();
      expect(await left).toBe('left');
      const waiting = site.get('/');
      runs.release();

      expect((await waiting).body).toBe('{"run":1}');
      expect(runs.count).toBe(1);
    });

    it('#96: lets a waiter run when the client of an Observable has left', async () => {
      const runs = new Runs();
      @Controller()
      @UseInterceptors(CacheInterceptor)
      class Slow {
        @Get()
        get(): Observable<number> {
          return from(runs.passed());
        }
      }
      const site = await openController(Slow);
      runs.hold();
      const controller = new AbortController();

      const left = site.ask('/', { signal: controller.signal }).catch(() => 'left');
      await until(() => runs.count > 0);
      const waiting = site.get('/');
      controller.abort();
      await left;
      await until(() => runs.count > 1);
      runs.release();

      expect((await waiting).body).toBe('2');
    });

    it("#95: waits for another one's handler no longer than five seconds", async () => {
      const runs = new Runs();
      const site = await openController(slow(runs));
      const schedule = jest.spyOn(site.cache.clock, 'schedule');
      runs.hold();

      const leader = site.get('/');
      await until(() => runs.count === 1);
      const waiting = site.get('/');
      await until(() => schedule.mock.calls.some(([delayMs]) => delayMs === 5_000));
      schedule.mock.calls.find(([delayMs]) => delayMs === 5_000)?.[1]();
      await until(() => runs.count === 2);
      runs.release();

      expect((await waiting).headers['x-cache']).toBe('BYPASS');
      expect((await leader).headers['x-cache']).toBe('MISS');
      expect((await site.get('/')).body).toBe('{"run":1}');
    });

    it('#97: runs the handlers of unscoped, identified requests side by side', async () => {
      const runs = new Runs();
      const site = await openController(slow(runs));
      runs.hold();

      const asked = ['a', 'b', 'c'].map((cookie) => site.get('/', { cookie }));
      await until(() => runs.count === 3);
      runs.release();

      expect(new Set((await Promise.all(asked)).map(({ body }) => body)).size).toBe(3);
    });

    it('#102: does not store what was invalidated while it was made', async () => {
      const runs = new Runs();
      const site = await openController(slow(runs, { tags: ['products'] }));
      runs.hold();

      const old = site.get('/');
      await until(() => runs.count > 0);
      await site.cache.invalidateTags(['products']);
      runs.release();
      await old;

      expect((await site.get('/')).body).toBe('{"run":2}');
    });
  });

  describe('stale answers', () => {
    function failing(options: Parameters<typeof CacheRoute>[0]): {
      controller: Type;
      fail: (error: Error | undefined) => void;
    } {
      let failure: Error | undefined;
      const { controller } = routeOf((_, response) => {
        response.header('X-Try', failure === undefined ? 'good' : 'bad');
        if (failure !== undefined) throw failure;
        return 'good';
      }, CacheRoute(options));
      return { controller, fail: (error) => (failure = error) };
    }

    async function expired(
      options: Parameters<typeof CacheRoute>[0],
    ): Promise<Site & { fail: (error: Error | undefined) => void }> {
      const { controller, fail } = failing({ tags: ['all'], ...options });
      const site = await openController(controller);
      await site.get('/');
      await site.cache.invalidateTags(['all'], { soft: true });
      return { ...site, fail };
    }

    it('#101: answers with the expired response when the handler throws', async () => {
      const { get, fail } = await expired({ ttl: '1m', staleIfError: '1m' });
      fail(new Error('database is down'));

      const answer = await get('/');

      expect([answer.status, answer.body]).toEqual([200, 'good']);
      expect(answer.headers).toMatchObject({ 'x-cache': 'STALE', 'x-cache-ttl': '0', 'x-try': 'good' });
      fail(undefined);
      expect((await get('/')).headers['x-cache']).toBe('MISS');
    });

    it('#101: never hides a 4xx', async () => {
      const { get, fail } = await expired({ ttl: '1m', staleIfError: '1m' });
      fail(new BadRequestException());

      expect((await get('/')).status).toBe(400);
    });

    it('lets the error through without `staleIfError`', async () => {
      const { get, fail } = await expired({ ttl: '1m' });
      fail(new Error('down'));

      expect((await get('/')).status).toBe(500);
    });
  });

  describe('invalidation', () => {
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

  describe('faults', () => {
    it('refuses to start with a route whose cache does not exist', async () => {
      const { controller } = routeOf(() => 'x', CacheRoute({ cache: 'sessions' }));

      await expect(openController(controller)).rejects.toThrow(
        /no cache named `sessions`.*Import CacheKitModule\.forRoot\(\{ name: 'sessions' \}\)/s,
      );
    });

    it('uses the cache that the route names', async () => {
      const { controller } = routeOf(() => 'x', CacheRoute({ cache: 'pages', ttl: '1m' }));
      const site = await openController(controller, { imports: [CacheKitModule.forRoot({ name: 'pages' })] });

      await site.twice('/');

      const pages = site.app.get<CacheService>(getCacheToken('pages'));
      expect([(await pages.getStats()).totalEntries, (await site.cache.getStats()).totalEntries]).toEqual([1, 0]);
    });

    it('#103: runs the handler when the cache fails', async () => {
      const { get, cache, runs } = await openRoute(() => 'ok');
      jest.spyOn(cache, 'load').mockRejectedValue(new CacheUnavailableError('down'));

      const answer = await get('/');

      expect([answer.status, answer.body, answer.headers['x-cache']]).toEqual([200, 'ok', 'BYPASS']);
      expect(runs.count).toBe(1);
    });

    it('runs the handler when the key of a route fails', async () => {
      const { get } = await openRoute(
        () => 'ok',
        CacheRoute({
          key: () => {
            throw new Error('no key');
          },
        }),
      );

      const answer = await get('/');

      expect([answer.body, answer.headers['x-cache']]).toEqual(['ok', 'BYPASS']);
    });
  });
});

describe('CacheInterceptor and the hooks of fastify', () => {
  function controllerOf(answer: (reply: { setCookie?: (name: string, value: string) => unknown }) => unknown): {
    controller: Type;
    runs: Runs;
  } {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Hooked {
      @Get()
      get(@Res({ passthrough: true }) reply: { setCookie?: (name: string, value: string) => unknown }): unknown {
        runs.next();
        return answer(reply);
      }
    }
    return { controller: Hooked, runs };
  }

  const instanceOf = (app: INestApplication): FastifyInstance => app.getHttpAdapter().getInstance() as FastifyInstance;

  it('#26: does not store an answer whose cookie is only set in `onSend`, as by @fastify/cookie', async () => {
    const { controller, runs } = controllerOf((reply) => (reply.setCookie?.('id', '1'), 'x'));
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) => instanceOf(app).decorateReply('setCookie', () => undefined),
    });

    const [, second] = await site.twice('/');

    expect(second.headers['x-cache']).toBe('BYPASS');
    expect(runs.count).toBe(2);
  });

  it('passes answers that a `preSerialization` hook changes', async () => {
    const { controller } = controllerOf(() => ({ n: 1 }));
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook('preSerialization', async (_: unknown, __: unknown, payload: unknown) => ({
          wrapped: payload,
        })),
    });

    const [, second] = await site.twice('/');

    expect([second.body, second.headers['x-cache']]).toEqual(['{"wrapped":{"n":1}}', 'BYPASS']);
  });

  it('sends a hit after hooks that take their time', async () => {
    const { controller } = controllerOf(() => 'plain');
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook('onSend', async (_: unknown, __: unknown, payload: unknown) => {
          await new Promise((resolve) => setImmediate(resolve));
          return `${String(payload)}!`;
        }),
    });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.status, hit.headers['x-cache']]).toEqual(['plain!', 'plain!', 200, 'HIT']);
  });

  it('#107: stores the identity of what an `onSend` hook encodes', async () => {
    const { controller } = controllerOf(() => 'plain');
    let sent = 0;
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook(
          'onSend',
          async (_: unknown, __: unknown, payload: unknown) => `${String(payload)}-${++sent}`,
        ),
    });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['plain-1', 'plain-2', 'HIT']);
  });
});

describe('CacheInterceptor and the middleware of express', () => {
  it('#107: stores the identity of what a middleware encodes in `end`', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Plain {
      @Get()
      get(): string {
        return 'plain';
      }
    }
    let sent = 0;
    const encode = (_: unknown, response: ServerResponse, next: () => void): void => {
      const end = response.end.bind(response) as (chunk: unknown) => ServerResponse;
      response.end = ((chunk: unknown) => {
        response.removeHeader('Content-Length');
        return end(`${String(chunk)}-${++sent}`);
      }) as ServerResponse['end'];
      next();
    };
    const site = await openSite('express', { controllers: [Plain], prepare: (app) => app.use(encode) });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['plain-1', 'plain-2', 'HIT']);
  });
});

/** The part of Fastify's instance that the tests use. */
interface FastifyInstance {
  decorateReply(name: string, method: () => unknown): unknown;
  addHook(name: string, hook: (request: unknown, reply: unknown, payload: unknown) => Promise<unknown>): unknown;
}
