import { InternalServerErrorException } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { HeldStore } from '../../../support/held-store.js';
import { closeSites, type Platform, routesOn, travelIn } from '../../http.fixture.js';

/*
 * A store that rejects every call, as Redis does without a connection. The test environment finds promises without a
 * handler.
 */

/** More than two measured reads: one read in 64 is measured. */
const REQUESTS = 130;

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('a store that is away on %s', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  it.each([true, false])('leaves every request to its handler, with statistics: %s (fault 1)', async (stats) => {
    const store = new HeldStore();
    store.state = 'lost';
    const errors: unknown[] = [];
    const { controller, runs } = routeOf(() => 'made', CacheRoute({ ttl: '1m' }));
    const { ask } = await openController(controller, {
      cache: { adapter: store.adapter, stats, onError: (error) => errors.push(error) },
    });

    const answers = [];
    for (let i = 0; i < REQUESTS; i++) answers.push(await ask('/', { signal: AbortSignal.timeout(5_000) }));

    expect(answers.every(({ status, body }) => status === 200 && body === 'made')).toBe(true);
    expect(runs.count).toBe(REQUESTS);
    // One report per request: a store that fails a lookup is not asked for a lease.
    expect(errors).toHaveLength(REQUESTS);
    expect(store.asked).toEqual({ reads: REQUESTS, begins: 0 });
  });

  it('lets the error of a handler through, where an expired answer would have been served (fault 1)', async () => {
    const store = new HeldStore();
    let fails = false;
    const answer = (): string => {
      if (fails) throw new InternalServerErrorException('broken');
      return 'made';
    };
    const { controller } = routeOf(answer, CacheRoute({ ttl: '1m', staleIfError: '1h' }));
    const { ask, cache } = await openController(controller, {
      cache: { adapter: store.adapter, onError: () => undefined },
    });
    await ask('/', { signal: AbortSignal.timeout(5_000) });
    travelIn(cache)(61_000);
    fails = true;
    store.state = 'lost';

    const answers = [];
    for (let i = 0; i < REQUESTS; i++) answers.push(await ask('/', { signal: AbortSignal.timeout(5_000) }));

    expect(answers.every(({ status }) => status === 500)).toBe(true);
  });

  it('says BYPASS, and not that anything was stored (fault 22)', async () => {
    const store = new HeldStore();
    store.state = 'lost';
    const { controller } = routeOf(() => 'made');
    const cache: CacheKitOptions = {
      adapter: store.adapter,
      http: { ttl: '1m', headers: { cacheStatus: 'debug' } },
      onError: () => undefined,
    };
    const { get } = await openController(controller, { cache });

    const { headers } = await get('/');

    expect([headers['x-cache'], headers['x-cache-ttl']]).toEqual(['BYPASS', undefined]);
    expect(headers['cache-status']).toMatch(/^nest; fwd=bypass; key=".*"; detail="store-error"$/);
  });
});
