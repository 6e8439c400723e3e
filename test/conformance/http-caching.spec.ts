import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { HttpCacheOptions } from '../../src/nest/http/route/http-cache-options.js';
import { closeSites, type Platform, routesOn, travelIn } from '../e2e/http.fixture.js';

/*
 * The cache in front of an origin whose responses each scenario defines. With `ttl: 0`, storing, lifetimes and requests
 * to the origin depend on headers only. A scenario is a list of exchanges, with time between them. Each exchange says
 * if the origin receives a request and, where it matters, the request of the origin and the response of the client.
 */

interface Step {
  readonly method?: string;
  readonly path?: string;
  readonly request?: Readonly<Record<string, string>>;
  /** Response headers of the origin, if it receives a request. @default the headers of the exchange before */
  readonly origin?: Readonly<Record<string, string | string[]>>;
  readonly status?: number;
  readonly afterS?: number;
  /** True when the origin receives a request. */
  readonly asks: boolean;
  /** Headers that the origin sees. */
  readonly sees?: Readonly<Record<string, string | undefined>>;
  /** Response headers that the client gets. */
  readonly gets?: Readonly<Record<string, string | number | undefined>>;
}

type Scenario = readonly [name: string, options: HttpCacheOptions, steps: readonly Step[]];

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString();
const reused = (headers: Step['origin'], afterS = 5): Step[] => [
  { ...(headers === undefined ? {} : { origin: headers }), asks: true },
  { afterS, asks: false },
];
const asked = (headers: Step['origin'], afterS = 5): Step[] => [
  { ...(headers === undefined ? {} : { origin: headers }), asks: true },
  { afterS, asks: true },
];
const none: HttpCacheOptions = {};

const freshness: Scenario[] = [
  ['max-age within its time', none, reused({ 'Cache-Control': 'max-age=10' })],
  ['max-age after its time', none, asked({ 'Cache-Control': 'max-age=10' }, 11)],
  ['max-age=0', none, asked({ 'Cache-Control': 'max-age=0' }, 0)],
  ['s-maxage over max-age', none, reused({ 'Cache-Control': 'max-age=1, s-maxage=10' })],
  ['s-maxage over a longer max-age', none, asked({ 'Cache-Control': 's-maxage=1, max-age=10' })],
  ['max-age over Expires', none, reused({ 'Cache-Control': 'max-age=10', Expires: inSeconds(-10) })],
  ['max-age=0 over Expires', none, asked({ 'Cache-Control': 'max-age=0', Expires: inSeconds(100) })],
  ['a max-age that cannot be kept', none, reused({ 'Cache-Control': 'max-age=2147483649' })],
  ['a max-age of a hundred digits', none, reused({ 'Cache-Control': `max-age=${'9'.repeat(100)}` })],
  ['Age is counted', none, asked({ 'Cache-Control': 'max-age=10', Age: '7' })],
  ['Age is counted within the time', none, reused({ 'Cache-Control': 'max-age=10', Age: '3' })],
  ['Age that is no number', none, reused({ 'Cache-Control': 'max-age=10', Age: 'seven' })],
  ['Age with a list', none, asked({ 'Cache-Control': 'max-age=10', Age: '7, 0' })],
  ['Date of the past', none, asked({ 'Cache-Control': 'max-age=10', Date: inSeconds(-8) })],
  ['Date of the future', none, reused({ 'Cache-Control': 'max-age=10', Date: inSeconds(100) })],
  ['nothing declared', none, asked({})],
  ['public alone', none, asked({ 'Cache-Control': 'public' })],
  ['immutable alone', none, asked({ 'Cache-Control': 'immutable' })],
  [
    '#23: Last-Modified, without heuristics',
    none,
    [
      { origin: { 'Last-Modified': MODIFIED }, asks: true },
      { afterS: 1, asks: true, sees: { 'if-modified-since': MODIFIED } },
    ],
  ],
];

