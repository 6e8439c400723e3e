import { describe, expect, it } from '@jest/globals';
import { type Answer, judge, type StorageRules } from './storability.js';

const rules: StorageRules = { ttlMs: 60_000, scope: 'public', varyBy: [], maxBodyBytes: 10, headerNames: [] };
const answer: Answer = { status: 200, before: {}, headers: {}, hasPendingCookie: false, body: Buffer.from('0123456789') };

describe('judge', () => {
  it('stores a plain 200 for the TTL of the route', () => {
    expect(judge(answer, rules, 0)).toEqual({ ttlMs: 60_000, vary: [], isPublic: false, mayBeStale: true });
  });

  it.each<[string, Partial<Answer>, Partial<StorageRules>, string]>([
    ['[13] another status', { status: 404 }, {}, 'status'],
    ['[15] no-store', { headers: { 'cache-control': 'no-store' } }, {}, 'no-store'],
    ['[15] no-store for a scope', { headers: { 'cache-control': 'no-store' } }, { scope: 'user' }, 'no-store'],
    ['[16] private', { headers: { 'cache-control': 'private' } }, {}, 'private'],
    ['[16] no-cache', { headers: { 'cache-control': 'no-cache="x"' } }, { scope: 'user' }, 'no-cache'],
    ['[17] max-age=0', { headers: { 'cache-control': 'max-age=0' } }, {}, 'not-fresh'],
    ['a TTL of 0', {}, { ttlMs: 0 }, 'not-fresh'],
    ['[26] a cookie of the handler', { headers: { 'set-cookie': 'a=1' } }, {}, 'set-cookie'],
    ['[26] a cookie of @Header()', { before: { 'set-cookie': 'a=1' }, headers: { 'set-cookie': 'a=1' } }, { headerNames: ['set-cookie'] }, 'set-cookie'],
    ['[26] a cookie that is added to one of middleware', { before: { 'set-cookie': ['a=1'] }, headers: { 'set-cookie': ['a=1', 'b=2'] } }, {}, 'set-cookie'],
    ['[26] a cookie to come', { hasPendingCookie: true }, {}, 'set-cookie'],
    ['[27] Vary: *', { headers: { vary: 'a, *' } }, { varyBy: ['a'] }, 'vary'],
    ['[27] Vary of @Header()', { before: { vary: 'Accept' }, headers: { vary: 'Accept' } }, { headerNames: ['vary'] }, 'vary'],
    ['[54] Vary: Cookie', { headers: { vary: 'Cookie' } }, {}, 'vary'],
    ['[107] a content encoding', { headers: { 'content-encoding': 'gzip' } }, {}, 'encoding'],
    ['[105] a body over the limit', { body: Buffer.from('0123456789a') }, {}, 'too-large'],
  ])('refuses %s', (_, parts, options, refusal) => {
    expect(judge({ ...answer, ...parts }, { ...rules, ...options }, 0)).toEqual({ refusal });
  });

  it.each<[string, Partial<Answer>, Partial<StorageRules>, object]>([
    ['a 204', { status: 204 }, {}, {}],
    ['[16] private for a scope', { headers: { 'cache-control': 'private' } }, { scope: 'user' }, {}],
    ['[18] what is declared', { headers: { 'cache-control': 's-maxage=5' } }, { ttlMs: 0 }, { ttlMs: 5_000, mayBeStale: false }],
    ['[30] a cookie of middleware', { before: { 'set-cookie': 'a=1' }, headers: { 'set-cookie': 'a=1' } }, {}, {}],
    ['[32] Vary of middleware', { before: { vary: 'Origin' }, headers: { vary: 'Origin' } }, {}, { vary: [] }],
    ['[32] Vary that is added', { before: { vary: 'Origin' }, headers: { vary: 'Origin, Accept' } }, { varyBy: ['accept'] }, { vary: ['accept'] }],
    ['[54] Vary: Authorization for a scope', { headers: { vary: 'authorization' } }, { scope: 'user' }, {}],
    ['[10] public of the handler', { headers: { 'cache-control': 'public' } }, {}, { isPublic: true }],
    ['[10] public of middleware, without believing it', { before: { 'cache-control': 'public' }, headers: { 'cache-control': 'public' } }, {}, { isPublic: false }],
    ['[101] must-revalidate, never to be stale', { headers: { 'cache-control': 'must-revalidate' } }, {}, { mayBeStale: false }],
  ])('stores %s', (_, parts, options, expected) => {
    expect(judge({ ...answer, ...parts }, { ...rules, ...options }, 0)).toMatchObject({ ttlMs: expect.any(Number), ...expected });
  });
});
