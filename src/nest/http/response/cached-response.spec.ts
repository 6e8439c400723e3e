import { describe, expect, it } from '@jest/globals';
import {
  cachedResponse,
  type CachedResponse,
  isCachedResponse,
  retentionMs,
  ownValidators,
} from './cached-response.js';

const response = cachedResponse({
  status: 200,
  reason: null,
  headers: [
    ['x-a', 'b'],
    ['link', ['</a>', '</b>']],
  ],
  removed: [],
  contentType: 'text/plain',
  vary: ['accept'],
  etag: '"a"',
  hasOwnEtag: true,
  cacheControl: null,
  date: 'Sun, 06 Nov 1994 08:49:37 GMT',
  body: Buffer.from('x'),
  freshMs: Infinity,
  initialAgeMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  mayBeStale: true,
  sharing: 'unidentified',
  tags: [],
  isThrown: false,
});

describe('isCachedResponse', () => {
  it('knows its own', () => {
    expect(isCachedResponse(response)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'x'],
    ['application data', { status: 200, body: 'x' }],
    ['a response of another format', { ...response, format: 'nestjs-cache-kit/response/0' }],
    ['a body that is no Buffer', { ...response, body: 'x' }],
    ['#111: a header that ends its line', { ...response, headers: [['x-a', 'b\r\nset-cookie: c=1']] }],
    ['#111: a header with such a name', { ...response, headers: [['x a', 'b']] }],
    ['#111: such a line among others', { ...response, headers: [['link', ['</a>', '\n']]] }],
    ['#111: such a type', { ...response, contentType: 'a\n' }],
    [
      'headers that are no list',
      { ...response, headers: { 'x-a': 'b' } satisfies Record<string, string> as unknown as CachedResponse['headers'] },
    ],
  ])('#49, #103: refuses %s', (_, value) => {
    expect(isCachedResponse(value)).toBe(false);
  });
});

describe('retentionMs', () => {
  const without = { ...response, hasOwnEtag: false };

  it.each<[string, CachedResponse, number]>([
    ['nothing', { ...without, freshMs: 5 }, 0],
    ['its longer window', { ...without, staleWhileRevalidateMs: 5, staleIfErrorMs: 7 }, 7],
    ['an hour where it can be validated', { ...response, freshMs: 0 }, 3_600_000],
    ['as long again as it was fresh', { ...response, freshMs: 7_200_000 }, 7_200_000],
    ['a day at most', response, 86_400_000],
  ])('is %s', (_, one, expected) => {
    expect(retentionMs(one, false)).toBe(expected);
  });

  it.each<[string, CachedResponse, number]>([
    ['an hour for clients that accept stale responses (fault 18)', { ...without, freshMs: 5 }, 3_600_000],
    ['nothing for a response that must not be served stale', { ...without, freshMs: 5, mayBeStale: false }, 0],
  ])('is %s', (_, one, expected) => {
    expect(retentionMs(one, true)).toBe(expected);
  });
});

it('#67: names the validators of the handler, and no tag that was made of the bytes', () => {
  const modified: CachedResponse = { ...response, headers: [['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT']] };

  expect(ownValidators(modified)).toEqual({ etag: '"a"', lastModified: 'Sun, 06 Nov 1994 08:49:37 GMT' });
  expect(ownValidators({ ...response, hasOwnEtag: false })).toEqual({});
});