const expires: Scenario[] = [
  ['Expires to come', none, reused({ Expires: inSeconds(100) })],
  ['Expires past', none, asked({ Expires: inSeconds(-100) })],
  ['Expires as it was sent', none, asked({ Expires: inSeconds(0) }, 1)],
  ['Expires: 0', none, asked({ Expires: '0' })],
  ['Expires: -1', none, asked({ Expires: '-1' })],
  ['Expires in RFC 850 form', none, reused({ Expires: 'Thursday, 18-Aug-50 02:01:18 GMT' })],
  ['Expires in asctime form', none, reused({ Expires: 'Thu Aug 18 02:01:18 2050' })],
  ['Expires in UTC', none, asked({ Expires: 'Thu, 18 Aug 2050 02:01:18 UTC' })],
  ['Expires in another zone', none, asked({ Expires: 'Thu, 18 Aug 2050 02:01:18 AEST' })],
  ['Expires with a year of two digits', none, asked({ Expires: 'Thu, 18 Aug 50 02:01:18 GMT' })],
  ['Expires with dashes', none, asked({ Expires: 'Thu, 18-Aug-2050 02:01:18 GMT' })],
  ['Expires with a single digit', none, asked({ Expires: 'Thu, 18 Aug 2050 2:01:18 GMT' })],
  ['Expires twice', none, asked({ Expires: [inSeconds(100), inSeconds(200)] })],
  ['Expires from the date of the answer', none, asked({ Date: inSeconds(-90), Expires: inSeconds(-85) }, 0)],
];

const parsing: Scenario[] = [
  ['directives in upper case', none, reused({ 'Cache-Control': 'MAX-AGE=10' })],
  ['spaces around commas', none, reused({ 'Cache-Control': 'public ,  max-age=10' })],
  ['several lines', none, asked({ 'Cache-Control': ['max-age=10', 'no-store'] })],
  ['leading zeros', none, reused({ 'Cache-Control': 'max-age=0010' })],
  ['a quoted number', none, reused({ 'Cache-Control': 'max-age="10"' })],
  ['a number in single quotes', none, asked({ 'Cache-Control': "max-age='10'" })],
  ['a fraction', none, asked({ 'Cache-Control': 'max-age=10.0' })],
  ['a negative number', none, asked({ 'Cache-Control': 'max-age=-10' })],
  ['letters after the number', none, asked({ 'Cache-Control': 'max-age=10a' })],
  ['two values, the smaller', none, asked({ 'Cache-Control': 'max-age=1, max-age=10' })],
  ['two values, the smaller last', none, asked({ 'Cache-Control': 'max-age=10, max-age=1' })],
  ['an unknown directive that holds a known one', none, reused({ 'Cache-Control': 'max-age=10, x="no-store"' })],
  ['an unknown directive with a comma in quotes', none, reused({ 'Cache-Control': 'x="a, no-store, b", max-age=10' })],
  ['a name that begins like a known one', none, reused({ 'Cache-Control': 'max-age=10, no-store-ever' })],
  ['no-store with an argument', none, asked({ 'Cache-Control': 'max-age=10, no-store="x"' })],
];

const directives: Scenario[] = [
  ['no-store', none, asked({ 'Cache-Control': 'max-age=10, no-store' }, 0)],
  ['private', none, asked({ 'Cache-Control': 'max-age=10, private' }, 0)],
  ['private with fields', none, asked({ 'Cache-Control': 'max-age=10, private="x-a"' }, 0)],
  ['no-cache without a validator', none, asked({ 'Cache-Control': 'max-age=10, no-cache' }, 0)],
  [
    'no-cache with a validator',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10, no-cache', ETag: '"a"' }, asks: true },
      { asks: true, sees: { 'if-none-match': '"a"' } },
    ],
  ],
  [
    'no-cache with fields',
    none,
    [{ origin: { 'Cache-Control': 'max-age=10, no-cache="x-a"', ETag: '"a"' }, asks: true }, { asks: true }],
  ],
  ['Pragma of an answer says nothing', none, reused({ 'Cache-Control': 'max-age=10', Pragma: 'no-cache' })],
  [
    'must-understand and no-store of a status it knows',
    none,
    reused({ 'Cache-Control': 'max-age=10, no-store, must-understand' }),
  ],
  [
    'must-understand of a status it does not know',
    none,
    [{ status: 299, origin: { 'Cache-Control': 'max-age=10, must-understand' }, asks: true }, { asks: true }],
  ],
  [
    '#15: no-store leaves what is stored before',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10, stale-if-error=100', ETag: '"a"' }, asks: true },
      { afterS: 11, origin: { 'Cache-Control': 'no-store' }, asks: true },
      { origin: {}, status: 503, asks: true, gets: { ':status': 200, 'x-cache': 'STALE' } },
    ],
  ],
  ['must-revalidate within its time', none, reused({ 'Cache-Control': 'max-age=10, must-revalidate' })],
  ['a cookie is not stored', none, asked({ 'Cache-Control': 'max-age=10', 'Set-Cookie': 'a=1' }, 0)],
];

