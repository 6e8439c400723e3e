import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Injectable,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseInterceptors,
  ClassSerializerInterceptor,
  ForbiddenException,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { map, mergeMap, tap, timeout } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { closeSites, type PassthroughResponse, type Platform, routesOn, Runs } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('other interceptors (%s)', (platform) => {
  const { openController, routeOf, routeWith, openRoute } = routesOn(platform);

  class Account {
    constructor(
      readonly id: number,
      readonly password: string,
    ) {}
  }

  /** The part of class-transformer that a serializer test needs. */
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

  it('#89: answers a hit with the error of an outer interceptor that needs a class instance (fault 11)', async () => {
    class Page {
      toDto(): object {
        return { dto: true };
      }
    }
    const outer: NestInterceptor = { intercept: (_, next) => next.handle().pipe(map((page: Page) => page.toDto())) };
    const { controller } = routeWith([outer, CacheInterceptor], () => new Page());
    const site = await openController(controller);

    const [miss, hit] = await site.twice('/');

    expect([miss.status, miss.body, hit.status, hit.headers['x-cache']]).toEqual([200, '{"dto":true}', 500, 'BYPASS']);
  });

  it('#89: does not store the answer of a filter, whatever its status', async () => {
    @Catch()
    class Envelope implements ExceptionFilter {
      catch(_: unknown, host: ArgumentsHost): void {
        host.switchToHttp().getResponse<PassthroughResponse & { send(body: unknown): unknown }>().send({ error: true });
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
