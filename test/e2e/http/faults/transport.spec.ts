import { connect as connectHttp2 } from 'node:http2';
import { Agent, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Controller, Get, HttpCode, NotFoundException, StreamableFile, UseInterceptors } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from '../../../../src/core/cache-internals.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  lasting,
  openSite,
  type Platform,
  routesOn,
  statesOf,
  travelIn,
  until,
} from '../../http.fixture.js';

jest.setTimeout(60_000);
afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('transport on %s', (platform) => {
  const { openRoute, openOrigin, openController, routeOf } = routesOn(platform);

  it('#83: lets a stream flow as it is made, and ends its source when the client leaves', async () => {
    let read = 0;
    let isDestroyed = false;
    const { ask } = await openRoute(() => {
      const source = new Readable({
        read() {
          read++;
          this.push(Buffer.alloc(64 * 1024));
        },
        destroy(error, done) {
          isDestroyed = true;
          done(error);
        },
      });
      return new StreamableFile(source);
    });
    const client = new AbortController();

    const left = ask('/', { signal: client.signal }).catch(() => 'left');
    await until(() => read >= 4);
    client.abort();

    expect(await left).toBe('left');
    await until(() => isDestroyed);
    expect(read).toBeLessThan(1_000);
  });

  it('#105: sends a stream over the limit whole, and stores nothing of it', async () => {
    const { get, cache } = await openRoute(
      () => new StreamableFile(Readable.from([Buffer.alloc(100_000), Buffer.alloc(100_000)])),
      CacheRoute({ maxBodyBytes: 1_000 }),
    );

    const answer = await get('/');

    expect(answer.bytes).toHaveLength(200_000);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('#28: stores nothing of an answer that broke off', async () => {
    function* breaking(): Generator<Buffer> {
      yield Buffer.from('part');
      throw new Error('broken');
    }
    const { get, cache } = await openRoute(() => new StreamableFile(Readable.from(breaking())));

    await get('/').catch(() => 'broken off');

    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('#38: keys by everything that makes an answer what it is', async () => {
    const { get, cache } = await openRoute(
      () => 'x',
      CacheRoute({ varyBy: ['accept'], scope: () => 'me', namespace: 'pages' }),
    );
    await get('/?b=2&a=1', { host: 'shop.test', accept: 'text/html' });

    const { entries } = await cache.list({ namespace: 'pages' });

    expect(entries.map(({ key }) => key)).toEqual([
      expect.stringMatching(
        /^GET http:\/\/shop\.test \w+\.OneController\.one \/\?a=1&b=2 accept=text%2Fhtml scope:[\w-]{43}$/,
      ),
    ]);
  });

  it('#111: sends no stored header that would end its line', async () => {
    const { get, cache } = await openRoute(() => 'handler', CacheRoute({ ttl: '1m' }));
    await get('/');
    const { entries } = await cache.list();
    await cache.set(entries[0]?.key ?? '', {
      ...(entries[0]?.value as object),
      headers: [['x-a', 'b\r\nset-cookie: c=1']],
    });

    const answer = await get('/');

    expect([answer.status, answer.body, answer.headers['x-a'], answer.headers['set-cookie']]).toEqual([
      200,
      'handler',
      undefined,
      undefined,
    ]);
  });

  it('#106: stays within its bounds whatever queries are asked, and frees what has expired', async () => {
    const { get, cache } = await openOrigin(() => 'x'.repeat(1_000), {
      memory: { maxEntries: 50, maxBytes: 60_000 },
      http: { ttl: '1m' },
    });
    const travel = travelIn(cache);

    for (let i = 0; i < 300; i++) await get(`/?${i}`);
    const full = await cache.getStats();
    travel(61_000);
    const freed = await cache.cleanupExpired();

    expect(full.totalEntries).toBeLessThanOrEqual(50);
    expect(full.memoryUsageBytes).toBeLessThanOrEqual(60_000);
    expect(freed + (await cache.getStats()).totalEntries).toBeGreaterThanOrEqual(0);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it.each<[string, () => unknown]>([
    ['a small text', () => 'a,b'],
    ['a small JSON', () => ({ a: 1 })],
    ['bytes that are ASCII', () => new Uint8Array(Buffer.from('a,b'))],
    ['a text that is not ASCII', () => 'å,b'],
  ])('#29: sends headers in Latin-1 with %s, on hits too (fault 19)', async (_, body) => {
    const { twice } = await openRoute((__, response) => (response.header('X-File', 'filename="é.txt"'), body()));

    const answers = await twice('/');

    expect(answers.map(({ headers }) => headers['x-file'])).toEqual(Array(2).fill('filename="é.txt"'));
    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
    expect(lasting(answers[1])).toEqual(lasting(answers[0]));
  });

  it('#81: gives the type of bytes no charset, on misses and hits (fault 19)', async () => {
    const { twice } = await openRoute((_, response) => {
      response.header('Content-Type', 'application/vnd.api+json');
      // On Express, Nest serializes bytes as JSON, and Express adds a charset to text.
      return platform === 'express' ? '{"a":1}' : new Uint8Array(Buffer.from('{"a":1}'));
    });

    const answers = await twice('/');

    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
    const expected = platform === 'express' ? 'application/vnd.api+json; charset=utf-8' : 'application/vnd.api+json';
    expect(answers.map(({ headers, body }) => [headers['content-type'], body])).toEqual(
      Array(2).fill([expected, '{"a":1}']),
    );
  });

  it('#107: stores what the handler has encoded where it says so, for each encoding', async () => {
    const { get } = await openRoute((request, response) => {
      response.header('Vary', 'Accept-Encoding');
      if (request.headers['accept-encoding'] !== 'gzip') return Buffer.from('plain');
      response.header('Content-Encoding', 'gzip');
      response.header('Content-Type', 'text/plain');
      return Buffer.from('zipped');
    });
    const gzip = { 'accept-encoding': 'gzip' };

    const answers = [await get('/', gzip), await get('/'), await get('/', gzip), await get('/')];

    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'HIT', 'HIT']);
    expect(answers[2]?.headers['content-encoding']).toBe('gzip');
    expect(answers[2]?.bytes).toEqual(answers[0]?.bytes);
    expect(answers[3]?.headers['content-encoding']).toBeUndefined();
  });

  it('#107: adds a missing Vary to an answer encoded by the handler, and stores each encoding (fault 18)', async () => {
    const { get } = await openRoute((request, response) => {
      if (request.headers['accept-encoding'] !== 'gzip') return 'plain';
      response.header('Content-Encoding', 'gzip');
      response.header('Content-Type', 'text/plain');
      return Buffer.from('zipped');
    });
    const gzip = { 'accept-encoding': 'gzip' };

    const answers = [
      await get('/', gzip),
      await get('/'),
      await get('/', gzip),
      await get('/', { 'accept-encoding': 'br' }),
      await get('/'),
    ];

    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'HIT', 'MISS', 'HIT']);
    expect(answers.map(({ headers }) => headers['content-encoding'])).toEqual([
      'gzip',
      undefined,
      'gzip',
      undefined,
      undefined,
    ]);
    expect([answers[0]?.headers.vary, answers[2]?.headers.vary]).toEqual(['accept-encoding', 'accept-encoding']);
    expect(answers[2]?.bytes).toEqual(answers[0]?.bytes);
  });

  it('#107, #108: gives a compressed and a plain answer the right length and one weak tag', async () => {
    const { controller } = routeOf(() => 'plain text');
    const site = await openController(
      controller,
      platform === 'express'
        ? { prepare: (app) => app.use(compressing) }
        : {
            prepare: (app) =>
              (app.getHttpAdapter().getInstance() as { addHook(name: string, hook: unknown): unknown }).addHook(
                'onSend',
                zipOnSend,
              ),
          },
    );
    const gzip = { 'accept-encoding': 'gzip' };

    const answers = [await site.get('/', gzip), await site.get('/'), await site.get('/', gzip)];

    expect(statesOf(answers)).toEqual(['MISS', 'HIT', 'HIT']);
    expect(answers.map(({ headers }) => headers['content-encoding'])).toEqual(['gzip', undefined, 'gzip']);
    for (const { headers, bytes } of answers)
      expect([headers.etag?.startsWith('W/'), headers['content-length'] ?? String(bytes.length)]).toEqual([
        true,
        String(bytes.length),
      ]);
    expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(1);
  });

  it('#108: passes no-transform on', async () => {
    const { twice } = await openRoute(
      (_, response) => (response.header('Cache-Control', 'max-age=60, no-transform'), 'x'),
    );

    const [, hit] = await twice('/');

    expect([hit.headers['x-cache'], hit.headers['cache-control']]).toEqual(['HIT', 'max-age=60, no-transform']);
  });

  it('#25: passes immutable on, and takes no freshness from it', async () => {
    const { twice } = await openRoute(
      (_, response) => (response.header('Cache-Control', 'immutable'), 'x'),
      CacheRoute({ ttl: 0 }),
    );

    expect(statesOf(await twice('/'))).toEqual(['BYPASS', 'BYPASS']);
  });

  it('#110: keeps a connection in step through hits, 304s, 206s and HEADs', async () => {
    const { ask } = await openOrigin(({ originalUrl }) => `body of ${originalUrl}`, {});
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { headers } = await ask('/a', { agent });

    const answers = [
      await ask('/a', { agent }),
      await ask('/a', { agent, method: 'HEAD' }),
      await ask('/a', { agent, headers: { 'if-none-match': headers.etag ?? '' } }),
      await ask('/a', { agent, headers: { range: 'bytes=0-3' } }),
      await ask('/a', { agent, headers: { range: 'bytes=99-' } }),
      await ask('/b', { agent }),
    ];
    agent.destroy();

    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, 'body of /a'],
      [200, ''],
      [304, ''],
      [206, 'body'],
      [416, ''],
      [200, 'body of /b'],
    ]);
  });

  it('#13, #88: stores thrown and set statuses that the route has a TTL for, and throws them again', async () => {
    const thrown = await openRoute(
      () => {
        throw new NotFoundException('nothing here');
      },
      CacheRoute({ statusTtl: { 404: '10s' } }),
    );
    const set = await openRoute(
      (_, response) => (response.status(410), { gone: true }),
      CacheRoute({ statusTtl: { 410: '10s' } }),
    );

    for (const { twice, runs } of [thrown, set]) {
      const [miss, hit] = await twice('/');
      expect([miss.headers['x-cache'], hit.headers['x-cache'], hit.headers['x-cache-ttl'], runs.count]).toEqual([
        'MISS',
        'HIT',
        '10',
        1,
      ]);
      expect(lasting(hit)).toEqual(lasting(miss));
    }
  });

  it('#103: takes an entry of another layout for a miss, and replaces it', async () => {
    const { get, cache, runs } = await openRoute(() => 'handler', CacheRoute({ ttl: '1m' }));
    await get('/');
    const { entries } = await cache.list();
    await cache.set(entries[0]?.key ?? '', { ...(entries[0]?.value as object), format: 'nestjs-cache-kit/response/1' });

    const answers = [await get('/'), await get('/')];

    expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
    expect(runs.count).toBe(2);
  });

  it('#103: runs the handler when the store does not answer in time', async () => {
    const { get, cache } = await openRoute(() => 'handler');
    jest.spyOn(internalsOf(cache), 'find').mockReturnValue(new Promise(() => undefined));

    const answer = await get('/');

    expect([answer.status, answer.body, answer.headers['x-cache']]).toEqual([200, 'handler', 'BYPASS']);
  });

  it('#32: merges Vary with what middleware has set on each request', async () => {
    const { controller } = routeOf(
      (_, response) => (response.header('X-A', 'b'), 'x'),
      CacheRoute({ varyBy: ['accept'] }),
    );
    const site = await openController(controller, {
      prepare: (app) =>
        app.use((_: unknown, response: ServerResponse, next: () => void) => {
          response.setHeader('Vary', 'Origin');
          next();
        }),
    });

    const [miss, hit] = await site.twice('/');

    expect([miss, hit].map(({ headers }) => headers.vary)).toEqual(['Origin, accept', 'Origin, accept']);
  });

  it('#31: stores no header of the connection, nor those that it names', async () => {
    const { twice } = await openRoute((_, response) => {
      response.header('Connection', 'X-Hop');
      response.header('X-Hop', 'a');
      response.header('Proxy-Authenticate', 'Basic');
      return 'x';
    });

    const [miss, hit] = await twice('/');

    expect([miss.headers['x-hop'], miss.headers['proxy-authenticate']]).toEqual(['a', 'Basic']);
    expect([hit.headers['x-hop'], hit.headers['proxy-authenticate'], hit.headers['x-cache']]).toEqual([
      undefined,
      undefined,
      'HIT',
    ]);
  });
});

