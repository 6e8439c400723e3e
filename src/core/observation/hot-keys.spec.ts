import { describe, expect, it } from '@jest/globals';
import { HotKeys } from './hot-keys.js';

describe('HotKeys', () => {
  it('counts exactly while there is a place for every key, and puts the most used first', () => {
    const keys = new HotKeys(10);
    keys.miss('a');
    keys.hit('b');
    keys.hit('b');
    keys.hit('a');
    keys.hit('a');

    expect(keys.top(2)).toEqual([
      { key: 'a', hits: 2, misses: 1 },
      { key: 'b', hits: 2, misses: 0 },
    ]);
  });

  it('estimates the hits of a long run within a twentieth', () => {
    const keys = new HotKeys(10);
    for (let i = 0; i < 100_000; i++) keys.hit(i % 4 === 0 ? 'a' : 'b');

    const [b, a] = keys.top(2);
    expect(b?.hits).toBeGreaterThan(71_000);
    expect(b?.hits).toBeLessThan(79_000);
    expect(a?.hits).toBeGreaterThan(23_500);
    expect(a?.hits).toBeLessThan(26_500);
  });

  it('finds the keys that became hot after all places were taken, and never holds more keys than places', () => {
    const keys = new HotKeys(100);
    for (let i = 0; i < 1_000; i++) keys.miss(`cold:${i}`);

    for (let i = 0; i < 20_000; i++) {
      keys.hit(`hot:${i % 5}`);
      keys.hit(`cold:${i}`);
    }

    expect(
      keys
        .top(5)
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['hot:0', 'hot:1', 'hot:2', 'hot:3', 'hot:4']);
    expect(keys.top(Infinity)).toHaveLength(100);
  });
});
