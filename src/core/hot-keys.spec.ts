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

  it('finds the keys that became hot after all places were taken, and never holds more keys than places', () => {
    const keys = new HotKeys(100);
    for (let i = 0; i < 1_000; i++) keys.miss(`cold:${i}`);

    for (let i = 0; i < 20_000; i++) {
      keys.hit(`hot:${i % 5}`);
      keys.hit(`cold:${i}`);
    }

    expect(keys.top(5).map(({ key }) => key).sort()).toEqual(['hot:0', 'hot:1', 'hot:2', 'hot:3', 'hot:4']);
    expect(keys.top(Infinity)).toHaveLength(100);
  });
});
