import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { HttpException, PreconditionFailedException, ServiceUnavailableException } from '@nestjs/common';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  type Platform,
  type PlatformRequest,
  type RouteAnswer,
  type RouteSite,
  routesOn,
  statesOf,
  travelIn,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('revalidation on %s', (platform) => {
  const { openRoute, openOrigin } = routesOn(platform);

  /** Opens an origin whose answers are fresh for a minute and have an entity tag that it can validate. */
  async function validating(
    extra: Readonly<Record<string, string>> = {},
    ...decorators: MethodDecorator[]
  ): Promise<
    RouteSite & { seen: PlatformRequest['headers'][]; travel: (ms: number) => void; version: { tag: string } }
  > {
    const seen: PlatformRequest['headers'][] = [];
    const version = { tag: '"v1"' };
    const site = await openRoute(
      (request, response) => {
        seen.push({ ...request.headers });
        response.header('ETag', version.tag);
        response.header('Cache-Control', 'max-age=60');
        for (const [name, value] of Object.entries(extra)) response.header(name, value);
        response.header('X-Run', String(seen.length));
        if (request.headers['if-none-match'] !== version.tag) return `body of ${version.tag}`;
        response.status(304);
        return undefined;
      },
      ...decorators,
    );
    return { ...site, seen, version, travel: travelIn(site.cache) };
  }

  it('#67: asks the handler by the stored validators, and keeps the body on a 304', async () => {
    const { get, seen, travel } = await validating({ 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT' });
    const first = await get('/');
    travel(61_000);

    const validated = await get('/');
    const after = await get('/');

    expect(statesOf([first, validated, after])).toEqual(['MISS', 'REVALIDATED', 'HIT']);
    expect([validated.status, validated.body, validated.headers['content-type']]).toEqual([
      200,
      'body of "v1"',
      first.headers['content-type'],
    ]);
    expect(seen.map((headers) => [headers['if-none-match'], headers['if-modified-since']])).toEqual([
      [undefined, undefined],
      ['"v1"', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ]);
    expect(after.headers).toMatchObject({ age: '0', 'x-cache-ttl': '60' });
  });

  it('#67: updates the stored headers with those of the 304, but for those of the content', async () => {
    const { get, travel, seen } = await validating({ 'Content-Language': 'en' });
    await get('/');
    travel(61_000);
    await get('/');

    const after = await get('/');

    expect(after.headers).toMatchObject({ 'x-run': '2', 'content-language': 'en', 'content-length': '12' });
    expect(seen).toHaveLength(2);
  });

  it('#67: takes a 304 that is thrown for one that is set', async () => {
    let runs = 0;
    const { get, cache } = await openRoute((_, response) => {
      response.header('ETag', '"v1"');
      response.header('Cache-Control', 'max-age=60');
      if (++runs > 1) throw new HttpException('', 304);
      return 'body';
    });
    const travel = travelIn(cache);
    await get('/');
    travel(61_000);

    const validated = await get('/');

    expect([validated.status, validated.body, validated.headers['x-cache']]).toEqual([200, 'body', 'REVALIDATED']);
  });

  it('#67: never asks by a tag that was made of the bytes', async () => {
    const seen: unknown[] = [];
    const { get, cache } = await openRoute(
      (request) => (seen.push(request.headers['if-none-match']), 'x'),
      CacheRoute({ ttl: '1m', staleIfError: '1h' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(61_000);

    await get('/', { 'if-none-match': '"mine"' });

    expect(seen).toEqual([undefined, undefined]);
  });

  it('#68: replaces what is stored by a 200', async () => {
    const { get, travel, version } = await validating();
    await get('/');
    travel(61_000);
    version.tag = '"v2"';

    const replaced = await get('/');
    const after = await get('/');

    expect([replaced.body, replaced.headers['x-cache'], after.body, after.headers['x-cache']]).toEqual([
      'body of "v2"',
      'MISS',
      'body of "v2"',
      'HIT',
    ]);
  });

  it.each([[404], [410]])('#68: forgets what is answered %d', async (status) => {
    const script = { isGone: false };
    const { get, cache } = await openRoute(
      (_, response) => {
        if (script.isGone) throw new HttpException('gone', status);
        response.header('ETag', '"v1"');
        return 'x';
      },
      CacheRoute({ ttl: '1m', staleIfError: '1h' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(61_000);
    script.isGone = true;

    const gone = await get('/');

    expect(gone.status).toBe(status);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('#68: forwards a 5xx where nothing stale may be served', async () => {
    const script = { isDown: false };
    const { get, cache } = await openRoute(
      (_, response) => {
        if (script.isDown) throw new ServiceUnavailableException();
        response.header('ETag', '"v1"');
        return 'x';
      },
      CacheRoute({ ttl: '1m' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(61_000);
    script.isDown = true;

    expect((await get('/')).status).toBe(503);
  });

  it('#16: stores what says no-cache, and asks before each use', async () => {
    const { get, runs } = await validating({ 'Cache-Control': 'no-cache, max-age=60' });

    const answers = [await get('/'), await get('/'), await get('/')];

    expect(statesOf(answers)).toEqual(['MISS', 'REVALIDATED', 'REVALIDATED']);
    expect(runs.count).toBe(3);
  });

  it('#69: gives a client that has it already one 304, by the cache and not by the platform', async () => {
    const { get, travel } = await validating();
    await get('/');
    travel(61_000);

    const validated = await get('/', { 'if-none-match': '"v1"' });
    const hit = await get('/', { 'if-none-match': '"v1"' });

    expect([validated.status, validated.body, hit.status, hit.body]).toEqual([304, '', 304, '']);
    expect(statesOf([validated, hit])).toEqual(['REVALIDATED', 'HIT']);
    expect(hit.rawHeaders.filter((name) => name.toLowerCase() === 'etag')).toHaveLength(1);
  });

  it('#10, #67: never asks for one client about an answer that it may not have', async () => {
    const seen: unknown[] = [];
    const { get, cache } = await openRoute((request, response) => {
      seen.push(request.headers['if-none-match']);
      response.header('ETag', '"v1"');
      response.header('Cache-Control', 'max-age=60');
      return request.headers.authorization ?? 'nobody';
    });
    const travel = travelIn(cache);
    await get('/');
    travel(61_000);

    const alice = await get('/', { authorization: 'alice' });

    expect([seen, alice.body, alice.headers['x-cache']]).toEqual([[undefined, undefined], 'alice', 'BYPASS']);
  });

  it.each<[string, Record<string, string>]>([
    ['If-Match', { 'if-match': '"a"' }],
    ['If-Unmodified-Since', { 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }],
  ])('#64: leaves %s to the handler, whatever is stored (fault 18)', async (name, condition) => {
    const field = name.toLowerCase();
    const { get, ask } = await openRoute((request) => {
      if (request.headers[field] !== undefined) throw new PreconditionFailedException();
      return 'x';
    });
    await get('/');

    const answers = [
      await get('/', { ...condition, 'if-none-match': '"b"' }),
      await ask('/', { method: 'HEAD', headers: condition }),
      await get('/'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([412, 412, 200]);
    expect(statesOf(answers)).toEqual(['BYPASS', 'BYPASS', 'HIT']);
  });

  it('#64: stores nothing of a request with If-Match, and shows it to the handler as it is (fault 18)', async () => {
    const seen: unknown[] = [];
    const { get, cache } = await openRoute(
      (request) => (seen.push(request.headers['if-match'], request.headers['if-none-match']), 'x'),
    );

    await get('/', { 'if-match': '"a"', 'if-none-match': '"b"' });

    expect(seen).toEqual(['"a"', '"b"']);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  it('#5: forgets a GET that a HEAD contradicts', async () => {
    const { get, ask, travel, version, cache } = await validating();
    await get('/');
    travel(61_000);
    version.tag = '"v2"';

    const head = await ask('/', { method: 'HEAD' });

    expect([head.status, head.headers.etag, head.body]).toEqual([200, '"v2"', '']);
    expect((await cache.getStats()).totalEntries).toBe(0);
  });

  describe('with directives of the request that are honoured', () => {
    const fresh: RouteAnswer = (_, response) => (response.header('Cache-Control', 'max-age=60'), 'x');
    const open = (answer: RouteAnswer = fresh): Promise<RouteSite> =>
      openOrigin(answer, { http: { ttl: 0, honourRequestDirectives: true } });

    it.each([
      ['no-cache', { 'cache-control': 'no-cache' }, 0, 'MISS'],
      ['an age that is exceeded', { 'cache-control': 'max-age=5' }, 10_000, 'MISS'],
      ['an age that is not', { 'cache-control': 'max-age=15' }, 10_000, 'HIT'],
      ['a freshness that is not left', { 'cache-control': 'min-fresh=55' }, 10_000, 'MISS'],
      ['a freshness that is', { 'cache-control': 'min-fresh=45' }, 10_000, 'HIT'],
      ['Pragma: no-cache', { pragma: 'no-cache' }, 0, 'MISS'],
      ['Pragma beside Cache-Control', { pragma: 'no-cache', 'cache-control': 'max-age=60' }, 0, 'HIT'],
    ])('#8, #9: obeys %s', async (_, headers, passedMs, state) => {
      const { get, cache } = await open();
      const travel = travelIn(cache);
      await get('/');
      travel(passedMs);

      expect((await get('/', headers)).headers['x-cache']).toBe(state);
    });

    it.each([[{ 'Cache-Control': 'max-age=60' }], [{ 'Cache-Control': 'max-age=60', ETag: '"a"' }]])(
      '#8: serves a stale answer with %j to who accepts one (fault 18)',
      async (headers) => {
        const { get, cache } = await open((_, response) => {
          for (const [name, value] of Object.entries(headers)) response.header(name, value);
          return 'x';
        });
        const travel = travelIn(cache);
        await get('/');
        travel(70_000);

        const answers = [
          await get('/', { 'cache-control': 'max-stale=20' }),
          await get('/', { 'cache-control': 'max-stale' }),
          await get('/', { 'cache-control': 'max-stale=5' }),
        ];

        expect(statesOf(answers)).toEqual(['STALE', 'STALE', 'MISS']);
      },
    );

    it('#8: serves a stale answer without a validator to a client that accepts it (fault 18)', async () => {
      const { get, cache } = await openOrigin(() => 'x', { http: { ttl: '1m', honourRequestDirectives: true } });
      const travel = travelIn(cache);
      await get('/');
      travel(70_000);

      const answers = [await get('/', { 'cache-control': 'max-stale=20' }), await get('/')];

      expect(statesOf(answers)).toEqual(['STALE', 'MISS']);
    });

    it('#8: never serves a stale answer that forbids it', async () => {
      const { get, cache } = await open(
        (_, response) => (
          response.header('Cache-Control', 'max-age=60, must-revalidate'),
          response.header('ETag', '"a"'),
          'x'
        ),
      );
      const travel = travelIn(cache);
      await get('/');
      travel(70_000);

      expect((await get('/', { 'cache-control': 'max-stale=20' })).headers['x-cache']).toBe('MISS');
    });

    it('#8: serves no stale answer to who names an age and no staleness (RFC 9111 section 5.2.1.1)', async () => {
      const { get, cache } = await open(
        (_, response) => (response.header('Cache-Control', 'max-age=60, stale-while-revalidate=60'), 'x'),
      );
      const travel = travelIn(cache);
      await get('/');
      travel(70_000);

      expect((await get('/', { 'cache-control': 'max-age=600' })).headers['x-cache']).toBe('MISS');
    });

    it('#8: marks what it serves stale', async () => {
      const { get, cache } = await open(
        (_, response) => (response.header('Cache-Control', 'max-age=60'), response.header('ETag', '"a"'), 'x'),
      );
      const travel = travelIn(cache);
      await get('/');
      travel(70_000);

      const answer = await get('/', { 'cache-control': 'max-stale' });

      expect(answer.headers).toMatchObject({ 'x-cache': 'STALE', age: '70', 'cache-status': 'nest; hit; ttl=-10' });
    });

    it('#8: answers only-if-cached with 504 where nothing is', async () => {
      const { get, runs } = await open();
      const only = { 'cache-control': 'only-if-cached' };

      const before = await get('/', only);
      await get('/');
      const after = await get('/', only);

      expect([before.status, after.status]).toEqual([504, 200]);
      expect(runs.count).toBe(1);
    });
  });
});
