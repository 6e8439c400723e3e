import { BadRequestException } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, type PlatformRequest, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('conditional requests (%s)', (platform) => {
  const { openRoute } = routesOn(platform);

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
