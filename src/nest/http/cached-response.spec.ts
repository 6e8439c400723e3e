import { describe, expect, it } from '@jest/globals';
import { cachedResponse, type CachedResponse, isCachedResponse } from './cached-response.js';

const response = cachedResponse({
  status: 200,
  headers: [['x-a', 'b'], ['link', ['</a>', '</b>']]],
  removed: [],
  contentType: 'text/plain',
  vary: ['accept'],
  etag: '"a"',
  date: 'Sun, 06 Nov 1994 08:49:37 GMT',
  body: Buffer.from('x'),
  ttlMs: Infinity,
  isPublic: false,
  mayBeStale: true,
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
    ['[111] a header that ends its line', { ...response, headers: [['x-a', 'b\r\nset-cookie: c=1']] }],
    ['[111] a header with such a name', { ...response, headers: [['x a', 'b']] }],
    ['[111] such a line among others', { ...response, headers: [['link', ['</a>', '\n']]] }],
    ['[111] such a type', { ...response, contentType: 'a\n' }],
    ['headers that are no list', { ...response, headers: { 'x-a': 'b' } satisfies Record<string, string> as unknown as CachedResponse['headers'] }],
  ])('[49, 103] refuses %s', (_, value) => {
    expect(isCachedResponse(value)).toBe(false);
  });
});
