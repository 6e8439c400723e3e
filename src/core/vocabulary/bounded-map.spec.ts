import { describe, expect, it } from '@jest/globals';
import { BoundedMap } from './bounded-map.js';

const LIMIT = 100;

/** A map in which `count` numbers were put under themselves, and how many of them it still has. */
function filled(count: number) {
  const map = new BoundedMap<number, number>(LIMIT);
  for (let key = 1; key <= count; key++) map.put(key, key);
  const has = (key: number): boolean => map.get(key) === key;
  return { map, has };
}

const numbers = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('BoundedMap', () => {
  it('keeps all keys up to half of its limit', () => {
    const { has } = filled(LIMIT / 2);

    expect(numbers(1, LIMIT / 2).every(has)).toBe(true);
  });

  it.each([LIMIT + 1, 3 * LIMIT, 10 * LIMIT + 7])('keeps the last half of its limit of %d keys', (count) => {
    const { has } = filled(count);

    expect(numbers(count - LIMIT / 2 + 1, count).every(has)).toBe(true);
  });

  it.each([LIMIT + 1, 3 * LIMIT, 10 * LIMIT + 7])('keeps no more than its limit of %d keys', (count) => {
    const { has } = filled(count);

    // From the youngest to the oldest: looking up an old key drops others.
    expect(numbers(1, count).reverse().filter(has).length).toBeLessThanOrEqual(LIMIT);
  });

  it('keeps an old key that is looked up now and then', () => {
    const { map } = filled(1);

    for (let key = 2; key <= 5 * LIMIT; key++) {
      map.put(key, key);
      if (key % (LIMIT / 2) === 0) map.get(1);
    }

    expect(map.get(1)).toBe(1);
  });

  it('has the value that was put last', () => {
    const { map } = filled(LIMIT / 2 + 1);

    map.put(1, -1);

    expect(map.get(1)).toBe(-1);
  });

  it.each([1, LIMIT / 2, LIMIT / 2 + 1])('has no key %d any more after it was deleted', (key) => {
    const { map } = filled(LIMIT / 2 + 1);

    map.put(1, 1);
    map.delete(key);

    expect(map.get(key)).toBeUndefined();
  });

  it('has room for one key at least', () => {
    const map = new BoundedMap<string, string>(0);

    map.put('a', 'b');

    expect(map.get('a')).toBe('b');
  });
});
