import { inspect } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  type NestInterceptor,
  ServiceUnavailableException,
  UseFilters,
} from '@nestjs/common';
import {
  first,
  firstValueFrom,
  from,
  map,
  mergeMap,
  type MonoTypeOperatorFunction,
  of,
  type OperatorFunction,
  tap,
} from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  type PassthroughResponse,
  type Platform,
  type RouteAnswer,
  routesOn,
  type RouteSite,
  travelIn,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

type Refusal = MonoTypeOperatorFunction<unknown>;
const unavailable = (): never => {
  throw new ServiceUnavailableException('outside');
};
const REFUSALS: [string, Refusal][] = [
  ['at once', map(unavailable)],
  ['later', mergeMap(() => Promise.resolve().then(unavailable))],
];

/** Answers every error with 200, and describes the error in the body. */
@Catch()
class Envelope implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: unknown): unknown } }>();
    response.status(200).send({ failure: error.message });
  }
}

describe.each<[Platform]>([['express'], ['fastify']])('interceptors outside the cache on %s', (platform) => {
  const { openController, routeWith } = routesOn(platform);

  /** Opens a route with an outer interceptor whose operator the test chooses for each request. */
  async function openOutside(
    answer: RouteAnswer,
    ...decorators: MethodDecorator[]
  ): Promise<RouteSite & { outside: { operator: OperatorFunction<unknown, unknown> } }> {
    const outside: { operator: OperatorFunction<unknown, unknown> } = { operator: tap() };
    const outer: NestInterceptor = { intercept: (_, next) => next.handle().pipe((values) => outside.operator(values)) };
    const { controller, runs } = routeWith([outer, CacheInterceptor], answer, ...decorators);
    return { ...(await openController(controller)), runs, outside };
  }

  it.each(REFUSALS)('refuse a hit with a 5xx %s (fault 11)', async (_, refusal) => {
    const { get, outside } = await openOutside(() => ({ n: 1 }));
    await get('/');

    outside.operator = refusal;
    const refused = await get('/');
    outside.operator = tap();
    const hit = await get('/');

    expect([refused.status, JSON.parse(refused.body), refused.headers['x-cache']]).toEqual([
      503,
      expect.objectContaining({ message: 'outside' }),
      'BYPASS',
    ]);
    expect([hit.status, hit.body, hit.headers['x-cache']]).toEqual([200, '{"n":1}', 'HIT']);
  });

  it.each<[string, Refusal]>([
    ['at once', map((value) => (value as { absent: { length: number } }).absent.length)],
    ['later', mergeMap(async (value) => Promise.resolve((value as { absent: { length: number } }).absent.length))],
  ])('have their failure answered on a hit, %s (fault 11)', async (_, failing) => {
    const { get, outside } = await openOutside(() => ({ n: 1 }));
    await get('/');

    outside.operator = failing;
    const failed = await get('/');

    expect([failed.status, JSON.parse(failed.body)]).toEqual([500, expect.objectContaining({ statusCode: 500 })]);
  });

  it.each(REFUSALS)('refuse a hit %s where a filter answers 200 to everything (fault 11)', async (_, refusal) => {
    const { get, outside } = await openOutside(() => ({ n: 1 }), UseFilters(Envelope));
    await get('/');

    outside.operator = refusal;
    const refused = await get('/');

    expect([refused.status, refused.body, refused.headers['x-cache']]).toEqual([
      200,
      '{"failure":"outside"}',
      'BYPASS',
    ]);
  });

  it.each<[string, OperatorFunction<unknown, unknown>]>([
    [
      'take the first value',
      (values) =>
        values.pipe(
          first(),
          map((value) => ({ data: value })),
        ),
    ],
    ['wait for the value', (values) => from(firstValueFrom(values)).pipe(mergeMap((value) => of({ data: value })))],
  ])('may %s of a hit, and make something of it', async (_, operator) => {
    const { get, outside } = await openOutside(() => ({ n: 1 }));
    await get('/');

    outside.operator = operator;
    const hit = await get('/');

    expect([hit.body, hit.headers['x-cache']]).toEqual(['{"n":1}', 'HIT']);
  });

  it('may set the status of a hit that it has anyway', async () => {
    const statuses: number[] = [];
    const outer: NestInterceptor = {
      intercept: (context, next) =>
        next.handle().pipe(
          tap(() => void context.switchToHttp().getResponse<PassthroughResponse>().status(200)),
          map((value: unknown) => (statuses.push(200), { data: value })),
        ),
    };
    const { controller } = routeWith([outer, CacheInterceptor], () => ({ n: 1 }));
    const { twice } = await openController(controller);

    const [miss, hit] = await twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache'], statuses]).toEqual([
      '{"data":{"n":1}}',
      '{"data":{"n":1}}',
      'HIT',
      [200, 200],
    ]);
  });

  it('may print and clone the value of a hit (fault 11)', async () => {
    const seen: unknown[] = [];
    const { twice, outside } = await openOutside(() => ({ n: 1, list: [{ a: 1 }] }));
    outside.operator = tap((value) => seen.push(inspect(value), structuredClone(value)));

    await twice('/');

    expect(seen.slice(2)).toEqual(seen.slice(0, 2));
    expect(seen[2]).toBe('{ n: 1, list: [ { a: 1 } ] }');
  });

  it.each(REFUSALS)('refuse an expired answer in the place of an error, %s (fault 11)', async (_, refusal) => {
    let isFailing = false;
    const { get, outside, cache } = await openOutside(
      () => (isFailing ? unavailable() : { n: 1 }),
      CacheRoute({ ttl: '1s', staleIfError: '1h' }),
    );
    const travel = travelIn(cache);
    await get('/');
    travel(2_000);
    isFailing = true;

    const stale = await get('/');
    outside.operator = refusal;
    const refused = await get('/');

    expect([stale.status, stale.body, refused.status, JSON.parse(refused.body)]).toEqual([
      200,
      '{"n":1}',
      503,
      expect.objectContaining({ message: 'outside' }),
    ]);
  });

  it.each(REFUSALS)(
    'refuse a miss %s, and no expired answer takes the place of the refusal (fault 11)',
    async (_, refusal) => {
      const { get, outside, cache } = await openOutside(
        () => ({ n: 1 }),
        CacheRoute({ ttl: '1s', staleIfError: '1h' }),
      );
      const travel = travelIn(cache);
      await get('/');
      travel(2_000);

      outside.operator = refusal;
      const refused = await get('/');

      expect([refused.status, JSON.parse(refused.body)]).toEqual([
        503,
        expect.objectContaining({ message: 'outside' }),
      ]);
    },
  );

  it('see the value of an expired answer that takes the place of an error', async () => {
    const seen: unknown[] = [];
    let isFailing = false;
    const { get, outside, cache } = await openOutside(
      (_, response: PassthroughResponse) => {
        if (isFailing) throw new Error('inside');
        response.header('X-Own', '1');
        return { n: 1 };
      },
      CacheRoute({ ttl: '1s', staleIfError: '1h' }),
    );
    outside.operator = tap((value) => seen.push(value));
    const travel = travelIn(cache);
    await get('/');
    travel(2_000);
    isFailing = true;

    const stale = await get('/');

    expect(seen).toEqual([{ n: 1 }, { n: 1 }]);
    expect([stale.body, stale.headers['x-own'], stale.headers['x-cache']]).toEqual(['{"n":1}', '1', 'STALE']);
  });
});
