import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { closeSites, type Platform, routesOn, type RouteSite } from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';

describe.each<[Platform]>([['express'], ['fastify']])('ranges on %s', (platform) => {
  const { openRoute } = routesOn(platform);

  function ten(headers: Readonly<Record<string, string>> = {}): Promise<RouteSite> {
    return openRoute((_, response) => {
      for (const [name, value] of Object.entries(headers)) response.header(name, value);
      return '0123456789';
    });
  }

  it.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=5-99', '56789', 'bytes 5-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
  ])('#70: answers %s from a stored answer', async (range, body, contentRange) => {
    const { get, runs } = await ten();
    const { headers } = await get('/');

    const part = await get('/', { range });

    expect([part.status, part.body]).toEqual([206, body]);
    expect(part.headers).toMatchObject({
      'content-range': contentRange,
      'content-length': String(body.length),
      'content-type': headers['content-type'],
      etag: headers.etag,
      'x-cache': 'HIT',
    });
    expect(runs.count).toBe(1);
  });

  it.each([
    ['bytes=10-', 'bytes */10'],
    ['bytes=-0', 'bytes */10'],
  ])('#71: refuses %s with 416', async (range, contentRange) => {
    const { get } = await ten();
    await get('/');

    const refused = await get('/', { range });

    expect([refused.status, refused.body, refused.headers['content-range']]).toEqual([416, '', contentRange]);
  });

  it.each([['bytes=0-1,3-4'], ['items=0-1'], ['bytes=a-b'], ['bytes=4-2']])(
    '#71: answers %s with the whole',
    async (range) => {
      const { get } = await ten();
      await get('/');

      const whole = await get('/', { range });

      expect([whole.status, whole.body, whole.headers['content-range']]).toEqual([200, '0123456789', undefined]);
    },
  );

  it.each([
    ['a strong tag that holds', '"v1"', 206],
    ['another tag', '"v2"', 200],
    ['a weak tag', 'W/"v1"', 200],
    ['the date', MODIFIED, 206],
    ['a later date', 'Sun, 06 Nov 1994 08:49:38 GMT', 200],
  ])('#70: judges If-Range with %s', async (_, ifRange, status) => {
    const { get } = await ten({ ETag: '"v1"', 'Last-Modified': MODIFIED });
    await get('/');

    expect((await get('/', { range: 'bytes=0-1', 'if-range': ifRange })).status).toBe(status);
  });

  it('#65: has the handler give the whole, and cuts the range from it', async () => {
    const seen: unknown[] = [];
    const { get } = await openRoute(
      (request) => (seen.push(request.headers.range, request.headers['if-range']), '0123456789'),
    );

    const part = await get('/', { range: 'bytes=0-1', 'if-range': '"x"' });
    const again = await get('/', { range: 'bytes=0-1' });

    expect(seen).toEqual([undefined, undefined]);
    expect([part.status, again.status, again.body]).toEqual([200, 206, '01']);
  });

  it('answers HEAD with a range as without', async () => {
    const { get, ask } = await ten();
    await get('/');

    const head = await ask('/', { method: 'HEAD', headers: { range: 'bytes=0-1' } });

    expect([head.status, head.headers['content-length']]).toEqual([200, '10']);
  });

  it('#72: passes a 206 of the handler, and does not store it', async () => {
    const { twice } = await openRoute(
      (_, response) => (
        response.status(206),
        response.header('Content-Range', 'bytes 0-1/10'),
        response.header('Cache-Control', 'max-age=60'),
        '01'
      ),
    );

    const [first, second] = await twice('/');

    expect([first.status, second.status, second.headers['x-cache']]).toEqual([206, 206, 'BYPASS']);
  });

  it('#82: leaves the range to a handler whose answers are never stored', async () => {
    const seen: unknown[] = [];
    const { get } = await openRoute(
      (request) => (seen.push(request.headers.range), new StreamableFile(Readable.from([Buffer.from('0123')]))),
    );
    await get('/');

    await get('/', { range: 'bytes=0-1' });

    expect(seen).toEqual([undefined, 'bytes=0-1']);
  });
});
