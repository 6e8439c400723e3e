import { BadRequestException, type CanActivate, UseGuards } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, lasting, type PassthroughResponse, type Platform, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('what is stored (%s)', (platform) => {
  const { openRoute } = routesOn(platform);

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
