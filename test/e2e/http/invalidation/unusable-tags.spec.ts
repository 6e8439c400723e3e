import { afterEach, describe, expect, it } from '@jest/globals';
import type { CacheError } from '../../../../src/core/vocabulary/cache.errors.js';
import { CacheRoute, type CacheRouteOptions } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { closeSites, type Platform, routesOn } from '../../http.fixture.js';

const UNUSABLE: [what: string, tags: CacheRouteOptions['tags'], reason: string][] = [
  ['throw', (_, result) => [(result as { missing: { id: string } }).missing.id], 'undefined'],
  ['are null', () => null as never, 'got `null`'],
  ['hold what is no text', () => [1 as never], 'got `1`'],
  ['are a promise that fails', (async () => Promise.reject(new Error('later'))) as never, 'a promise'],
];

afterEach(closeSites);

describe.each<[Platform]>([['express'], ['fastify']])('the tags of a route on %s', (platform) => {
  const { openController, routeOf } = routesOn(platform);

  it.each(UNUSABLE)('that %s leave the answer as it is, and are reported (fault 14)', async (_, tags, reason) => {
    const errors: CacheError[] = [];
    const { controller, runs } = routeOf(
      () => ({ id: 1 }),
      CacheRoute({ ttl: '1m', ...(tags === undefined ? {} : { tags }) }),
    );
    const { ask } = await openController(controller, { cache: { onError: (error) => errors.push(error) } });

    const answers = [await ask('/', {}), await ask('/', {})];

    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, '{"id":1}'],
      [200, '{"id":1}'],
    ]);
    expect(runs.count).toBe(2);
    expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID', 'CACHE_CONFIG_INVALID']);
    expect(errors[0]?.message).toContain(reason);
  });
});
