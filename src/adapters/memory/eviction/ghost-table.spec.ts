import { describe, expect, it } from '@jest/globals';
import { GhostTable, hashKey } from './ghost-table.js';

describe('GhostTable', () => {
  it('tells how many evictions ago a key was remembered, once', () => {
    const ghosts = new GhostTable(100);
    for (const key of ['a', 'b', 'c']) ghosts.remember(hashKey(key, undefined));

    expect(ghosts.take(hashKey('a', undefined))).toBe(3);
    expect(ghosts.take(hashKey('c', undefined))).toBe(1);
    expect(ghosts.take(hashKey('a', undefined))).toBe(Infinity);
  });

  it('does not know what it was never told', () => {
    const ghosts = new GhostTable(1_000);
    for (let i = 0; i < 1_000; i++) ghosts.remember(hashKey(`k${i}`, undefined));

    const mistaken = Array.from({ length: 10_000 }, (_, i) => ghosts.take(hashKey(`other ${i}`, undefined))).filter(
      (age) => age !== Infinity,
    );

    expect(mistaken.length).toBeLessThan(2);
    expect(new GhostTable(10).take(0)).toBe(Infinity);
  });

  it('remembers nearly all of as many keys as it was made for', () => {
    const ghosts = new GhostTable(1_000);
    for (let i = 0; i < 5_000; i++) ghosts.remember(hashKey(`k${i}`, 'n'));

    const known = Array.from({ length: 1_000 }, (_, i) => ghosts.take(hashKey(`k${4_999 - i}`, 'n'))).filter(
      (age) => age !== Infinity,
    );

    expect(known.length).toBeGreaterThan(900);
  });
});

describe('hashKey', () => {
  it('tells a key from the same key in a namespace, and from its parts swapped', () => {
    const hashes = [
      hashKey('a', undefined),
      hashKey('a', 'b'),
      hashKey('b', 'a'),
      hashKey('ab', undefined),
      hashKey('ab', ''),
    ];

    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('spreads keys that differ in their last character evenly', () => {
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) buckets[hashKey(`user:profile:${i}`, undefined) & 15]!++;

    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  });
});
