import { describe, expect, it } from '@jest/globals';
import { declaredLifetimeMs, parseCacheControl } from './cache-control.js';

describe('parseCacheControl', () => {
  it.each<[string | string[], [string, string | true][]]>([
    ['Public, MAX-AGE=5', [['public', true], ['max-age', '5']]],
    [['no-store', 'private'], [['no-store', true], ['private', true]]],
    ['private="set-cookie, x", max-age=1', [['private', 'set-cookie, x'], ['max-age', '1']]],
    ['ext="no-store, \\" private"', [['ext', 'no-store, " private']]],
    ['max-age=60, max-age=10', [['max-age', '10']]],
    ['', []],
  ])('[20] reads %j', (value, expected) => {
    expect([...parseCacheControl(value)]).toEqual(expected);
  });
});

describe('declaredLifetimeMs', () => {
  const nowMs = Date.UTC(2025, 0, 1);
  const lifetime = (cacheControl: string | undefined, expires?: string | string[]): number | undefined =>
    declaredLifetimeMs(parseCacheControl(cacheControl), { expires }, nowMs);

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
  ])('[18, 20, 21] reads %s', (_, cacheControl, expires, expected) => {
    expect(lifetime(cacheControl, expires)).toBe(expected);
  });
});
