import { describe, expect, it } from '@jest/globals';
import { type HandlerResponse, judge, type StorageRules } from './storability.js';

const rules: StorageRules = {
  ttlMs: 60_000,
  statusTtlsMs: new Map(),
  scope: 'public',
  varyBy: [],
  maxBodyBytes: 10,
  headerNames: [],
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
};
const accept = { name: 'accept', normalize: undefined };
const answer: HandlerResponse = {
  status: 200,
  before: {},
  own: {},
  headers: {},
  hasOwnCookie: false,
  body: Buffer.from('0123456789'),
  tags: [],
  isThrown: false,
  hasOwnValidator: false,
  isComplete: true,
};

describe('judge', () => {
  it('stores a plain 200 for the TTL of the route', () => {
    expect(judge(answer, rules, 0)).toEqual({
      freshMs: 60_000,
      initialAgeMs: 0,
      isDeclared: false,
      vary: [],
      sharing: 'unidentified',
      mayBeStale: true,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
    });
  });

  it.each<[string, Partial<HandlerResponse>, Partial<StorageRules>, string]>([
    ['#13: another status', { status: 404 }, {}, 'status'],
    ['#15: no-store', { headers: { 'cache-control': 'no-store' } }, {}, 'no-store'],
    ['#15: no-store for a scope', { headers: { 'cache-control': 'no-store' } }, { scope: 'user' }, 'no-store'],
    ['#16: private', { headers: { 'cache-control': 'private' } }, {}, 'private'],
    ['#16: no-cache', { headers: { 'cache-control': 'no-cache="x"' } }, { scope: 'user' }, 'no-cache'],
    ['#17: max-age=0', { headers: { 'cache-control': 'max-age=0' } }, {}, 'not-fresh'],
    ['#28: an incomplete body', { isComplete: false }, {}, 'incomplete'],
    ['#113: tags that cannot be made', { tags: undefined }, {}, 'tags'],
    ['#113: a tag that is too long', { tags: ['x'.repeat(1025)] }, {}, 'tags'],
    ['#113: too many tags', { tags: Array.from({ length: 40 }, (__, i) => String(i).padStart(500, 'x')) }, {}, 'tags'],
    ['#88: an exception of another status', { status: 404, isThrown: true }, { ttlMs: 1 }, 'status'],
    ['#72: a part', { status: 206, headers: { 'cache-control': 'max-age=60' } }, {}, 'status'],
    [
      '#24: must-understand of a status it does not know',
      { status: 299, headers: { 'cache-control': 'must-understand, max-age=60' } },
      {},
      'status',
    ],
    [
      '#22: an answer that has come too old',
      { headers: { 'cache-control': 'max-age=60', age: '60' } },
      {},
      'not-fresh',
    ],
    ['a TTL of 0', {}, { ttlMs: 0 }, 'not-fresh'],
    ['#26: a cookie of the handler', { hasOwnCookie: true }, {}, 'set-cookie'],
    [
      '#26: a cookie of @Header()',
      { before: { 'set-cookie': 'a=1' }, headers: { 'set-cookie': 'a=1' } },
      { headerNames: ['set-cookie'] },
      'set-cookie',
    ],
    ['#27: Vary: *', { headers: { vary: 'accept, *' } }, { varyBy: [accept] }, 'vary'],
    ['#27: Vary: * of @Header()', { before: { vary: '*' }, headers: { vary: '*' } }, { headerNames: ['vary'] }, 'vary'],
    ['#54: Vary: Cookie', { headers: { vary: 'Cookie' } }, {}, 'vary'],
    ['#105: a body over the limit', { body: Buffer.from('0123456789a') }, {}, 'too-large'],
  ])('refuses %s', (_, parts, options, refusal) => {
    expect(judge({ ...answer, own: parts.headers ?? {}, ...parts }, { ...rules, ...options }, 0)).toEqual({ refusal });
  });

  it.each<[string, Partial<HandlerResponse>, Partial<StorageRules>, object]>([
    ['a 204', { status: 204 }, {}, {}],
    ['#16: private for a scope', { headers: { 'cache-control': 'private' } }, { scope: 'user' }, {}],
    [
      '#18: what is declared',
      { headers: { 'cache-control': 's-maxage=5' } },
      { ttlMs: 0 },
      { freshMs: 5_000, isDeclared: true, mayBeStale: false },
    ],
    ['#30: a cookie of middleware', { before: { 'set-cookie': 'a=1' }, headers: { 'set-cookie': 'a=1' } }, {}, {}],
    ['a cookie of an interceptor outside (fault 22)', { headers: { 'set-cookie': 'a=1' } }, {}, {}],
    ['#32: Vary of middleware', { before: { vary: 'Origin' }, headers: { vary: 'Origin' } }, {}, { vary: [] }],
    [
      'a member of Vary that middleware has named (fault 8)',
      { before: { vary: 'Accept-Language' }, headers: { vary: 'Accept-Language' } },
      {},
      { vary: ['accept-language'] },
    ],
    [
      'what compression outside has added to Vary',
      { own: {}, headers: { vary: 'Accept-Encoding, X-Tier' } },
      {},
      { vary: ['x-tier'] },
    ],
    [
      'Accept-Encoding that the handler has named',
      { headers: { vary: 'Accept-Encoding' } },
      {},
      { vary: ['accept-encoding'] },
    ],
    [
      '#32: Vary that is added',
      { before: { vary: 'Origin' }, headers: { vary: 'Origin, Accept' } },
      { varyBy: [accept] },
      { vary: ['accept'] },
    ],
    ['#54: Vary: Authorization for a scope', { headers: { vary: 'authorization' } }, { scope: 'user' }, {}],
    ['#10: public of the handler', { headers: { 'cache-control': 'public' } }, {}, { sharing: 'anybody' }],
    [
      '#10: public of middleware, without believing it',
      { before: { 'cache-control': 'public' }, headers: { 'cache-control': 'public' } },
      {},
      { sharing: 'unidentified' },
    ],
    [
      '#101: must-revalidate, never to be stale',
      { headers: { 'cache-control': 'must-revalidate' } },
      {},
      { mayBeStale: false, staleIfErrorMs: 0 },
    ],
    [
      '#10: s-maxage, for who has a password',
      { headers: { 'cache-control': 's-maxage=60' } },
      {},
      { sharing: 'authorized' },
    ],
    [
      '#13: another status that declares its freshness',
      { status: 599, headers: { 'cache-control': 'max-age=60' } },
      {},
      { freshMs: 60_000 },
    ],
    [
      '#13: another status that the route has a TTL for',
      { status: 404 },
      { statusTtlsMs: new Map([[404, 5_000]]) },
      { freshMs: 5_000 },
    ],
    [
      '#16: no-cache that can be validated, for no time at all',
      { headers: { 'cache-control': 'no-cache, max-age=60', etag: '"a"' }, hasOwnValidator: true },
      {},
      { freshMs: 0 },
    ],
    [
      '#22: what is left of an answer that has come with an age',
      { headers: { 'cache-control': 'max-age=60', age: '20, x' } },
      {},
      { freshMs: 40_000, initialAgeMs: 20_000 },
    ],
    [
      '#22: an answer with an age that is no number',
      { headers: { 'cache-control': 'max-age=60', age: '-20' } },
      {},
      { freshMs: 60_000, initialAgeMs: 0 },
    ],
    [
      '#24: must-understand of a status it knows, in spite of no-store',
      { headers: { 'cache-control': 'must-understand, no-store, max-age=60' } },
      {},
      { freshMs: 60_000 },
    ],
    [
      '#101: the windows that the answer declares',
      { headers: { 'cache-control': 'max-age=1, stale-while-revalidate=2, stale-if-error=3' } },
      { staleIfErrorMs: 9 },
      { staleWhileRevalidateMs: 2_000, staleIfErrorMs: 3_000 },
    ],
    [
      '#107: an encoding that it does not say it varies by (fault 18)',
      { headers: { 'content-encoding': 'gzip', vary: 'Accept' } },
      {},
      { vary: ['accept', 'accept-encoding'] },
    ],
    [
      '#107: an encoding that the route varies by',
      { headers: { 'content-encoding': 'gzip' } },
      { varyBy: [{ name: 'accept-encoding', normalize: undefined }] },
      { vary: [] },
    ],
    ['an encoding that is none', { headers: { 'content-encoding': 'identity' } }, {}, { vary: [] }],
    [
      '#107: an encoding that it varies by',
      { headers: { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } },
      {},
      { vary: ['accept-encoding'] },
    ],
  ])('stores %s', (_, parts, options, expected) => {
    expect(judge({ ...answer, own: parts.headers ?? {}, ...parts }, { ...rules, ...options }, 0)).toMatchObject({
      freshMs: expect.any(Number),
      ...expected,
    });
  });
});
