import { connect } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Param,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, openSite, type Platform, type PlatformRequest, routesOn } from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('answers that one client makes for another on %s', (platform) => {
  const { openController, openRoute } = routesOn(platform);

  it.each([
    ['x-forwarded-host'],
    ['x-forwarded-proto'],
    ['x-forwarded-port'],
    ['x-forwarded-prefix'],
    ['x-forwarded-for'],
    ['forwarded'],
    ['x-original-url'],
    ['x-rewrite-url'],
    ['x-http-method-override'],
  ])('#56, #57: hold no %s that is not in the key', async (name) => {
    const { get } = await openRoute(({ headers }) => ({ reflected: headers[name] ?? null }));

    const attack = await get('/', { [name]: 'evil' });
    const victim = await get('/');

    expect([attack.body, victim.body]).toEqual(['{"reflected":null}', '{"reflected":null}']);
    expect(victim.headers['x-cache']).toBe('HIT');
  });

  it('#56: shows the handler what is in the key', async () => {
    const { get } = await openRoute(
      ({ headers }) => ({ reflected: headers['x-forwarded-host'] ?? null }),
      CacheRoute({ varyBy: ['x-forwarded-host'] }),
    );

    const answers = [
      await get('/', { 'x-forwarded-host': 'a' }),
      await get('/', { 'x-forwarded-host': 'b' }),
      await get('/'),
    ];

    expect(answers.map(({ body }) => body)).toEqual(['{"reflected":"a"}', '{"reflected":"b"}', '{"reflected":null}']);
  });

  it('#56: leaves guards and interceptors outside the request as it is, and the handler after an error', async () => {
    let seen: PlatformRequest | undefined;
    const guarded: unknown[] = [];
    const guard: CanActivate = {
      canActivate: (context: ExecutionContext) =>
        guarded.push(context.switchToHttp().getRequest<PlatformRequest>().headers['x-forwarded-for']) > 0,
    };
    const { get } = await openRoute(
      (request) => {
        seen = request;
        throw new Error('fails');
      },
      UseGuards(guard),
      CacheRoute({ scope: 'public' }),
    );

    await get('/', { 'x-forwarded-for': '10.0.0.1' });

    expect([guarded, seen?.headers['x-forwarded-for']]).toEqual([['10.0.0.1'], '10.0.0.1']);
  });

  it('#41, #56: keys by host and scheme of a proxy that is trusted, and shows them to the handler', async () => {
    const answers: string[] = [];
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Trusting {
      @Get()
      get(@Req() request: PlatformRequest & { host: string; protocol: string }): string {
        return `${request.protocol}://${request.host}`;
      }
    }
    const site = await openSite(platform, {
      controllers: [Trusting],
      ...(platform === 'fastify' ? { adapter: new FastifyAdapter({ trustProxy: true }) } : {}),
      prepare: (app: INestApplication) =>
        platform === 'express' && (app as NestExpressApplication).set('trust proxy', true),
    });

    for (const host of ['a.test', 'b.test', 'a.test']) {
      const { body, headers } = await site.get('/', { 'x-forwarded-host': host, 'x-forwarded-proto': 'https' });
      answers.push(`${body} ${String(headers['x-cache'])}`);
    }

    expect(answers).toEqual(['https://a.test MISS', 'https://b.test MISS', 'https://a.test HIT']);
  });

  it('#41: bypasses hosts that are not on the list', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Hosted {
      @Get()
      get(): string {
        return 'x';
      }
    }
    const { get } = await openController(Hosted, { cache: { http: { hosts: ['Shop.test', 'localhost:3000'] } } });

    const states = [];
    for (const host of ['shop.test', 'shop.test', 'evil.test', 'evil.test', 'localhost:49152', 'localhost:49153'])
      states.push((await get('/', { host })).headers['x-cache']);

    expect(states).toEqual(['MISS', 'HIT', 'BYPASS', 'BYPASS', 'MISS', 'HIT']);
  });

  it('#46: are stored under no route but that which has made them', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Deceived {
      @Get('me')
      @CacheRoute({ scope: 'user' })
      me(): string {
        return 'private';
      }

      @Get('public/:name')
      @CacheRoute({ scope: 'public' })
      open(@Param('name') name: string): string {
        return `public ${name}`;
      }
    }
    const { get, cache } = await openController(Deceived);
    const cookie = { cookie: 'session=1' };

    for (const path of ['/me', '/me?x.css', '/me/x.css', '/me%2fx.css', '/me;x.css', '/me/..%2fpublic%2fx']) {
      const answer = await get(path, cookie);
      expect(answer.headers['x-cache']).not.toBe('HIT');
    }

    expect((await cache.getStats()).totalEntries).toBe(0);
    expect((await get('/public/x', cookie)).headers['x-cache']).toBe('MISS');
  });

  it('#58: are never the errors that a malformed request gets', async () => {
    const { port, get, cache } = await openRoute(() => 'x');

    const oversized = await raw(port, `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    const control = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Bad: a\x01b\r\n\r\n');

    expect([oversized, control]).toEqual([
      expect.stringMatching(/^HTTP\/1\.1 431 /),
      expect.stringMatching(/^HTTP\/1\.1 400 /),
    ]);
    expect((await cache.getStats()).totalEntries).toBe(0);
    expect((await get('/')).headers['x-cache']).toBe('MISS');
  });

  it('#48: stay with one user of one tenant', async () => {
    const guard: CanActivate = {
      canActivate: (context: ExecutionContext) => {
        const request = context.switchToHttp().getRequest<PlatformRequest>();
        const [id, tenantId] = (request.headers['x-user'] ?? '').split('@');
        request.user = { id, tenantId };
        return true;
      },
    };
    const answer = ({ user }: PlatformRequest): string =>
      `${(user as { id: string }).id}@${(user as { tenantId: string }).tenantId}`;
    const own = await openRoute(answer, UseGuards(guard), CacheRoute({ scope: 'user' }));
    const shared = await openRoute(answer, UseGuards(guard), CacheRoute({ scope: 'tenant' }));
    const askers = ['alice@a', 'alice@b', 'bob@a'];

    const owned = [];
    const ofTenant = [];
    for (const user of askers) {
      owned.push((await own.get('/', { 'x-user': user })).body);
      ofTenant.push((await shared.get('/', { 'x-user': user })).body);
    }

    expect(owned).toEqual(askers);
    expect(ofTenant).toEqual(['alice@a', 'alice@b', 'alice@a']);
  });

  it('#47: hold no name of their owner in the key', async () => {
    const { get, cache } = await openRoute(
      () => 'x',
      CacheRoute({ scope: (request) => request.headers.authorization }),
    );
    await get('/', { authorization: 'Bearer s3cret' });

    const { entries } = await cache.list();

    expect(entries).toHaveLength(1);
    expect(JSON.stringify(entries.map(({ key, tags }) => [key, tags]))).not.toContain('s3cret');
  });

  it('#44: tell apart what query parsers tell apart', async () => {
    const { get, runs } = await openRoute((request) => request.query);
    const queries = ['?a=1&a=2', '?a=2&a=1', '?a[]=1&a[]=2', '?a=1;b', '?%61=1', '?a=1'];

    for (const query of queries) expect((await get(`/${query}`)).headers['x-cache']).toBe('MISS');

    expect(runs.count).toBe(queries.length);
  });
});

/** Sends raw bytes that no client library would send, and returns the answer. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
