import type { ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { internalsOf } from '../../../../src/core/cache-internals.js';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { HeldStore } from '../../../support/held-store.js';
import {
  closeSites,
  type Platform,
  type RouteAnswer,
  type RouteSite,
  Runs,
  routesOn,
  settled,
  until,
} from '../../http.fixture.js';

/*
 * A store that answers later than the lookup timeout. The test decides when an answer arrives and when a timeout
 * expires.
 */

/** Timeout of a lookup in the store. */
const LOOKUP_MS = 250;
/** Timeout of waiting for the handler of another request, in this process or in another one. */
const WAIT_MS = 5_000;

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('a slow store on %s', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  interface SlowSite extends RouteSite {
    readonly store: HeldStore;
    /** Expires the timeouts of all lookups under way. */
    readonly endLookups: () => void;
    /** Expires the timeouts of all requests that wait for another request's handler. */
    readonly endWaits: () => void;
  }

  it('is asked once what is there and once who loads, for a miss', async () => {
    const { twice, store, runs } = await open(() => 'made');

    const answers = await twice('/');

    expect(answers.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT']);
    expect(store.asked).toEqual({ reads: 2, begins: 1 });
    expect(runs.count).toBe(1);
  });

  async function open(
    answer: RouteAnswer,
    prepare: (app: INestApplication) => unknown = () => undefined,
  ): Promise<SlowSite> {
    const store = new HeldStore();
    const { controller, runs } = routeOf(answer);
    const cache: CacheKitOptions = {
      adapter: store.adapter,
      http: { ttl: '1m', headers: { cacheStatus: 'debug' } },
      onError: () => undefined,
    };
    const site = await openController(controller, { cache, prepare });
    const { clock } = internalsOf(site.cache);
    const schedule = clock.schedule.bind(clock);
    const endsOf = new Map([LOOKUP_MS, WAIT_MS].map((delayMs) => [delayMs, new Set<() => void>()]));
    jest.spyOn(clock, 'schedule').mockImplementation((delayMs, task) => {
      const ends = endsOf.get(delayMs);
      if (ends === undefined) return schedule(delayMs, task);
      ends.add(task);
      return { cancel: () => void ends.delete(task) };
    });
    const end = (delayMs: number): void => {
      const ends = [...(endsOf.get(delayMs) ?? [])];
      endsOf.get(delayMs)?.clear();
      for (const task of ends) task();
    };
    return { ...site, runs, store, endLookups: () => end(LOOKUP_MS), endWaits: () => end(WAIT_MS) };
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
    const load = jest.spyOn(internalsOf(cache), 'load');
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

  it('waits for the handler of another process for five seconds at most (fault 5)', async () => {
    const { get, store, runs, endWaits } = await open(() => 'made');
    store.state = 'taken';

    const asked = get('/');
    await until(() => store.waiting === 1);
    const before = runs.count;
    endWaits();
    const answered = await asked;
    store.open();
    await settled();

    expect(before).toBe(0);
    expect([answered.status, answered.body, answered.headers['x-cache']]).toEqual([200, 'made', 'BYPASS']);
    expect(runs.count).toBe(1);
    expect((await get('/')).headers['x-cache']).toBe('MISS');
  });

  it('sends nothing after middleware that has answered meanwhile (fault 2)', async () => {
    const responses: ServerResponse[] = [];
    const { get, store } = await open(
      () => 'made',
      (app) =>
        app.use((_: unknown, response: ServerResponse, next: () => void) => {
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
  it('runs the handler once for fifty requests, where the time for their look-ups is over (fault 7)', async () => {
    const gate = new Runs();
    const { get, store, runs, endLookups } = await open(async () => `made ${await gate.passed()}`);
    store.state = 'held';
    gate.hold();

    const asked = Array.from({ length: 50 }, () => get('/'));
    await until(() => store.waiting === 50);
    endLookups();
    await until(() => runs.count > 0);
    await settled();
    gate.release();
    const answers = await Promise.all(asked);

    expect(runs.count).toBe(1);
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(['200 made 1']));
    expect(answers.filter(({ headers }) => headers['x-cache'] === 'BYPASS')).toHaveLength(1);
    expect(answers.filter(({ headers }) => headers['x-cache'] === 'HIT')).toHaveLength(49);
    expect(
      answers.every(
        ({ headers }) => !String(headers['cache-status']).includes('stored') && headers['x-cache-ttl'] === undefined,
      ),
    ).toBe(true);
  });

  it('runs the handler once for each variant that requests select past it (fault 7)', async () => {
    const { get, store, runs, endLookups } = await open((request, response) => {
      response.header('Vary', 'Accept-Language');
      return request.headers['accept-language'];
    });
    store.state = 'held';

    const asked = Array.from({ length: 20 }, (_, i) => get('/', { 'accept-language': i % 2 === 0 ? 'en' : 'fr' }));
    await until(() => store.waiting === 20);
    endLookups();
    const answers = await Promise.all(asked);

    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'en' : 'fr')));
    expect(runs.count).toBe(2);
  });

  it('gives no request past it what was begun before that request came (fault 7)', async () => {
    const gate = new Runs();
    const { get, store, runs, endLookups } = await open(async () => `made ${await gate.passed()}`);
    store.state = 'held';
    gate.hold();

    const early = get('/');
    await until(() => store.waiting === 1);
    endLookups();
    await until(() => runs.count === 1);
    const late = [get('/'), get('/')];
    await until(() => store.waiting === 3);
    endLookups();
    await settled();
    gate.release();

    expect((await early).body).toBe('made 1');
    expect((await Promise.all(late)).map(({ body }) => body)).toEqual(['made 2', 'made 2']);
  });
});
