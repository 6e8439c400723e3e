import type { ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { HeldStore } from '../../support/held-store.js';
import { closeSites, type Platform, type RouteAnswer, type RouteSite, Runs, routesOn, settled, until } from '../http.fixture.js';

/*
 * A store that answers later than a request waits for it. Its answers come when the test says so, and the time of a
 * look-up ends when the test says so.
 */

/** How long a request waits for the store. */
const LOOKUP_MS = 250;

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('a slow store on %s', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  interface SlowSite extends RouteSite {
    readonly store: HeldStore;
    /** Ends the time of all look-ups that are under way. */
    readonly endLookups: () => void;
  }

  async function open(answer: RouteAnswer, prepare: (app: INestApplication) => unknown = () => undefined): Promise<SlowSite> {
    const store = new HeldStore();
    const { controller, runs } = routeOf(answer);
    const cache: CacheKitOptions = { adapter: store.adapter, http: { ttl: '1m', headers: { cacheStatus: 'debug' } }, onError: () => undefined };
    const site = await openController(controller, { cache, prepare });
    const schedule = jest.spyOn(site.cache.clock, 'schedule');
    const endLookups = (): void => {
      for (const [delayMs, task] of schedule.mock.calls) if (delayMs === LOOKUP_MS) task();
      schedule.mockClear();
    };
    return { ...site, runs, store, endLookups };
  }

  it('answers once, where the stored answer comes after the time for it (fault 2)', async () => {
    const { get, store, endLookups } = await open(() => 'made');
    await get('/');
    store.state = 'held';

    const asked = get('/');
    await until(() => store.waiting === 1);
    endLookups();
    const late = await asked;
    store.open();
    await settled();

    expect([late.status, late.body, late.headers['x-cache']]).toEqual([200, 'made', 'BYPASS']);
    expect((await get('/')).headers['x-cache']).toBe('HIT');
  });

  it('names itself once in Cache-Status, where a stored answer comes while the handler runs (fault 3)', async () => {
    const gate = new Runs();
    const { get, store, runs, endLookups } = await open(async () => `made ${await gate.passed()}`);
    await get('/');
    store.state = 'held';
    gate.hold();

    const asked = get('/');
    await until(() => store.waiting === 1);
    endLookups();
    await until(() => runs.count === 2);
    store.open();
    await settled();
    gate.release();
    const late = await asked;

    expect(late.body).toBe('made 2');
    expect(String(late.headers['cache-status']).match(/nest;/g)).toHaveLength(1);
  });

  it('leads nobody on, where a look-up finds nothing after the time for it (fault 3)', async () => {
    const { get, store, cache, endLookups } = await open((request) => request.url);
    const load = jest.spyOn(cache, 'load');
    store.state = 'held';

    const asked = get('/');
    await until(() => store.waiting === 1);
    endLookups();
    await asked;
    store.open();
    await settled();

    expect(load).not.toHaveBeenCalled();
    expect((await get('/')).body).toBe('/');
  });

  it('sends nothing after middleware that has answered meanwhile (fault 2)', async () => {
    const responses: ServerResponse[] = [];
    const { get, store } = await open(
      () => 'made',
      (app) => app.use((_: unknown, response: ServerResponse, next: () => void) => {
        responses.push(response);
        next();
      }),
    );
    await get('/');
    store.state = 'held';

    const asked = get('/');
    await until(() => store.waiting === 1);
    responses.at(-1)?.writeHead(503).end('late');
    const { status, body } = await asked;
    store.open();
    await settled();

    expect([status, body]).toEqual([503, 'late']);
    expect((await get('/')).headers['x-cache']).toBe('HIT');
  });
});
