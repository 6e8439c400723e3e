import { type CallHandler, Controller, type ExecutionContext, Get, Post, UseInterceptors } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom, of } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute, NoCache } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, routesOn, Runs } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('requests that take part (%s)', (platform) => {
  const { openController, openRoute } = routesOn(platform);

  it('#1: leaves other contexts alone', async () => {
    const { app } = await openRoute(() => 1);
    const interceptor = new CacheInterceptor(app.get(ModuleRef));
    const next: CallHandler = { handle: () => of('untouched') };

    for (const type of ['rpc', 'ws', 'graphql']) {
      const context = { getType: () => type } as unknown as ExecutionContext;
      const answer = await interceptor.intercept(context, next);

      await expect(firstValueFrom(answer)).resolves.toBe('untouched');
    }
  });

  it('#2: caches nothing without the interceptor', async () => {
    const runs = new Runs();
    @Controller()
    class Plain {
      @Get()
      @CacheRoute({ ttl: '1m' })
      get(): object {
        return { run: runs.next() };
      }
    }
    const site = await openController(Plain);

    const [, second] = await site.twice('/');

    expect(second.body).toBe('{"run":2}');
    expect(second.headers['x-cache']).toBeUndefined();
  });

  it('#3: looks at GET and HEAD only, whatever the key', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Shop {
      @Post()
      @CacheRoute({ key: 'one' })
      create(): object {
        return { run: runs.next() };
      }
    }
    const site = await openController(Shop);

    await site.ask('/', { method: 'POST' });
    const second = await site.ask('/', { method: 'POST' });

    expect(second.body).toBe('{"run":2}');
    expect(second.headers['x-cache']).toBe('BYPASS');
  });

  it('#4: answers HEAD from a stored GET', async () => {
    const { get, ask, runs } = await openRoute(() => ({ a: 1 }));

    const stored = await get('/');
    const head = await ask('/', { method: 'HEAD' });

    expect(head.body).toBe('');
    expect(head.headers).toMatchObject({
      'x-cache': 'HIT',
      etag: stored.headers.etag,
      'content-length': '7',
      'content-type': stored.headers['content-type'],
    });
    expect(runs.count).toBe(1);
  });

  it('#5: runs a HEAD that misses once, and stores nothing for GET', async () => {
    const { get, ask, runs } = await openRoute(() => ({ a: 1 }));

    const head = await ask('/', { method: 'HEAD' });
    const body = await get('/');

    expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', '7']);
    expect(body.body).toBe('{"a":1}');
    expect(body.headers).toMatchObject({ 'x-cache': 'MISS', etag: head.headers.etag });
    expect(runs.count).toBe(2);
  });

  it.each([
    ['a body', { headers: { 'content-type': 'text/plain', 'content-length': '1' }, body: 'x' }],
    ['an expectation', { headers: { expect: '100-continue' } }],
    ['an upgrade', { headers: { upgrade: 'h2c' } }],
  ])('#7: bypasses a GET with %s', async (_, ask) => {
    const site = await openRoute(() => 'ok');

    await site.get('/');
    const answer = await site.ask('/', ask);

    expect(answer.headers['x-cache']).toBe('BYPASS');
    expect(site.runs.count).toBe(2);
  });

  it('#8: is not led past the cache by the request', async () => {
    const { get, runs } = await openRoute(() => 'ok');

    await get('/');
    const answer = await get('/', { 'cache-control': 'no-cache, max-age=0', pragma: 'no-cache' });

    expect(answer.headers['x-cache']).toBe('HIT');
    expect(runs.count).toBe(1);
  });

  it('#9: never stores for a request that says no-store', async () => {
    const { get, runs } = await openRoute(() => 'ok');

    await get('/', { 'cache-control': 'no-store' });
    await get('/');

    expect(runs.count).toBe(2);
  });

  it('takes part in routes with @CacheRoute only, when told so', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Shop {
      @Get('plain')
      plain(): number {
        return runs.next();
      }

      @Get('cached')
      @CacheRoute()
      cached(): number {
        return runs.next();
      }
    }
    const site = await openController(Shop, { cache: { http: { optIn: true } } });

    const [, plain] = await site.twice('/plain');
    const [, cached] = await site.twice('/cached');

    expect(plain.headers['x-cache']).toBeUndefined();
    expect(cached.headers['x-cache']).toBe('HIT');
  });

  it('leaves out @NoCache routes, also of a cached controller', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    @CacheRoute({ ttl: '1m' })
    class Shop {
      @Get('now')
      @NoCache()
      now(): number {
        return runs.next();
      }
    }
    const site = await openController(Shop);

    const [, second] = await site.twice('/now');

    expect(second.body).toBe('2');
    expect(second.headers['x-cache']).toBe('BYPASS');
  });
});
