import { Agent } from 'node:http';
import { Controller, Get, Header, HttpCode, type NestInterceptor } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, lasting, type Platform, routesOn, setting } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('stored and replayed (%s)', (platform) => {
  const { openController, routeOf, routeWith, openRoute } = routesOn(platform);

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

    expect([hit.headers['x-cache'], hit.headers['x-cache-ttl'], hit.headers.age]).toEqual([undefined, undefined, '0']);
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