const targeted: Scenario[] = [
  ['over Cache-Control', none, reused({ 'CDN-Cache-Control': 'max-age=10', 'Cache-Control': 'no-store' })],
  ['no-store over max-age', none, asked({ 'CDN-Cache-Control': 'no-store', 'Cache-Control': 'max-age=10' })],
  ['over Expires', none, asked({ 'CDN-Cache-Control': 'max-age=1', Expires: inSeconds(100) })],
  [
    'with a bad value, as if it were not there',
    none,
    asked({ 'CDN-Cache-Control': 'max-age=&&&', 'Cache-Control': 'no-store' }),
  ],
  ['empty, as if it were not there', none, reused({ 'CDN-Cache-Control': '', 'Cache-Control': 'max-age=10' })],
  [
    'passed on',
    none,
    [
      { origin: { 'CDN-Cache-Control': 'max-age=10' }, asks: true, gets: { 'cdn-cache-control': 'max-age=10' } },
      { asks: false, gets: { 'cdn-cache-control': 'max-age=10' } },
    ],
  ],
  [
    'the own field, passed on to nobody',
    none,
    [
      {
        origin: { 'Nest-Cache-Control': 'max-age=10', 'CDN-Cache-Control': 'no-store' },
        asks: true,
        gets: { 'nest-cache-control': undefined },
      },
      { asks: false, gets: { 'nest-cache-control': undefined } },
    ],
  ],
];

const STATUSES = [200, 201, 203, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451, 500, 501, 503, 599];
const statuses: Scenario[] = [
  ...STATUSES.map((status): Scenario => [
    `${status} that declares its freshness`,
    none,
    [
      { status, origin: { 'Cache-Control': 'max-age=10', Location: '/x' }, asks: true, gets: { ':status': status } },
      { afterS: 5, asks: false, gets: { ':status': status } },
    ],
  ]),
  ...STATUSES.map((status): Scenario => [
    `${status} that declares nothing`,
    none,
    [{ status, origin: {}, asks: true }, { asks: true }],
  ]),
  ...[201, 302, 404, 500].map((status): Scenario => [
    `${status} under a TTL of the routes`,
    { ttl: '10s' },
    [{ status, origin: {}, asks: true }, { asks: true }],
  ]),
  [
    '206',
    none,
    [
      { status: 206, origin: { 'Cache-Control': 'max-age=10', 'Content-Range': 'bytes 0-1/9' }, asks: true },
      { asks: true },
    ],
  ],
];

