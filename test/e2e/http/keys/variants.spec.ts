import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  bodiesOf,
  closeSites,
  type PassthroughResponse,
  type Platform,
  type PlatformRequest,
  routesOn,
  statesOf,
  travelIn,
  until,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

/** Answers in the requested language, and names it in the headers. */
function greet({ headers }: PlatformRequest, response: PassthroughResponse): string {
  response.header('Vary', 'Accept-Language');
  return `hello in ${headers['accept-language'] ?? 'any'}`;
}

describe.each<[Platform]>([['express'], ['fastify']])('variants on %s', (platform) => {
  const { openRoute, openOrigin } = routesOn(platform);
  const fr = { 'accept-language': 'fr' };
  const en = { 'accept-language': 'en' };

  it('#51: selects among the variants of a URL by the Vary of their answers', async () => {
    const { get, runs } = await openRoute(greet);

    const answers = [await get('/', fr), await get('/', en), await get('/', fr), await get('/', en)];

    expect(bodiesOf(answers)).toEqual(['hello in fr', 'hello in en', 'hello in fr', 'hello in en']);
    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'HIT', 'HIT']);
    expect(answers[3]?.headers.vary?.toLowerCase()).toBe('accept-language');
    expect(runs.count).toBe(2);
  });

  it('#51: tells a missing header from an empty one, and reads lists alike', async () => {
    const { get } = await openRoute(greet);

    const answers = [
      await get('/'),
      await get('/', { 'accept-language': '' }),
      await get('/', { 'accept-language': 'fr,  en' }),
      await get('/', { 'accept-language': 'fr,en' }),
    ];

    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'MISS', 'HIT']);
  });

  it('#51: keeps several names, in several lines, apart', async () => {
    const { get } = await openRoute((request, response) => {
      response.header('Vary', ['Accept-Language', 'X-Tier, accept-language']);
      return `${request.headers['accept-language'] ?? ''} ${request.headers['x-tier'] ?? ''}`;
    });

    const answers = [
      await get('/', fr),
      await get('/', { ...fr, 'x-tier': 'a' }),
      await get('/', { 'x-tier': 'a', ...fr }),
      await get('/', { 'x-tier': 'b', ...fr }),
    ];

    expect(bodiesOf(answers)).toEqual(['fr ', 'fr a', 'fr a', 'fr b']);
    expect(statesOf(answers)).toEqual(['MISS', 'MISS', 'HIT', 'MISS']);
  });

  it('#51: finds its way when answers of one URL vary by different headers', async () => {
    const { get } = await openRoute((request, response) => {
      const isFrench = request.headers['accept-language'] === 'fr';
      response.header('Vary', isFrench ? 'Accept-Language' : 'X-Tier');
      return isFrench ? 'fr' : (request.headers['x-tier'] ?? 'none');
    });

    for (let round = 0; round < 3; round++) {
      const answers = [await get('/', fr), await get('/', { 'x-tier': 'a' }), await get('/', { 'x-tier': 'b' })];
      expect(bodiesOf(answers)).toEqual(['fr', 'a', 'b']);
      if (round === 2) expect(statesOf(answers)).toEqual(['HIT', 'HIT', 'HIT']);
    }
  });

  it('#54: takes Vary: Cookie for private, unless the route has a scope', async () => {
    const answer = (_: PlatformRequest, response: PassthroughResponse): string => (
      response.header('Vary', 'Cookie'),
      'x'
    );
    const open = await openRoute(answer);
    const scoped = await openRoute(answer, CacheRoute({ scope: () => 'me' }));

    expect(statesOf(await open.twice('/'))).toEqual(['BYPASS', 'BYPASS']);
    expect(statesOf(await scoped.twice('/'))).toEqual(['MISS', 'HIT']);
  });

  it('#52: names the headers of `varyBy` in the Vary of a 304 too', async () => {
    const { get } = await openRoute(() => 'x', CacheRoute({ varyBy: ['accept-language'] }));
    const { etag = '' } = (await get('/', fr)).headers;

    const answer = await get('/', { ...fr, 'if-none-match': etag });

    expect([answer.status, answer.headers.vary]).toEqual([304, 'accept-language']);
  });

  it('#53: maps the values of a header to few, and shows the handler what they are mapped to', async () => {
    const language = (value: string | undefined): string => (value?.startsWith('fr') === true ? 'fr' : 'en');
    const { get, runs } = await openRoute(
      ({ headers }) => headers['accept-language'],
      CacheRoute({ varyBy: { 'Accept-Language': language } }),
    );

    const answers = [
      await get('/', { 'accept-language': 'fr-CA' }),
      await get('/', { 'accept-language': 'fr;q=0.9' }),
      await get('/', { 'accept-language': 'de' }),
      await get('/'),
    ];

    expect(bodiesOf(answers)).toEqual(['fr', 'fr', 'en', 'en']);
    expect(runs.count).toBe(2);
  });

  it('#55: keeps fifty variants of a URL at most, the oldest going first', async () => {
    const { get, cache } = await openRoute(greet);

    for (let i = 0; i < 60; i++) await get('/', { 'accept-language': `l${i}` });
    const { totalEntries } = await cache.getStats();

    // The marker is also an entry.
    expect(totalEntries).toBe(51);
    expect(
      statesOf([await get('/', { 'accept-language': 'l59' }), await get('/', { 'accept-language': 'l9' })]),
    ).toEqual(['HIT', 'MISS']);
  });

  it('#92: gives a waiter of another variant its own', async () => {
    const { controllerRuns, site } = await slowGreeting();

    const asked = [site.get('/', fr), site.get('/', en), site.get('/', fr)];
    await until(() => controllerRuns.count > 0);
    controllerRuns.release();
    const answers = await Promise.all(asked);

    expect(bodiesOf(answers)).toEqual(['hello in fr', 'hello in en', 'hello in fr']);
    expect(controllerRuns.count).toBe(2);
  });

  async function slowGreeting(): Promise<{
    site: Awaited<ReturnType<typeof openRoute>>;
    controllerRuns: Awaited<ReturnType<typeof openRoute>>['runs'];
  }> {
    const site = await openRoute(async (request, response) => {
      await site.runs.gate();
      return greet(request, response);
    });
    site.runs.hold();
    return { site, controllerRuns: site.runs };
  }

  it('#102: stores no variant that was invalidated while it was made', async () => {
    const { site, controllerRuns } = await slowGreeting();
    const old = site.get('/', fr);
    await until(() => controllerRuns.count > 0);

    await site.cache.clear();
    controllerRuns.release();
    await old;

    expect(statesOf([await site.get('/', fr)])).toEqual(['MISS']);
  });

  it('#114: purges all variants of a URL at once', async () => {
    const { get, ask } = await openOrigin(greet, {});
    await get('/a', fr);
    await get('/a', en);

    await ask('/a', { method: 'POST' });

    expect(statesOf([await get('/a', fr), await get('/a', en)])).toEqual(['MISS', 'MISS']);
  });

  it('#51: finds variants again whose marker has expired', async () => {
    const { get, cache } = await openRoute(greet, CacheRoute({ ttl: '3d' }));
    const travel = travelIn(cache);
    await get('/', fr);

    travel(2 * 86_400_000);

    expect(statesOf([await get('/', fr)])).toEqual(['HIT']);
  });
});
