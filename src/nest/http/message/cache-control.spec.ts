import { describe, expect, it } from '@jest/globals';
import { parseCacheControl, responseDirectives } from './cache-control.js';
import { declaredLifetimeMs, initialAgeMs } from './freshness.js';

describe('parseCacheControl', () => {
  it.each<[string | string[], [string, string | true][]]>([
    [
      'Public, MAX-AGE=5',
      [
        ['public', true],
        ['max-age', '5'],
      ],
    ],
    [
      ['no-store', 'private'],
      [
        ['no-store', true],
        ['private', true],
      ],
    ],
    [
      'private="set-cookie, x", max-age=1',
      [
        ['private', 'set-cookie, x'],
        ['max-age', '1'],
      ],
    ],
    ['ext="no-store, \\" private"', [['ext', 'no-store, " private']]],
    ['max-age=60, max-age=10', [['max-age', '10']]],
    ['', []],
  ])('#20: reads %j', (value, expected) => {
    expect([...parseCacheControl(value)]).toEqual(expected);
  });
});

describe('declaredLifetimeMs', () => {
  const nowMs = Date.UTC(2025, 0, 1);
  const lifetime = (cacheControl: string | undefined, expires?: string | string[]): number | undefined =>
    declaredLifetimeMs(responseDirectives({ 'cache-control': cacheControl }), { expires }, nowMs);

  it.each<[string, string | undefined, string | string[] | undefined, number | undefined]>([
    ['nothing', undefined, undefined, undefined],
    ['s-maxage before max-age', 'max-age=5, s-maxage=7', undefined, 7_000],
    ['max-age before Expires', 'max-age=5', 'Wed, 01 Jan 2025 01:00:00 GMT', 5_000],
    ['Expires', undefined, 'Wed, 01 Jan 2025 01:00:00 GMT', 3_600_000],
    ['Expires of the past', undefined, 'Tue, 31 Dec 2024 01:00:00 GMT', 0],
    ['leading zeros', 'max-age=0005', undefined, 5_000],
    ['quotes', 'max-age="5"', undefined, 5_000],
    ['what is over the greatest number', 'max-age=99999999999', undefined, 2 ** 31 * 1000],
    ['what is no number as stale', 'max-age=1.5', undefined, 0],
    ['a missing number as stale', 'max-age', undefined, 0],
    ['a negative number as stale', 'max-age=-1', undefined, 0],
    ['`Expires: 0` as stale', undefined, '0', 0],
    ['two Expires lines as stale', undefined, ['Wed, 01 Jan 2025 01:00:00 GMT', 'Wed, 01 Jan 2025 02:00:00 GMT'], 0],
    ['Expires in UTC as stale', undefined, 'Wed, 01 Jan 2025 01:00:00 UTC', 0],
  ])('#18, #20, #21: reads %s', (_, cacheControl, expires, expected) => {
    expect(lifetime(cacheControl, expires)).toBe(expected);
  });
});

describe('responseDirectives', () => {
  it.each<[string, string, [string, string | true][]]>([
    ['before Cache-Control', 'max-age=5', [['max-age', '5']]],
    [
      'with parameters and inner lists',
      'max-age=5;x="y", a=(b "c");q=1, no-store',
      [
        ['max-age', '5'],
        ['a', '(b "c")'],
        ['no-store', true],
      ],
    ],
    ['with a directive that is switched off', 'max-age=5, no-store=?0', [['max-age', '5']]],
    ['not, when it is empty', '', [['max-age', '1']]],
    ['not, when it is no dictionary', '&&&', [['max-age', '1']]],
    ['not, when a key is in upper case', 'Max-Age=5', [['max-age', '1']]],
    ['not, when seconds are a string', 'max-age="5"', [['max-age', '1']]],
    ['not, when seconds are a fraction', 'max-age=5.5', [['max-age', '1']]],
    ['not, when a member is missing', 'max-age=5,', [['max-age', '1']]],
  ])('#19: reads CDN-Cache-Control %s', (_, field, expected) => {
    expect([...responseDirectives({ 'cache-control': 'max-age=1', 'cdn-cache-control': field }).directives]).toEqual(
      expected,
    );
  });

  it('#18: reads the field of this cache before that of all CDNs', () => {
    const { directives } = responseDirectives({
      'nest-cache-control': 'max-age=1',
      'cdn-cache-control': 'max-age=2',
      'cache-control': 'max-age=3',
    });

    expect(directives.get('max-age')).toBe('1');
  });

  it('#19: makes Expires irrelevant', () => {
    const headers = { 'cdn-cache-control': 'public', expires: 'Wed, 01 Jan 2025 01:00:00 GMT' };

    expect(declaredLifetimeMs(responseDirectives(headers), headers, 0)).toBeUndefined();
  });
});

describe('initialAgeMs', () => {
  const nowMs = Date.UTC(2025, 0, 1, 1);

  it.each([
    ['nothing', {}, 0],
    ['Age', { age: '7' }, 7_000],
    ['the first member of Age', { age: '7, 9' }, 7_000],
    ['no fraction', { age: '7.5' }, 0],
    ['the date', { date: 'Wed, 01 Jan 2025 00:59:00 GMT' }, 60_000],
    ['the greater of both', { age: '7', date: 'Wed, 01 Jan 2025 00:59:00 GMT' }, 60_000],
    ['a date that is yet to come as now', { date: 'Wed, 01 Jan 2025 02:00:00 GMT' }, 0],
  ])('#22, #35: reads %s', (_, headers, expected) => {
    expect(initialAgeMs(headers, nowMs)).toBe(expected);
  });
});
