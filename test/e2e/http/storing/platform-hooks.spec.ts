import type { ServerResponse } from 'node:http';
import { Controller, Get, type INestApplication, Res, type Type, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { closeSites, openSite, Runs } from '../../http.fixture.js';

afterEach(closeSites);

describe('CacheInterceptor and the hooks of fastify', () => {
  function controllerOf(answer: (reply: { setCookie?: (name: string, value: string) => unknown }) => unknown): {
    controller: Type;
    runs: Runs;
  } {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Hooked {
      @Get()
      get(@Res({ passthrough: true }) reply: { setCookie?: (name: string, value: string) => unknown }): unknown {
        runs.next();
        return answer(reply);
      }
    }
    return { controller: Hooked, runs };
  }

  const instanceOf = (app: INestApplication): FastifyInstance => app.getHttpAdapter().getInstance() as FastifyInstance;

  it('#26: does not store an answer whose cookie is only set in `onSend`, as by @fastify/cookie', async () => {
    const { controller, runs } = controllerOf((reply) => (reply.setCookie?.('id', '1'), 'x'));
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) => instanceOf(app).decorateReply('setCookie', () => undefined),
    });

    const [, second] = await site.twice('/');

    expect(second.headers['x-cache']).toBe('BYPASS');
    expect(runs.count).toBe(2);
  });

  it('passes answers that a `preSerialization` hook changes', async () => {
    const { controller } = controllerOf(() => ({ n: 1 }));
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook('preSerialization', async (_: unknown, __: unknown, payload: unknown) => ({
          wrapped: payload,
        })),
    });

    const [, second] = await site.twice('/');

    expect([second.body, second.headers['x-cache']]).toEqual(['{"wrapped":{"n":1}}', 'BYPASS']);
  });

  it('sends a hit after hooks that take their time', async () => {
    const { controller } = controllerOf(() => 'plain');
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook('onSend', async (_: unknown, __: unknown, payload: unknown) => {
          await new Promise((resolve) => setImmediate(resolve));
          return `${String(payload)}!`;
        }),
    });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.status, hit.headers['x-cache']]).toEqual(['plain!', 'plain!', 200, 'HIT']);
  });

  it('#107: stores the identity of what an `onSend` hook encodes', async () => {
    const { controller } = controllerOf(() => 'plain');
    let sent = 0;
    const site = await openSite('fastify', {
      controllers: [controller],
      prepare: (app) =>
        instanceOf(app).addHook(
          'onSend',
          async (_: unknown, __: unknown, payload: unknown) => `${String(payload)}-${++sent}`,
        ),
    });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['plain-1', 'plain-2', 'HIT']);
  });
});

describe('CacheInterceptor and the middleware of express', () => {
  it('#107: stores the identity of what a middleware encodes in `end`', async () => {
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Plain {
      @Get()
      get(): string {
        return 'plain';
      }
    }
    let sent = 0;
    const encode = (_: unknown, response: ServerResponse, next: () => void): void => {
      const end = response.end.bind(response) as (chunk: unknown) => ServerResponse;
      response.end = ((chunk: unknown) => {
        response.removeHeader('Content-Length');
        return end(`${String(chunk)}-${++sent}`);
      }) as ServerResponse['end'];
      next();
    };
    const site = await openSite('express', { controllers: [Plain], prepare: (app) => app.use(encode) });

    const [miss, hit] = await site.twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['plain-1', 'plain-2', 'HIT']);
  });
});

/** Methods of Fastify's instance that the tests use. */
interface FastifyInstance {
  decorateReply(name: string, method: () => unknown): unknown;
  addHook(name: string, hook: (request: unknown, reply: unknown, payload: unknown) => Promise<unknown>): unknown;
}
