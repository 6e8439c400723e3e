import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { CacheKitModule, type CacheKitOptions, CacheService } from '../../src/index.js';
import { fakeClock } from '../../src/testing/index.js';
import { PLATFORMS, type RunningApp, startApp } from '../support/nest-app.js';

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-token'] === 'secret';
  }
}

const TOKEN = { 'x-token': 'secret' };
const admin = { guards: [TokenGuard] };
let running: RunningApp | undefined;
const opened: IncomingMessage[] = [];

afterEach(async () => {
  for (const response of opened.splice(0)) response.destroy();
  await running?.app.close();
  running = undefined;
});

/** An open stream, and the events that it has got so far. */
interface Listener {
  readonly response: IncomingMessage;
  readonly stats: { totalHits: number; name: string }[];
  /** Waits until so many events are there. */
  received(amount: number): Promise<void>;
  ended(): Promise<void>;
}

function listen(url: string): Promise<Listener> {
  return new Promise((resolve, reject) => {
    request(url, { headers: TOKEN }, (response) => {
      opened.push(response);
      const stats: Listener['stats'] = [];
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const events = (text + chunk).split('\n\n');
        text = events.pop() ?? '';
        for (const event of events)
          if (event.startsWith('data: ')) stats.push(JSON.parse(event.slice(6)) as Listener['stats'][number]);
        response.emit('counted');
      });
      const end = new Promise<void>((ended) => response.on('close', ended));
      const received = async (amount: number): Promise<void> => {
        while (stats.length < amount) await new Promise((next) => response.once('counted', next));
      };
      resolve({ response, stats, received, ended: () => end });
    })
      .on('error', reject)
      .end();
  });
}

describe.each(PLATFORMS)('the page and its stream on %s', (platform) => {
  async function start(options: CacheKitOptions = { admin }): Promise<{ url: string; cache: CacheService }> {
    running = await startApp({ imports: [CacheKitModule.forRoot(options)] }, platform);
    return { url: `${running.url}/admin/cache`, cache: running.app.get(CacheService) };
  }

  it.each(['', '/stats/stream'])('refuse GET %s to whom the guards refuse, and let nobody store that', async (path) => {
    const { url } = await start();

    const response = await fetch(url + path);

    expect(response.status).toBe(403);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('run no script and no style but their own, and load nothing from elsewhere', async () => {
    const { url } = await start();

    const response = await fetch(url, { headers: TOKEN });
    const html = await response.text();
    const policy = response.headers.get('content-security-policy') ?? '';
    const hashOf = (element: string): string => {
      const [, text = ''] = new RegExp(`<${element}>([^]*?)</${element}>`).exec(html) ?? [];
      return `sha256-${createHash('sha256').update(text).digest('base64')}`;
    };

    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src '${hashOf('script')}'`,
      `style-src '${hashOf('style')}'`,
      'img-src data:',
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]);
    expect(html.match(/<(script|style)\b/g)).toEqual(['<style', '<script']);
    expect(html).not.toMatch(/(src|href)="(?!data:|#)/);
  });

  it.each(['', '/stats', '/entries', '/explain/k'])('let nobody store, guess or frame GET %s', async (path) => {
    const { url } = await start();

    const { headers } = await fetch(url + path, { headers: TOKEN });

    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  });

  it('send the statistics at once and then every second, past proxies that would hold them back', async () => {
    const clock = fakeClock();
    const { url, cache } = await start({ admin, clock });
    await cache.set('k', 'v');

    const { response, stats, received } = await listen(`${url}/stats/stream`);
    await received(1);
    await cache.get('k');
    await clock.advance(1_000);
    await received(2);

    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(stats.map(({ totalHits }) => totalHits)).toEqual([0, 1]);
  });

  it('have one timer for all clients, and none without clients', async () => {
    const clock = fakeClock();
    const { url } = await start({ admin, clock });
    const before = clock.pending;

    const listeners = await Promise.all([1, 2, 3].map(() => listen(`${url}/stats/stream`)));
    await Promise.all(listeners.map(({ received }) => received(1)));
    const during = clock.pending;
    await clock.advance(2_000);
    await Promise.all(listeners.map(({ received }) => received(2)));
    for (const { response } of listeners) response.destroy();
    while (clock.pending > before) await new Promise((resolve) => setImmediate(resolve));

    expect(during - before).toBe(1);
    expect(clock.pending).toBe(before);
  });

  it('end with the application, which waits for no client', async () => {
    const { url } = await start();
    const listener = await listen(`${url}/stats/stream`);
    await listener.received(1);

    const startedMs = performance.now();
    await running?.app.close();
    await listener.ended();
    running = undefined;

    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(listener.response.complete).toBe(true);
  });

  it('end a stream after some minutes, for the guards to decide again', async () => {
    const clock = fakeClock();
    const { url } = await start({ admin, clock });
    const listener = await listen(`${url}/stats/stream`);
    await listener.received(1);

    await clock.advance(5 * 60_000);
    await listener.ended();

    expect(listener.response.complete).toBe(true);
  });

  it('answer HEAD without a body that never ends', async () => {
    const { url } = await start();

    expect((await fetch(`${url}/stats/stream`, { method: 'HEAD', headers: TOKEN })).status).toBe(200);
  });

  it('are of each cache apart', async () => {
    running = await startApp(
      {
        imports: [
          CacheKitModule.forRoot({ admin: { ...admin, path: 'ops/main' } }),
          CacheKitModule.forRootAsync({ name: 'late', useFactory: () => ({ admin: { ...admin, path: 'ops/late' } }) }),
        ],
      },
      platform,
    );

    const listeners = await Promise.all(
      ['main', 'late'].map((path) => listen(`${running?.url}/ops/${path}/stats/stream`)),
    );
    await Promise.all(listeners.map(({ received }) => received(1)));

    expect(listeners.map(({ stats }) => stats[0]?.name)).toEqual(['default', 'late']);
    expect((await fetch(`${running.url}/ops/late`, { headers: TOKEN })).status).toBe(200);
  });
});
