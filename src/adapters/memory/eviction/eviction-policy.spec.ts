import { describe, expect, it } from '@jest/globals';
import type { EvictionPolicy } from './eviction-policy.js';
import { Lru } from './lru.js';
import { S3Fifo } from './s3-fifo.js';
import { PolicyCache } from '../../../../test/support/policy-cache.js';
import { feed, shiftingHotSet, zipf, zipfWithScan } from '../../../../test/support/traces.js';

const SIZE = 1_000;
const REQUESTS = 100_000;

describe.each<[string, () => EvictionPolicy]>([
  ['Lru', () => new Lru()],
  ['S3Fifo', () => new S3Fifo()],
])('%s', (_name, policy) => {
  it('drops each node once, and then has none', () => {
    const cache = new PolicyCache(policy(), 100);
    for (let i = 0; i < 250; i++) cache.use(`k${i % 130}`);
    const kept = cache.keys;

    const dropped = kept.map(() => cache.evict());

    expect(dropped.sort()).toEqual(kept.sort());
    expect(cache.evict()).toBeUndefined();
  });

  it('never drops what was removed', () => {
    const cache = new PolicyCache(policy(), 10);
    for (const key of 'abcdef') cache.use(key);
    for (const key of 'ace') cache.remove(key);

    expect([cache.evict(), cache.evict(), cache.evict(), cache.evict()].sort()).toEqual(['b', 'd', 'f', undefined]);
  });

  it('keeps what was read or stored anew before what was not', () => {
    const cache = new PolicyCache(policy(), 4);
    for (const key of 'abcd') cache.use(key);
    cache.use('a');
    cache.store('b');

    for (const key of 'ef') cache.use(key);

    expect(cache.keys.sort()).toEqual(['a', 'b', 'e', 'f']);
  });

  it('works at the size of one', () => {
    const cache = new PolicyCache(policy(), 1);

    const hits = ['a', 'a', 'b', 'a', 'b'].map((key) => cache.use(key));

    expect(hits).toEqual([false, true, false, false, false]);
    expect(cache.keys).toEqual(['b']);
  });
});

describe('Lru', () => {
  it('drops in the exact order of last use', () => {
    const cache = new PolicyCache(new Lru(), 5);
    for (const key of 'abcdebda') cache.use(key);

    expect([cache.evict(), cache.evict(), cache.evict(), cache.evict(), cache.evict()]).toEqual([
      'c',
      'e',
      'b',
      'd',
      'a',
    ]);
  });
});

describe('S3Fifo', () => {
  it('keeps what is used through a scan of any length', () => {
    const cache = new PolicyCache(new S3Fifo(), 100);
    const hot = Array.from({ length: 50 }, (_, i) => `hot ${i}`);
    for (let round = 0; round < 5; round++) for (const key of hot) cache.use(key);

    for (let i = 0; i < 10_000; i++) cache.use(`scanned once ${i}`);

    expect(cache.keys.filter((key) => key.startsWith('hot'))).toHaveLength(hot.length);
  });

  it('keeps a key that comes back soon after it was dropped', () => {
    const cache = new PolicyCache(new S3Fifo(), 100);
    for (let i = 0; i < 200; i++) cache.use(`k${i}`);
    expect(cache.use('k99')).toBe(false);

    for (let i = 200; i < 299; i++) cache.use(`k${i}`);

    expect(cache.use('k99')).toBe(true);
  });

  it('keeps the uses of a key that is stored anew', () => {
    const cache = new PolicyCache(new S3Fifo(), 20);
    for (let i = 0; i < 3; i++) cache.use('counter');

    for (let i = 0; i < 100; i++) {
      cache.store('counter');
      cache.use(`once ${i}`);
    }

    expect(cache.use('counter')).toBe(true);
  });

  it.each([
    ['better than LRU', 'when few keys are asked for often', zipf(0.9), 8],
    ['better than LRU', 'when many keys are asked for seldom', zipf(0.7), 6],
    ['better than LRU', 'when scans come between', zipfWithScan, 8],
    ['nearly as good as LRU', 'when the hot set moves', shiftingHotSet, -3],
    ['nearly as good as LRU', 'when old keys die', feed, -3],
  ] as const)('is %s %s', (_how, _when, trace, least) => {
    const lru = new PolicyCache(new Lru(), SIZE).hitRatio(trace(REQUESTS, SIZE));
    const adaptive = new PolicyCache(new S3Fifo(), SIZE).hitRatio(trace(REQUESTS, SIZE));

    expect(adaptive - lru).toBeGreaterThan(least);
  });
});
