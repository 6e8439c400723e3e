import { createRequire } from 'node:module';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import {
  type Answer,
  closeSites,
  type Platform,
  type RouteAnswer,
  routesOn,
  type RouteSite,
  type SiteParts,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const load = createRequire(import.meta.url);
const compression = (): ((...args: unknown[]) => void) => (load('compression') as () => (...args: unknown[]) => void)();

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';
const TEXT = 'A line of text that a compressor makes short. '.repeat(100);
const gzip = { 'accept-encoding': 'gzip' };
const part = { range: 'bytes=0-3' };

const tagged: RouteAnswer = (_, response) => {
  response.header('ETag', '"v1"');
  response.header('Last-Modified', MODIFIED);
  response.header('Content-Type', 'text/plain');
  return TEXT;
};

const textOf = ({ headers, bytes }: Answer): string =>
  (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();

/** Compressors of the cache's answers. */
const COMPRESSORS: [string, Platform, () => Promise<Partial<SiteParts>>][] = [
  [
    'the middleware `compression` on express',
    'express',
    async () => Promise.resolve({ prepare: (app: INestApplication) => app.use(compression()) }),
  ],
  [
    'the middleware `compression` on fastify',
    'fastify',
    async () => Promise.resolve({ prepare: (app: INestApplication) => app.use(compression()) }),
  ],
  [
    'the plug-in `@fastify/compress`',
    'fastify',
    async () => {
      const adapter = new FastifyAdapter();
      await adapter.getInstance<FastifyInstance>().register(load('@fastify/compress') as FastifyPluginCallback);
      return { adapter };
    },
  ],
];

describe.each(COMPRESSORS)('under %s', (_, platform, partsOf) => {
  const { openController, routeOf } = routesOn(platform);

  async function openCompressed(answer: RouteAnswer): Promise<RouteSite> {
    const { controller, runs } = routeOf(answer);
    return { ...(await openController(controller, await partsOf())), runs };
  }

  it('a range of what may be compressed is answered with the whole (fault 13)', async () => {
    const { get } = await openCompressed(tagged);

    const miss = await get('/', { ...part, ...gzip });
    const hit = await get('/', { ...part, ...gzip });

    for (const answer of [miss, hit]) {
      expect([
        answer.status,
        answer.headers['content-encoding'],
        answer.headers['content-range'],
        textOf(answer),
      ]).toEqual([200, 'gzip', undefined, TEXT]);
    }
    expect(hit.headers['x-cache']).toBe('HIT');
  });

  it.each([
    [{}],
    [{ 'accept-encoding': 'identity' }],
    [{ 'accept-encoding': 'identity;q=1, *;q=0' }],
    [{ 'accept-encoding': 'gzip;q=0, br;q=0.0' }],
    [{ 'accept-encoding': '' }],
  ])('a range is cut where the client accepts nothing compressed: %j', async (headers: Record<string, string>) => {
    const { get } = await openCompressed(tagged);
    await get('/');

    const answer = await get('/', { ...part, ...headers });

    expect([answer.status, answer.body, answer.headers['content-encoding'], answer.headers.etag]).toEqual([
      206,
      TEXT.slice(0, 4),
      undefined,
      '"v1"',
    ]);
  });

  it('a strong tag is weak on what may be compressed, on misses, hits and 304 (fault 13)', async () => {
    const { get } = await openCompressed(tagged);

    const answers = [
      await get('/', gzip),
      await get('/', gzip),
      await get('/'),
      await get('/', { ...gzip, 'if-none-match': '"v1"' }),
    ];

    expect(answers.map(({ status, headers }) => [status, headers.etag])).toEqual([
      [200, 'W/"v1"'],
      [200, 'W/"v1"'],
      [200, '"v1"'],
      [304, 'W/"v1"'],
    ]);
  });

  it('a download is not resumed with another coding (fault 13)', async () => {
    const { get } = await openCompressed(tagged);
    const { etag = '' } = (await get('/', gzip)).headers;

    const resumed = [
      await get('/', { ...part, 'if-range': etag }),
      await get('/', { ...part, 'if-range': MODIFIED }),
      await get('/', { ...part, ...gzip, 'if-range': '"v1"' }),
    ];
    const plain = await get('/', { ...part, 'if-range': '"v1"' });

    expect(resumed.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect([plain.status, plain.body]).toEqual([206, TEXT.slice(0, 4)]);
  });

  it('an unsatisfiable range of what may be compressed is answered with the whole (fault 13)', async () => {
    const { get } = await openCompressed(tagged);
    await get('/');

    expect((await get('/', { ...gzip, range: 'bytes=999999-' })).status).toBe(200);
  });

  it('no part is made of an answer that is not stored (fault 13)', async () => {
    const { get } = await openCompressed(
      (request, response) => (response.header('Cache-Control', 'no-store'), tagged(request, response)),
    );

    const answers = [await get('/', { ...part, ...gzip }), await get('/', { ...part, ...gzip })];

    expect(answers.map((answer) => [answer.status, textOf(answer)])).toEqual(Array(2).fill([200, TEXT]));
  });
});

describe.each<[Platform]>([['express'], ['fastify']])('without a compressor on %s', (platform) => {
  const { openRoute } = routesOn(platform);

  it('a range is cut and the tag kept, whatever codings the client accepts', async () => {
    const { get } = await openRoute(tagged);
    await get('/', gzip);

    const answer = await get('/', { ...part, ...gzip, 'if-range': MODIFIED });

    expect([answer.status, answer.body, answer.headers.etag]).toEqual([206, TEXT.slice(0, 4), '"v1"']);
  });
});
