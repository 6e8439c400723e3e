import type { ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { type Answer, closeSites, type PassthroughResponse, type Platform, routesOn } from '../../http.fixture.js';

afterEach(closeSites);

type Cookies = PassthroughResponse & { setCookie?(name: string, value: string): unknown };
type Operator = (response: Cookies) => MonoTypeOperatorFunction<unknown>;

const responseOf = (context: ExecutionContext): Cookies => context.switchToHttp().getResponse<Cookies>();
const interceptor = (operator: Operator): NestInterceptor => ({
  intercept: (context, next) => next.handle().pipe(operator(responseOf(context))),
});
const stateAndCookies = ({ headers }: Answer): unknown[] => [headers['x-cache'], headers['set-cookie']];

describe.each<[Platform]>([['express'], ['fastify']])('cookies on %s', (platform) => {
  const { openController, routeWith } = routesOn(platform);

  it('of an outer interceptor are set for every request, and are not stored (fault 22)', async () => {
    let requests = 0;
    const outside = interceptor((response) => tap(() => response.header('Set-Cookie', `request=${++requests}`)));
    const { controller, runs } = routeWith([outside, CacheInterceptor], () => 'made');
    const { twice } = await openController(controller);

    const [first, second] = await twice('/');

    expect([first, second].map(stateAndCookies)).toEqual([
      ['MISS', ['request=1']],
      ['HIT', ['request=2']],
    ]);
    expect(runs.count).toBe(1);
  });

  it.each<[string, Operator]>([
    ['with the value', (response) => tap(() => response.header('Set-Cookie', 'inside=1'))],
    [
      'when the handler is complete',
      (response) => tap({ complete: () => void response.header('Set-Cookie', 'inside=1') }),
    ],
  ])(
    'of an interceptor inside, %s, keep the answer from being stored, whatever is set outside (fault 22)',
    async (_, operator) => {
      const outside = interceptor((response) =>
        tap(() => (response.append ?? response.header).call(response, 'Set-Cookie', 'outside=1')),
      );
      const { controller, runs } = routeWith([outside, CacheInterceptor, interceptor(operator)], () => 'made');
      const { twice } = await openController(controller);

      const states = (await twice('/')).map(({ headers }) => headers['x-cache']);

      expect(states).toEqual(['BYPASS', 'BYPASS']);
      expect(runs.count).toBe(2);
    },
  );
});

describe('cookies that @fastify/cookie sets when the answer is sent', () => {
  const { openController, routeWith } = routesOn('fastify');

  it.each([
    ['outside', 'HIT'],
    ['inside', 'BYPASS'],
  ])('by an interceptor %s make the second answer a %s (fault 22)', async (side, state) => {
    const cookie = interceptor((response) => tap(() => response.setCookie?.('id', '1')));
    const { controller } = routeWith(
      side === 'outside' ? [cookie, CacheInterceptor] : [CacheInterceptor, cookie],
      () => 'made',
    );
    const { twice } = await openController(controller, {
      prepare: (app) =>
        (app as NestFastifyApplication)
          .getHttpAdapter()
          .getInstance()
          .decorateReply('setCookie', () => undefined),
    });

    expect((await twice('/'))[1].headers['x-cache']).toBe(state);
  });
});
