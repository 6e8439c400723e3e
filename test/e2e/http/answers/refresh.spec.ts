import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CanActivate,
  type ExecutionContext,
  InternalServerErrorException,
  ServiceUnavailableException,
  UseGuards,
} from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CacheRoute, type CacheRouteOptions } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  closeSites,
  type PassthroughResponse,
  type Platform,
  type PlatformRequest,
  type RouteAnswer,
  routesOn,
  type RouteSite,
  settled,
  type Site,
  travelIn,
  until,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('stale answers on %s', (platform) => {
  const { openRoute, openController, routeOf } = routesOn(platform);

  type Script = (request: PlatformRequest, response: PassthroughResponse, run: number) => unknown;
  type StaleSite = RouteSite & { travel: (ms: number) => void };

  /** Opens a route that is fresh for a minute. `script` contains its later answers. */
  async function scripted(
    options: CacheRouteOptions,
    script: Script,
    ...decorators: MethodDecorator[]
  ): Promise<StaleSite> {
    const answer: RouteAnswer = async (request, response) => {
      const run = site.runs.count;
      if (run > 1) await site.runs.gate();
      return script(request, response, run);
    };
    const site = await openRoute(answer, CacheRoute({ ttl: '1m', ...options }), ...decorators);
    return { ...site, travel: travelIn(site.cache) };
  }

  /** Opens a site with a middleware for every request. */
  async function behind(
    middleware: (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void,
  ): Promise<Site & { travel: (ms: number) => void }> {
    const { controller } = routeOf(() => 'x', CacheRoute({ ttl: '1m', staleWhileRevalidate: '1h' }));
    const site = await openController(controller, { prepare: (app) => app.use(middleware) });
    return { ...site, travel: travelIn(site.cache) };
  }

  it('#98: serves the stale answer at once, and refreshes it once', async () => {
    const site = await scripted({ staleWhileRevalidate: '1m' }, (_, __, run) => ({ run }));
    await site.get('/');
    site.travel(61_000);
    site.runs.hold();

    const stale = await Promise.all([site.get('/'), site.get('/'), site.get('/')]);
    await until(() => site.runs.count === 2);
    site.runs.release();
    await settled();
    const fresh = await site.get('/');

    expect(stale.map(({ body, headers }) => [body, headers['x-cache'], headers.age])).toEqual(
      Array.from({ length: 3 }, () => ['{"run":1}', 'STALE', '61']),
    );
    expect([fresh.body, fresh.headers['x-cache'], fresh.headers.age]).toEqual(['{"run":2}', 'HIT', '0']);
    expect(site.runs.count).toBe(2);
  });

  it('#98: runs the handler for the client when the window is over', async () => {
    const site = await scripted({ staleWhileRevalidate: '1m' }, (_, __, run) => ({ run }));
    await site.get('/');
    site.travel(121_000);

    const answer = await site.get('/');

    expect([answer.body, answer.headers['x-cache']]).toEqual(['{"run":2}', 'MISS']);
  });

  it('#98: obeys the window that the answer declares, and must-revalidate', async () => {
    const declared = await scripted(
      {},
      (_, response, run) => (response.header('Cache-Control', 'max-age=60, stale-while-revalidate=60'), { run }),
    );
    const strict = await scripted(
      { staleWhileRevalidate: '1m' },
      (_, response, run) => (response.header('Cache-Control', 'max-age=60, must-revalidate'), { run }),
    );
    for (const site of [declared, strict]) {
      await site.get('/');
      site.travel(61_000);
    }

    expect((await declared.get('/')).headers['x-cache']).toBe('STALE');
    expect((await strict.get('/')).headers['x-cache']).toBe('MISS');
  });

  it('#99: never writes on the finished response, and asks without the credentials of the client', async () => {
    const seen: PlatformRequest['headers'][] = [];
    const site = await scripted(
      { staleWhileRevalidate: '1m', scope: 'public', varyBy: ['x-tier'] },
      (request, response) => {
        seen.push({ ...request.headers });
        response.header('X-Seen', String(seen.length));
        return 'x';
      },
    );
    const headers = {
      authorization: 'Bearer a',
      cookie: 'a=1',
      'x-api-key': 'k',
      'if-none-match': '"z"',
      range: 'bytes=0-0',
      'x-tier': 'gold',
      host: 'shop.test',
    };
    await site.get('/', headers);
    site.travel(61_000);

    const stale = await site.get('/', headers);
    await settled();

    expect(stale.headers['x-seen']).toBe('1');
    expect(seen[1]).toMatchObject({ host: 'shop.test', 'x-tier': 'gold' });
    for (const name of ['authorization', 'cookie', 'x-api-key', 'if-none-match', 'range'])
      expect(seen[1]?.[name]).toBeUndefined();
    expect((await site.get('/', headers)).headers).toMatchObject({ 'x-cache': 'HIT', 'x-seen': '2' });
  });

  it('#99: refreshes what is in a scope as the one it belongs to', async () => {
    const user: CanActivate = {
      canActivate: (context: ExecutionContext) => {
        const request = context.switchToHttp().getRequest<PlatformRequest>();
        request.user = { id: request.headers.authorization };
        return request.headers.authorization !== undefined;
      },
    };
    const site = await scripted(
      { staleWhileRevalidate: '1m', scope: 'user' },
      (request, _, run) => ({ ...(request.user as object), run }),
      UseGuards(user),
    );
    const alice = { authorization: 'alice' };
    await site.get('/', alice);
    site.travel(61_000);

    await site.get('/', alice);
    await settled();

    expect((await site.get('/', alice)).body).toBe('{"id":"alice","run":2}');
    expect((await site.get('/', { authorization: 'bob' })).body).toBe('{"id":"bob","run":3}');
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
    [
      'tunes the connection',
      ({ socket }) => socket.setNoDelay(true).setKeepAlive(true, 1_000).setTimeout(60_000).unref().ref(),
    ],
    [
      'asks for addresses',
      ({ socket }) => [
        (socket.address() as AddressInfo).address.length,
        socket.remotePort?.toFixed(),
        socket.localAddress?.length,
        socket.readyState,
      ],
    ],
    [
      'sets time-outs on request and response',
      (request, response) => (request.setTimeout(60_000), response.setTimeout(60_000)),
    ],
    ['counts bytes', ({ socket }) => [socket.bytesRead.toFixed(), socket.bytesWritten.toFixed()]],
  ])('#99: refreshes a route behind middleware that %s (fault 19)', async (_, use) => {
    const errors: unknown[] = [];
    const middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
      try {
        use(request, response);
        next();
      } catch (error) {
        errors.push(error);
        next(error);
      }
    };
    const site = await behind(middleware);

    await site.get('/');
    site.travel(61_000);
    await site.get('/');
    await settled();

    expect(errors).toEqual([]);
    expect((await site.get('/')).headers).toMatchObject({ 'x-cache': 'HIT', age: '0' });
  });

  it("#99: makes a request with everything that a client's has (fault 19)", async () => {
    const seen: Map<string, string>[] = [];
    const site = await behind((request, response, next) => {
      seen.push(membersOf({ request, response, socket: request.socket }));
      next();
    });
    await site.get('/');
    site.travel(61_000);

    await site.get('/');
    await settled();

    const [ofClient, ofRefresh] = [seen[0], seen.at(-1)] as [Map<string, string>, Map<string, string>];
    expect([...ofClient].filter(([name, kind]) => ofRefresh.get(name) !== kind)).toEqual([]);
    expect(seen).toHaveLength(3);
  });

  it('#99: refreshes behind middleware that reads the whole request, which then ends (fault 19)', async () => {
    const told: string[] = [];
    const site = await behind((request, response, next) => {
      request.once('aborted', () => told.push('aborted'));
      response.once('finish', () => told.push('finish'));
      response.once('close', () => told.push('close'));
      request.once('end', () => next()).resume();
    });
    await site.get('/');
    site.travel(61_000);
    told.length = 0;

    const stale = await site.get('/');
    await settled();

    expect(stale.headers['x-cache']).toBe('STALE');
    expect([...told].sort()).toEqual(['close', 'close', 'finish', 'finish']);
    expect((await site.get('/')).headers).toMatchObject({ 'x-cache': 'HIT', age: '0' });
  });

  it('#99: leaves a key alone for a while whose refresh has failed', async () => {
    const site = await scripted({ staleWhileRevalidate: '1h' }, (_, __, run) => {
      if (run > 1) throw new InternalServerErrorException();
      return { run };
    });
    await site.get('/');
    site.travel(61_000);

    await site.get('/');
    await settled();
    await site.get('/');
    await settled();
    const runsBefore = site.runs.count;
    site.travel(6_000);
    await site.get('/');
    await settled();

    expect([runsBefore, site.runs.count]).toEqual([2, 3]);
  });

  it.each<[string, Script]>([
    ['no-store', (_, response) => response.header('Cache-Control', 'no-store')],
    ['private', (_, response) => response.header('Cache-Control', 'private')],
    ['a cookie', (_, response) => response.header('Set-Cookie', 'a=1')],
    ['a 404', (_, response) => response.status(404)],
    ['a 410', (_, response) => response.status(410)],
  ])('#100: forgets the answer when the refresh brings %s', async (_, change) => {
    const site = await scripted({ staleWhileRevalidate: '1h' }, (request, response, run) => {
      if (run > 1) change(request, response, run);
      return 'x';
    });
    await site.get('/');
    site.travel(61_000);

    await site.get('/');
    await settled();

    expect((await site.cache.getStats()).totalEntries).toBe(0);
  });

  it.each([
    [
      'throws',
      () => {
        throw new ServiceUnavailableException();
      },
    ],
    [
      'throws anything',
      () => {
        throw new Error('down');
      },
    ],
    ['answers 503', (_: unknown, response: PassthroughResponse) => (response.status(503), 'down')],
    ['answers 500', (_: unknown, response: PassthroughResponse) => (response.status(500), 'down')],
  ])('#101: serves the stale answer when the handler %s', async (_, fail) => {
    const site = await scripted({ staleIfError: '1m' }, (request, response, run) => {
      response.header('X-Run', String(run));
      return run === 1 ? 'good' : fail(request, response);
    });
    await site.get('/');
    site.travel(61_000);

    const answer = await site.get('/');
    site.travel(60_000);
    const late = await site.get('/');

    expect([answer.status, answer.body]).toEqual([200, 'good']);
    expect(answer.headers).toMatchObject({ 'x-cache': 'STALE', age: '61', 'x-run': '1' });
    expect(late.status).toBeGreaterThanOrEqual(500);
  });

  it('#101: never replaces a 4xx that the handler answers', async () => {
    const site = await scripted({ staleIfError: '1m' }, (_, response, run) => (run > 1 && response.status(400), 'x'));
    await site.get('/');
    site.travel(61_000);

    expect((await site.get('/')).status).toBe(400);
  });

  it.each([['must-revalidate'], ['proxy-revalidate'], ['s-maxage=60'], ['no-cache']])(
    '#101: never serves what says %s in the place of an error',
    async (directive) => {
      const site = await scripted({ staleIfError: '1h' }, (_, response, run) => {
        if (run > 1) throw new ServiceUnavailableException();
        response.header('Cache-Control', `max-age=60, ${directive}`);
        response.header('ETag', '"a"');
        return 'x';
      });
      await site.get('/');
      site.travel(61_000);

      expect((await site.get('/')).status).toBe(503);
    },
  );

  it('#101: never serves what was invalidated in the place of an error', async () => {
    const site = await scripted({ staleIfError: '1h', tags: ['all'] }, (_, __, run) => {
      if (run > 1) throw new ServiceUnavailableException();
      return 'x';
    });
    await site.get('/');
    site.travel(61_000);
    site.runs.hold();

    const asked = site.get('/');
    await until(() => site.runs.count === 2);
    await site.cache.invalidateTags(['all']);
    site.runs.release();

    expect((await asked).status).toBe(503);
  });

  it('#101: serves the stale answer to those who waited for the handler that failed', async () => {
    const site = await scripted({ staleIfError: '1h' }, (_, __, run) => {
      if (run > 1) throw new ServiceUnavailableException();
      return 'x';
    });
    await site.get('/');
    site.travel(61_000);
    site.runs.hold();

    const asked = [site.get('/'), site.get('/'), site.get('/')];
    await until(() => site.runs.count > 1);
    site.runs.release();

    expect((await Promise.all(asked)).map(({ status, headers }) => [status, headers['x-cache']])).toEqual(
      Array.from({ length: 3 }, () => [200, 'STALE']),
    );
  });

  it('#104: waits for running refreshes at shutdown, and starts no more', async () => {
    const site = await scripted({ staleWhileRevalidate: '1h' }, (_, __, run) => ({ run }));
    await site.get('/');
    site.travel(61_000);
    site.runs.hold();
    await site.get('/');
    await until(() => site.runs.count === 2);

    let isClosed = false;
    const closing = site.app.close().then(() => (isClosed = true));
    await settled();
    const wasClosed = isClosed;
    site.runs.release();
    await closing;

    expect([wasClosed, site.runs.count]).toEqual([false, 2]);
  });
});

/** Returns the type of each public member. */
function membersOf(parts: Readonly<Record<string, object>>): Map<string, string> {
  const members = Object.entries(parts).flatMap(([part, target]) =>
    [...namesOf(target)].map((name): [string, string] => [
      `${part}.${name}`,
      typeof (target as Record<string, unknown>)[name],
    ]),
  );
  return new Map(members.filter(([name]) => !OF_THE_PARSER.includes(name)));
}

/** Members that Node's HTTP parser sets on the socket and on the request. */
const OF_THE_PARSER = ['socket.parser', 'socket.timeout', 'socket.readableFlowing', 'request.joinDuplicateHeaders'];

function namesOf(target: object): Set<string> {
  const names = new Set<string>();
  for (
    let from: object | null = target;
    from !== null && from !== Object.prototype;
    from = Object.getPrototypeOf(from) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(from)) if (!name.startsWith('_')) names.add(name);
  }
  return names;
}