describe('HTTP/2 on fastify', () => {
  it('#109: shares the entries of HTTP/1.1, with no field of its own in them', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Plain {
      @Get()
      @HttpCode(200)
      get(): string {
        return 'x';
      }
    }
    const site = await openSite('fastify', {
      controllers: [Plain],
      adapter: new FastifyAdapter({ http2: true } as never),
    });
    const { port } = site;

    const answers = [await askHttp2(port), await askHttp2(port)];
    const { entries } = await site.cache.list();

    expect(answers.map((headers) => [headers[':status'], headers['x-cache'], headers.connection])).toEqual([
      [200, 'MISS', undefined],
      [200, 'HIT', undefined],
    ]);
    expect(entries.map(({ key }) => key)).toEqual([
      expect.stringMatching(new RegExp(`^GET http://127\\.0\\.0\\.1 \\S+ / - -$`)),
    ]);
    expect(JSON.stringify(entries)).not.toContain('":authority"');
  });
});

function askHttp2(port: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    client.on('error', reject);
    const request = client.request({ ':path': '/' });
    request.on('response', (headers) => {
      request.resume();
      request.on('end', () => client.close(() => resolve(headers)));
    });
    request.end();
  });
}

/** A minimal compressing middleware. */
function compressing(request: { headers: Record<string, string> }, response: ServerResponse, next: () => void): void {
  const end = response.end.bind(response) as (chunk: unknown) => ServerResponse;
  response.setHeader('Vary', 'Accept-Encoding');
  if (request.headers['accept-encoding'] === 'gzip') {
    response.end = ((chunk: string | Buffer) => {
      const zipped = gzipSync(chunk);
      response.setHeader('Content-Encoding', 'gzip');
      response.setHeader('Content-Length', zipped.length);
      return end(zipped);
    }) as ServerResponse['end'];
  }
  next();
}

interface HookedReply {
  header(name: string, value: string): unknown;
  removeHeader(name: string): unknown;
}

/** A minimal compressing hook of Fastify. */
async function zipOnSend(
  request: { headers: Record<string, string> },
  reply: HookedReply,
  payload: string | Buffer,
): Promise<unknown> {
  reply.header('Vary', 'Accept-Encoding');
  if (request.headers['accept-encoding'] !== 'gzip') return payload;
  reply.header('Content-Encoding', 'gzip');
  reply.removeHeader('content-length');
  return gzipSync(payload);
}
