import { afterEach, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable, Module, Scope } from '@nestjs/common';
import { of } from 'rxjs';
import { CacheKitModule, type CacheKitOptions, CacheService } from '../../src/index.js';
import { PLATFORMS, type RunningApp, startApp } from '../support/nest-app.js';

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-token'] === 'secret';
  }
}

const TOKEN = { 'x-token': 'secret' };
let running: RunningApp | undefined;

afterEach(async () => {
  await running?.app.close();
  running = undefined;
});

describe.each(PLATFORMS)('the admin routes on %s', (platform) => {
  async function start(
    options: CacheKitOptions = { admin: { guards: [TokenGuard] } },
  ): Promise<{ url: string; cache: CacheService }> {
    running = await startApp({ imports: [CacheKitModule.forRoot(options)] }, platform);
    return { url: `${running.url}/admin/cache`, cache: running.app.get(CacheService) };
  }
  const json = async (url: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(url, {
      ...init,
      headers: { ...TOKEN, ...(init.body === undefined ? {} : { 'content-type': 'application/json' }) },
    });
    return { status: response.status, body: await response.json() };
  };
  const post = (url: string, body: object = {}): ReturnType<typeof json> =>
    json(url, { method: 'POST', body: JSON.stringify(body) });

  it('do not exist unless they are asked for', async () => {
    const { url } = await start({});

    expect((await fetch(`${url}/stats`)).status).toBe(404);
  });

  it.each([
    ['GET', 'stats'],
    ['GET', 'entries'],
    ['GET', 'entries/k'],
    ['GET', 'explain/k'],
    ['GET', 'doctor'],
    ['DELETE', 'entries/k'],
    ['POST', 'invalidate'],
    ['POST', 'clear'],
  ])('refuse %s %s to whom the guards refuse', async (method, path) => {
    const { url, cache } = await start();
    await cache.set('k', 'v');

    expect((await fetch(`${url}/${path}`, { method })).status).toBe(403);
    expect(await cache.has('k')).toBe(true);
  });

  describe('refuse what another site asks for, whatever the guards say', () => {
    const CHANGES = [
      ['POST', 'clear'],
      ['POST', 'invalidate'],
      ['DELETE', 'entries/k'],
    ] as const;
    const send = (url: string, method: string, headers: Record<string, string>, body?: string): Promise<number> =>
      new Promise((resolve, reject) => {
        // `fetch` would overwrite these headers.
        const sent = request(url, { method, headers: { ...TOKEN, ...headers } }, (response) =>
          resolve(response.resume().statusCode ?? 0),
        );
        sent.on('error', reject).end(body);
      });

    it.each(
      CHANGES.flatMap(
        ([method, path]) =>
          [
            [method, path, { origin: 'https://evil.example' }],
            [method, path, { origin: 'null' }],
            [method, path, { 'sec-fetch-site': 'cross-site' }],
            [method, path, { 'sec-fetch-site': 'same-site', origin: 'https://shop.example' }],
          ] as const,
      ),
    )('%s %s with %j', async (method, path, headers) => {
      const { url, cache } = await start();
      await cache.set('k', 'v', { tags: ['t'] });

      expect(
        await send(
          `${url}/${path}`,
          method,
          { ...headers, ...(path === 'invalidate' ? { 'content-type': 'application/json' } : {}) },
          path === 'invalidate' ? '{"tags":["t"]}' : undefined,
        ),
      ).toBe(403);
      expect(await cache.has('k')).toBe(true);
    });

    it.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x', undefined])(
      'a body of the type %s',
      async (type) => {
        const { url, cache } = await start();
        await cache.set('k', 'v', { tags: ['t'] });

        expect(
          await send(`${url}/invalidate`, 'POST', type === undefined ? {} : { 'content-type': type }, 'tags[]=t'),
        ).toBe(415);
        expect(await cache.has('k')).toBe(true);
      },
    );

    it('but not what its own pages and command lines ask for', async () => {
      const { url, cache } = await start();
      const own = new URL(url);
      const json = { 'content-type': 'application/json; charset=utf-8' };
      await cache.set('k', 'v', { tags: ['t'] });

      expect(await send(`${url}/invalidate`, 'POST', { ...json, origin: own.origin }, '{"tags":["t"]}')).toBe(200);
      expect(await cache.has('k')).toBe(false);
      // The proxy requests another host than the page.
      expect(
        await send(`${url}/clear`, 'POST', { 'sec-fetch-site': 'same-origin', origin: 'https://shop.example' }),
      ).toBe(200);
      expect(await send(`${url}/clear`, 'POST', { 'sec-fetch-site': 'none' })).toBe(200);
      expect(await send(`${url}/clear`, 'POST', {})).toBe(200);
      expect(
        await send(`${url}/stats`, 'GET', { 'sec-fetch-site': 'cross-site', origin: 'https://shop.example' }),
      ).toBe(200);
    });
  });

  it('tell the statistics, and let nobody store them', async () => {
    const { url, cache } = await start();
    await cache.set('k', 'v');
    await cache.get('k');

    const response = await fetch(`${url}/stats`, { headers: TOKEN });

    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({
      name: 'default',
      backend: 'memory',
      totalEntries: 1,
      totalHits: 1,
      hitRate: 1,
    });
  });

  it('list entries in pages, with their values hidden', async () => {
    const { url, cache } = await start();
    for (let i = 0; i < 5; i++) await cache.set(`user:${i}`, { password: 'x' }, { namespace: 'n', tags: ['t'] });
    await cache.set('other', 1);

    const first = (await json(`${url}/entries?namespace=n&pattern=user:*&limit=3`)).body as {
      entries: { key: string }[];
      cursor: string;
    };
    const second = (
      await json(`${url}/entries?namespace=n&pattern=user:*&limit=3&cursor=${encodeURIComponent(first.cursor)}`)
    ).body as { entries: { key: string }[] };

    expect([...first.entries, ...second.entries].map(({ key }) => key).sort()).toEqual([
      'user:0',
      'user:1',
      'user:2',
      'user:3',
      'user:4',
    ]);
    expect(first.entries[0]).toEqual({
      key: expect.any(String),
      namespace: 'n',
      tags: ['t'],
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      expiresAt: expect.any(String),
      lastAccessedAt: expect.any(String),
      hitCount: 0,
      sizeBytes: expect.any(Number),
      state: 'fresh',
    });
  });

  it("show values where the options say `values: 'shown'`, whatever they are", async () => {
    const { url, cache } = await start({ admin: { guards: [TokenGuard], values: 'shown' } });
    await cache.set('plain', { a: [1] });
    await cache.set('big', { n: 10n });

    expect((await json(`${url}/entries/plain`)).body).toMatchObject({ value: { a: [1] } });
    expect((await json(`${url}/entries/big`)).body).toMatchObject({ value: '{ n: 10n }' });
  });

  it('give the statistics of all processes, which in memory is this one', async () => {
    const { url, cache } = await start();
    await cache.set('k', 'v');
    await cache.get('k');

    const { status, body } = await json(`${url}/stats?scope=cluster`);

    expect(status).toBe(200);
    expect(body).toMatchObject({
      processes: [{ pid: process.pid, host: expect.any(String), seenMsAgo: 0, stats: { totalHits: 1, sets: 1 } }],
      total: { backend: 'memory', totalHits: 1, totalEntries: 1, hitRate: 1 },
    });
    expect(Object.keys((body as { total: object }).total).sort()).toEqual(
      Object.keys((await json(`${url}/stats`)).body as object).sort(),
    );
  });

  it.each(['everything', '', 'Cluster', 'cluster&scope=cluster'])('refuse the unknown scope %j', async (scope) => {
    const { url } = await start();

    expect(await json(`${url}/stats?scope=${scope}`)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining("Expected `scope` to be 'cluster' for all processes") },
    });
  });

  it('find one entry by its key, whatever characters that has', async () => {
    const { url, cache } = await start();
    await cache.set('a/b?c d:é', 1, { namespace: 'x/y' });
    const path = `${encodeURIComponent('a/b?c d:é')}?namespace=${encodeURIComponent('x/y')}`;

    expect((await json(`${url}/entries/${path}`)).body).toMatchObject({ key: 'a/b?c d:é', namespace: 'x/y' });
    expect((await json(`${url}/explain/${path}`)).body).toMatchObject({ nextRead: 'hit', state: 'fresh' });
    expect(await json(`${url}/entries/${path}`, { method: 'DELETE' })).toEqual({
      status: 200,
      body: { deleted: true },
    });
    expect(await json(`${url}/entries/${path}`, { method: 'DELETE' })).toEqual({
      status: 200,
      body: { deleted: false },
    });
    expect((await json(`${url}/entries/${path}`)).status).toBe(404);
  });

  it.each(['..', 'long'.repeat(200)])('find one entry by a key that no path can have: %s', async (key) => {
    const { url, cache } = await start();
    await cache.set(key, 1, { namespace: 'n' });
    const query = `?key=${encodeURIComponent(key)}&namespace=n`;

    expect((await json(`${url}/entry${query}`)).body).toMatchObject({ key, namespace: 'n' });
    expect((await json(`${url}/explain${query}`)).body).toMatchObject({ nextRead: 'hit' });
    expect((await json(`${url}/entry${query}`, { method: 'DELETE' })).body).toEqual({ deleted: true });
    expect((await json(`${url}/entry${query}`)).status).toBe(404);
    expect((await json(`${url}/explain`)).status).toBe(400);
  });

  it('invalidate by tags, namespace and pattern, or only count', async () => {
    const { url, cache } = await start();
    await cache.set('a', 1, { tags: ['t', 'u'] });
    await cache.set('b', 1, { tags: ['t'] });
    await cache.set('c', 1, { namespace: 'n' });

    expect((await post(`${url}/invalidate`, { tags: ['t'], dryRun: true })).body).toEqual({
      invalidated: 2,
      dryRun: true,
    });
    expect((await post(`${url}/invalidate`, { tags: ['t', 'u'], mode: 'all' })).body).toEqual({
      invalidated: 1,
      dryRun: false,
    });
    expect((await post(`${url}/invalidate`, { pattern: '?' })).body).toEqual({ invalidated: 1, dryRun: false });
    expect((await post(`${url}/invalidate`, { namespace: 'n', soft: true })).body).toEqual({
      invalidated: 1,
      dryRun: false,
    });
    await cache.set('d', 1);
    expect((await post(`${url}/clear`)).body).toEqual({ invalidated: 1 });
  });

  it.each([
    [{}, 'Expected one of `tags`'],
    [{ tags: ['a'], namespace: 'n' }, 'Expected one of `tags`'],
    [{ tags: 'a' }, 'Expected tags as an array'],
    [{ tags: [''] }, 'non-empty'],
    [{ pattern: 'a[' }, 'Expected a `]`'],
    [{ pattern: 'a', soft: true }, 'Unknown option `soft`'],
    [{ namespace: 'n', all: true }, 'Unknown option `all`'],
  ])('answer 400 to the invalidation %j and say why', async (body, message) => {
    const { url } = await start();

    expect(await post(`${url}/invalidate`, body)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining(message) },
    });
  });

  it.each(['limit=0', 'limit=many', 'pattern=%5B', 'colour=red', 'cursor=nonsense'])(
    'answer 400 to the query %s',
    async (query) => {
      const { url } = await start();

      expect((await json(`${url}/entries?${query}`)).status).toBe(400);
    },
  );

  it('are mounted at another path, and for each cache apart', async () => {
    running = await startApp(
      {
        imports: [
          CacheKitModule.forRoot({ admin: { guards: [TokenGuard], path: 'ops/main' } }),
          CacheKitModule.forRootAsync({
            name: 'late',
            useFactory: () => ({ admin: { guards: [TokenGuard], path: 'ops/late' } }),
          }),
          CacheKitModule.forRootAsync({ name: 'hidden', useFactory: () => ({}) }),
        ],
      },
      platform,
    );
    const names = await Promise.all(
      ['main', 'late'].map(async (path) => (await json(`${running?.url}/ops/${path}/stats`)).body),
    );

    expect(names).toMatchObject([{ name: 'default' }, { name: 'late' }]);
    expect((await fetch(`${running.url}/ops/late/stats`)).status).toBe(403);
    expect((await json(`${running.url}/cache-kit-unmounted-hidden/stats`)).status).toBe(404);
  });
});