const vary: Scenario[] = [
  [
    'the same value',
    none,
    [
      { request: { foo: '1' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo' }, asks: true },
      { request: { foo: '1' }, asks: false },
    ],
  ],
  [
    'another value',
    none,
    [
      { request: { foo: '1' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo' }, asks: true },
      { request: { foo: '2' }, asks: true },
    ],
  ],
  [
    'a value that is missing',
    none,
    [{ request: { foo: '1' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo' }, asks: true }, { asks: true }],
  ],
  [
    'both variants',
    none,
    [
      { request: { foo: '1' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo' }, asks: true },
      { request: { foo: '2' }, asks: true },
      { request: { foo: '1' }, asks: false },
      { request: { foo: '2' }, asks: false },
    ],
  ],
  [
    'another header',
    none,
    [
      { request: { foo: '1', bar: '1' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo' }, asks: true },
      { request: { foo: '1', bar: '2' }, asks: false },
    ],
  ],
  [
    'two names in any order and case',
    none,
    [
      { request: { foo: '1', bar: '2' }, origin: { 'Cache-Control': 'max-age=10', Vary: 'BAR,  foo' }, asks: true },
      { request: { bar: '2', foo: '1' }, asks: false },
      { request: { bar: '1', foo: '1' }, asks: true },
    ],
  ],
  ['a star', none, [{ origin: { 'Cache-Control': 'max-age=10', Vary: '*' }, asks: true }, { asks: true }]],
  [
    'a star among names',
    none,
    [{ origin: { 'Cache-Control': 'max-age=10', Vary: 'Foo, *' }, asks: true }, { asks: true }],
  ],
  [
    'a star in a line of its own',
    none,
    [{ origin: { 'Cache-Control': 'max-age=10', Vary: ['Foo', '*'] }, asks: true }, { asks: true }],
  ],
  ['an empty list', none, [{ origin: { 'Cache-Control': 'max-age=10', Vary: ', ,' }, asks: true }, { asks: false }]],
];

const validation: Scenario[] = [
  [
    'by ETag',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, asks: true },
      {
        afterS: 2,
        status: 304,
        asks: true,
        sees: { 'if-none-match': '"a"', 'if-modified-since': undefined },
        gets: { ':status': 200, 'x-cache': 'REVALIDATED' },
      },
      { asks: false },
    ],
  ],
  [
    'by Last-Modified',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', 'Last-Modified': MODIFIED }, asks: true },
      { afterS: 2, asks: true, sees: { 'if-modified-since': MODIFIED, 'if-none-match': undefined } },
    ],
  ],
  [
    'by both',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: 'W/"a"', 'Last-Modified': MODIFIED }, asks: true },
      { afterS: 2, asks: true, sees: { 'if-none-match': 'W/"a"', 'if-modified-since': MODIFIED } },
    ],
  ],
  [
    'not by the tag of the client',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, asks: true },
      {
        afterS: 2,
        request: { 'if-none-match': '"b"' },
        status: 304,
        asks: true,
        sees: { 'if-none-match': '"a"' },
        gets: { ':status': 200 },
      },
    ],
  ],
  [
    'to a 304 for a client that has it',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, asks: true },
      {
        afterS: 2,
        request: { 'if-none-match': '"a"' },
        status: 304,
        asks: true,
        gets: { ':status': 304, etag: '"a"' },
      },
    ],
  ],
  [
    'with new headers',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: '"a"', 'X-A': '1', 'X-B': '1' }, asks: true },
      {
        afterS: 2,
        status: 304,
        origin: { 'Cache-Control': 'max-age=10', ETag: '"a"', 'X-A': '2' },
        asks: true,
        gets: { 'x-a': '2', 'x-b': '1' },
      },
      { afterS: 5, asks: false, gets: { 'x-a': '2', 'x-b': '1', 'cache-control': 'max-age=10' } },
    ],
  ],
  [
    'of a fresh answer by its client',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, asks: true },
      { request: { 'if-none-match': 'W/"a"' }, asks: false, gets: { ':status': 304 } },
    ],
  ],
  [
    'of a fresh answer by a list',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, asks: true },
      { request: { 'if-none-match': '"x", "a"' }, asks: false, gets: { ':status': 304 } },
    ],
  ],
  [
    'of a fresh answer by another tag',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, asks: true },
      { request: { 'if-none-match': '"b"' }, asks: false, gets: { ':status': 200 } },
    ],
  ],
  [
    'of a fresh answer by date',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10', 'Last-Modified': MODIFIED }, asks: true },
      { request: { 'if-modified-since': MODIFIED }, asks: false, gets: { ':status': 304 } },
    ],
  ],
];

const stale: Scenario[] = [
  ['not when the origin answers', none, asked({ 'Cache-Control': 'max-age=1, stale-if-error=100' }, 2)],
  [
    'within stale-if-error',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1, stale-if-error=100' }, asks: true },
      { afterS: 2, status: 503, origin: {}, asks: true, gets: { ':status': 200, age: '2' } },
    ],
  ],
  [
    'not after stale-if-error',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1, stale-if-error=10' }, asks: true },
      { afterS: 12, status: 503, origin: {}, asks: true, gets: { ':status': 503 } },
    ],
  ],
  [
    'not for a 404',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1, stale-if-error=100' }, asks: true },
      { afterS: 2, status: 404, origin: {}, asks: true, gets: { ':status': 404 } },
    ],
  ],
  ...['must-revalidate', 'proxy-revalidate', 's-maxage=1'].map((directive): Scenario => [
    `not with ${directive}`,
    none,
    [
      { origin: { 'Cache-Control': `max-age=1, stale-if-error=100, ${directive}`, ETag: '"a"' }, asks: true },
      { afterS: 2, status: 503, origin: {}, asks: true, gets: { ':status': 503 } },
    ],
  ]),
  [
    'not without a window',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=1', ETag: '"a"' }, asks: true },
      { afterS: 2, status: 503, origin: {}, asks: true, gets: { ':status': 503 } },
    ],
  ],
];

