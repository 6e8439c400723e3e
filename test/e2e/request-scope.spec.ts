import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, type CanActivate, Controller, Get, Injectable, Post, UseGuards } from '@nestjs/common';
import { CacheKitModule, type CacheKitOptions, CacheService } from '../../src/index.js';
import { PLATFORMS, type Platform, type RunningApp, startApp } from '../support/nest-app.js';

/** Changes the cache between two reads of a request, as another request would. */
@Injectable()
class ReadingGuard implements CanActivate {
  constructor(private readonly cache: CacheService) {}

  async canActivate(): Promise<boolean> {
    await this.cache.get('seen');
    return true;
  }
}

@Controller()
@UseGuards(ReadingGuard)
class Reads {
  constructor(private readonly cache: CacheService) {}

  /** The value of `seen` in this request, after something outside of it has changed it. */
  @Get()
  async read(): Promise<unknown[]> {
    const first = await this.cache.get('seen');
    await outside.change();
    return [first, await this.cache.get('seen')];
  }

  /** The same for a request with a body, which is parsed before the guard runs. */
  @Post()
  async readWithBody(@Body() body: { name: string }): Promise<unknown[]> {
    return [body.name, ...(await this.read())];
  }
}

/** Work in no request's context. */
const outside = { change: (): Promise<void> => Promise.resolve() };

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.app.close();
  running = undefined;
});

async function start(platform: Platform, options: CacheKitOptions): Promise<{ url: string; cache: CacheService }> {
  running = await startApp({ imports: [CacheKitModule.forRoot(options)], controllers: [Reads] }, platform);
  const cache = running.app.get(CacheService);
  let version = 0;
  await cache.set('seen', version);
  // Bound here, so that it has the context of the test and not that of a request.
  const changes = new (await import('node:async_hooks')).AsyncResource('OUTSIDE');
  outside.change = () => changes.runInAsyncScope(() => cache.set('seen', ++version));
  return { url: running.url, cache };
}

describe.each(PLATFORMS)('requestScope on %s', (platform) => {
  it('gives all reads of one request the same answer, from its guards on', async () => {
    const { url } = await start(platform, { requestScope: true });

    const answers = [await fetch(url), await fetch(url)];

    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it('does so for requests with a body', async () => {
    const { url } = await start(platform, { requestScope: true });

    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'ada', padding: 'x'.repeat(60_000) }),
    });

    expect(await answer.json()).toEqual(['ada', 0, 0]);
  });

  it('is off unless it is asked for', async () => {
    const { url } = await start(platform, {});

    expect(await (await fetch(url)).json()).toEqual([0, 1]);
  });

  it('keeps two requests at the same time apart', async () => {
    const { url } = await start(platform, { requestScope: true });

    const answers = await Promise.all([fetch(url), fetch(url), fetch(url)]);

    for (const answer of answers) {
      const [first, second] = (await answer.json()) as [number, number];
      expect(second).toBe(first);
    }
  });
});
