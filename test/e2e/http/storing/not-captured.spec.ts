import { Readable } from 'node:stream';
import { Controller, Get, Next, Redirect, Res, Sse, StreamableFile, UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, type Observable } from 'rxjs';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { closeSites, type Platform, routesOn, Runs } from '../../http.fixture.js';

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('what cannot be captured (%s)', (platform) => {
  const { openController, openRoute } = routesOn(platform);

  it.each<[string, () => unknown]>([
    [
      'a StreamableFile',
      () => new StreamableFile(Buffer.from('file'), { type: 'text/csv', disposition: 'attachment' }),
    ],
    ['a stream', () => Readable.from([Buffer.from('file')])],
    ['a web Response', () => new Response('file', { headers: { 'content-type': 'text/csv' } })],
    [
      'an async iterable',
      async function* () {
        yield 'file';
      },
    ],
  ])('#82: passes %s untouched', async (_, make) => {
    const { twice, runs } = await openRoute(make);

    const [first, second] = await twice('/');

    expect([first.body, second.body]).toEqual(['file', 'file']);
    expect([first.headers['x-cache'], second.headers['x-cache']]).toEqual(['BYPASS', 'BYPASS']);
    expect(second.headers['content-type']).toBe(first.headers['content-type']);
    expect(runs.count).toBe(2);
  });

  it('#84: stores the last value of an Observable', async () => {
    const { twice, runs } = await openRoute(() => from([{ n: 1 }, { n: 2 }]));

    const [miss, hit] = await twice('/');

    expect([miss.body, hit.body, hit.headers['x-cache']]).toEqual(['{"n":2}', '{"n":2}', 'HIT']);
    expect(runs.count).toBe(1);
  });

  it('#85: leaves server-sent events alone', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Events {
      @Sse('events')
      events(): Observable<{ data: string }> {
        runs.next();
        return from([{ data: 'a' }, { data: 'b' }]);
      }
    }
    const site = await openController(Events);

    const [first, second] = await site.twice('/events');

    expect(first.body).toContain('data: b');
    expect(second.body).toBe(first.body);
    expect(runs.count).toBe(2);
  });

  it('#86: passes a handler that sends by itself', async () => {
    const runs = new Runs();
    @Controller()
    @UseInterceptors(CacheInterceptor)
    class Raw {
      @Get('res')
      res(@Res() response: { send(body: string): unknown }): unknown {
        return response.send(`run ${runs.next()}`);
      }

      @Get('next')
      viaNext(@Res() response: { send(body: string): unknown }, @Next() _next: unknown): void {
        response.send(`run ${runs.next()}`);
      }
    }
    const site = await openController(Raw);

    const answers = [...(await site.twice('/res')), ...(await site.twice('/next'))];

    expect(answers.map(({ body }) => body)).toEqual(['run 1', 'run 2', 'run 3', 'run 4']);
    expect(answers.every(({ headers }) => headers['x-cache'] === 'BYPASS')).toBe(true);
  });

  it('#87: passes redirects', async () => {
    const { twice, runs } = await openRoute(() => undefined, Redirect('/there', 301));

    const [first, second] = await twice('/');

    expect([first.status, second.status, second.headers.location]).toEqual([301, 301, '/there']);
    expect(runs.count).toBe(2);
  });
});