const requests: Scenario[] = [
  [
    'Authorization, not stored',
    none,
    [
      { request: { authorization: 'a' }, origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { request: { authorization: 'a' }, asks: true },
    ],
  ],
  ...['public', 's-maxage=10', 'must-revalidate'].map((directive): Scenario => [
    `Authorization, with ${directive}`,
    none,
    [
      { request: { authorization: 'a' }, origin: { 'Cache-Control': `max-age=10, ${directive}` }, asks: true },
      { request: { authorization: 'a' }, asks: false },
    ],
  ]),
  [
    'Authorization, from what was made for nobody',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { request: { authorization: 'a' }, asks: true },
    ],
  ],
  [
    'a cookie, with s-maxage',
    none,
    [
      { request: { cookie: 'a=1' }, origin: { 'Cache-Control': 's-maxage=10' }, asks: true },
      { request: { cookie: 'a=1' }, asks: true },
    ],
  ],
  [
    'no-store',
    none,
    [
      { request: { 'cache-control': 'no-store' }, origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { asks: true },
    ],
  ],
  [
    'no-cache, ignored',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { request: { 'cache-control': 'no-cache' }, asks: false },
    ],
  ],
  [
    'no-cache, honoured',
    { honourRequestDirectives: true },
    [
      { origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { request: { 'cache-control': 'no-cache' }, asks: true },
    ],
  ],
  [
    'no-cache, honoured, with a validator',
    { honourRequestDirectives: true },
    [
      { origin: { 'Cache-Control': 'max-age=10', ETag: '"a"' }, asks: true },
      { request: { 'cache-control': 'no-cache' }, asks: true, sees: { 'if-none-match': '"a"' } },
    ],
  ],
  [
    'another query',
    none,
    [
      { path: '/a?b=1', origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { path: '/a?b=2', asks: true },
      { path: '/a', asks: true },
    ],
  ],
  [
    'another path',
    none,
    [
      { path: '/a', origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { path: '/a/', asks: true },
      { path: '/A', asks: true },
    ],
  ],
  [
    'HEAD from a GET',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { method: 'HEAD', asks: false },
    ],
  ],
  [
    'GET not from a HEAD',
    none,
    [{ method: 'HEAD', origin: { 'Cache-Control': 'max-age=10' }, asks: true }, { asks: true }],
  ],
  [
    'POST, never stored',
    none,
    [{ method: 'POST', origin: { 'Cache-Control': 'max-age=10' }, asks: true }, { asks: true }],
  ],
  [
    'PUT takes away what is stored',
    none,
    [{ origin: { 'Cache-Control': 'max-age=10' }, asks: true }, { method: 'PUT', asks: true }, { asks: true }],
  ],
  [
    'PUT that fails does not',
    none,
    [
      { origin: { 'Cache-Control': 'max-age=10' }, asks: true },
      { method: 'PUT', status: 500, asks: true },
      { asks: false },
    ],
  ],
];

describe.each<[Platform]>([['express'], ['fastify']])('HTTP caching by headers on %s', (platform) => {
  const { openOrigin } = routesOn(platform);
  jest.setTimeout(30_000);
  afterEach(closeSites);

  describe.each<[string, Scenario[]]>([
    ['#18, #22, #35: freshness', freshness],
    ['#21: Expires', expires],
    ['#20: parsing', parsing],
    ['#15, #16, #17, #24, #25, #26: directives', directives],
    ['#18, #19: targeted fields', targeted],
    ['#13, #14, #72: statuses', statuses],
    ['#27, #51: Vary', vary],
    ['#60, #61, #62, #67: validation', validation],
    ['#101: stale answers', stale],
    ['#3, #4, #5, #6, #8, #9, #10, #11: requests', requests],
  ])('%s', (_, scenarios) => {
    it.each(scenarios)('%s', async (__, options, steps) => {
      let current: Pick<Step, 'origin' | 'status'> = {};
      const origin: { seen?: Readonly<Record<string, string | undefined>> } = {};
      const site = await openOrigin(
        ({ headers }, response) => {
          origin.seen = { ...headers };
          response.status(current.status ?? 200);
          for (const [name, value] of Object.entries(current.origin ?? {})) response.header(name, value);
          return current.status === 304 ? undefined : `answer ${site.runs.count}`;
        },
        { http: { ttl: 0, ...options } },
      );
      const travel = travelIn(site.cache);

      for (const step of steps) {
        current = {
          ...(step.origin === undefined ? { origin: current.origin ?? {} } : { origin: step.origin }),
          ...(step.status === undefined ? {} : { status: step.status }),
        };
        delete origin.seen;
        travel((step.afterS ?? 0) * 1000);
        const answer = await site.ask(step.path ?? '/', { method: step.method ?? 'GET', headers: step.request ?? {} });

        const seen = origin.seen as Step['sees'];
        expect(seen !== undefined).toBe(step.asks);
        for (const [name, value] of Object.entries(step.sees ?? {}))
          expect([name, seen?.[name]]).toEqual([name, value]);
        for (const [name, value] of Object.entries(step.gets ?? {}))
          expect([name, name === ':status' ? answer.status : answer.headers[name]]).toEqual([name, value]);
      }
    });
  });
});
