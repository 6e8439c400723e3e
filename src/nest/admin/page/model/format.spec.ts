import { describe, expect, it } from '@jest/globals';
import type { CacheStats } from '../../../../core/observation/cache-stats.js';
import type { CacheExplanation } from '../../../../core/observation/cache-explanation.js';
import type { ClusterStats } from '../../../../core/cluster/cluster-stats.js';
import type { EntryView } from '../../entry-view.js';
import { bytes, count, duration, entries, expiry, percent, rate } from './format.js';
import type { Cluster, Entry, Explanation, Stats } from './shapes.js';

describe('the formats of the page', () => {
  it.each([
    [count(0), '0'],
    [count(1_234), '1,234'],
    [count(123_400), '123.4K'],
    [percent(0), '0 %'],
    [percent(1), '100 %'],
    [percent(0.9999), '99.9 %'],
    [percent(0.00001), '0.1 %'],
    [percent(0.941), '94.1 %'],
    [rate(0), '0'],
    [rate(0.42), '0.4'],
    [rate(1_234.6), '1,235'],
    [duration(0), '0 ms'],
    [duration(0.00425), '0.0043 ms'],
    [duration(332), '332 ms'],
    [duration(3_400), '3.4 s'],
    [duration(59_999), '59 s'],
    [duration(320_000), '5 min 20 s'],
    [duration(7_500_000), '2 h 5 min'],
    [duration(86_400_000), '1 d'],
    [bytes(0), '0 B'],
    [bytes(1_536), '1.5 kB'],
    [bytes(64 * 1_024 ** 2), '64 MB'],
    [entries(1), '1 entry'],
    [entries(1_200), '1,200 entries'],
    [expiry(null, 0), 'never'],
    [expiry('1970-01-01T00:05:00Z', 0), 'in 5 min'],
    [expiry('1970-01-01T00:00:00Z', 2_500), '2 s ago'],
  ])('write %s', (text, expected) => {
    expect(text).toBe(expected);
  });

  it('describe the answers that the routes give', () => {
    // The compiler is the test: each pair is an answer of the kit, and the shape that the page reads.
    const fits = <Read>(_answer?: Read): true => true;

    expect(fits<Stats>(undefined as CacheStats | undefined)).toBe(true);
    expect(fits<Cluster>(undefined as ClusterStats | undefined)).toBe(true);
    expect(fits<Explanation>(undefined as CacheExplanation | undefined)).toBe(true);
    expect(fits<Entry>(undefined as EntryView | undefined)).toBe(true);
  });
});
