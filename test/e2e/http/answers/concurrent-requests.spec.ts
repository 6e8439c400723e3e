import { BadRequestException, Controller, Get, Res, type Type, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { from, type Observable } from 'rxjs';
import { internalsOf } from '../../../../src/core/cache-internals.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type PassthroughResponse, type Platform, routesOn, Runs, until } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('several requests at once (%s)', (platform) => {
  const { openController } = routesOn(platform);

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
    const schedule = jest.spyOn(internalsOf(site.cache).clock, 'schedule');
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