describe('the guards of the admin routes', () => {
  it('may inject providers, may be asynchronous or request-scoped, and must all agree', async () => {
    @Injectable()
    class Secrets {
      readonly token = 'secret';
    }
    @Injectable()
    class InjectedGuard implements CanActivate {
      constructor(private readonly secrets: Secrets) {}
      canActivate(context: ExecutionContext): Promise<boolean> {
        return Promise.resolve(
          context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-token'] ===
            this.secrets.token,
        );
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      canActivate(context: ExecutionContext): ReturnType<CanActivate['canActivate']> {
        return of(
          context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-second'] === 'yes',
        );
      }
    }
    @Module({ providers: [Secrets, InjectedGuard, ScopedGuard] })
    class Security {}
    running = await startApp({
      imports: [Security, CacheKitModule.forRoot({ admin: { guards: [InjectedGuard, ScopedGuard] } })],
    });
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${running?.url}/admin/cache/stats`, { headers })).status;

    expect(await status({})).toBe(403);
    expect(await status(TOKEN)).toBe(403);
    expect(await status({ 'x-second': 'yes' })).toBe(403);
    expect(await status({ ...TOKEN, 'x-second': 'yes' })).toBe(200);
  });

  it('fail the start-up when they cannot be made', async () => {
    class Missing {}
    @Injectable()
    class BrokenGuard implements CanActivate {
      constructor(readonly missing: Missing) {}
      canActivate(): boolean {
        return true;
      }
    }

    await expect(startApp({ imports: [CacheKitModule.forRoot({ admin: { guards: [BrokenGuard] } })] })).rejects.toThrow(
      /Missing/,
    );
  });

  it.each([
    ['production', false],
    ['', false],
    ['development', true],
    ['test', true],
  ])('may be none where NODE_ENV is %j: %s', (environment, isAllowed) => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = environment;
    try {
      const make = (): unknown => CacheKitModule.forRoot({ admin: { guards: [] } });
      if (isAllowed) expect(make).not.toThrow();
      else expect(make).toThrow(/Expected `admin.guards` to name at least one guard/);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });
});
