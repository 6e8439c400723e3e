import { describe, expect, it } from '@jest/globals';
import { extended, ratesOf, type Sample } from './history.js';

const sample = (atMs: number, hits: number, misses = 0, since = 'a'): Sample => ({
  atMs,
  since,
  hits,
  misses,
  loads: misses,
  loadP99Ms: 7,
});
const historyOf = (...samples: Sample[]): readonly Sample[] =>
  samples.reduce<readonly Sample[]>((history, next) => extended(history, next), []);

describe('the last minutes', () => {
  it('have the rates of the last ten seconds', () => {
    const { hitRate, requests, loadsPerSecond } = ratesOf(
      historyOf(sample(0, 0), sample(1_000, 30, 10), sample(2_000, 30, 30)),
    );

    expect(hitRate.map(({ value }) => value)).toEqual([0.75, 0.5]);
    expect(requests.map(({ value }) => value)).toEqual([40, 30]);
    expect(loadsPerSecond).toBe(15);
  });

  it('have no hit rate without reads', () => {
    expect(ratesOf(historyOf(sample(0, 5), sample(1_000, 5))).hitRate).toEqual([{ atMs: 1_000, value: null }]);
  });

  it('begin again when another process answers, or the counters do', () => {
    expect(historyOf(sample(0, 5), sample(1_000, 9, 0, 'b'))).toEqual([sample(1_000, 9, 0, 'b')]);
    expect(historyOf(sample(0, 5), sample(1_000, 4))).toEqual([sample(1_000, 4)]);
  });

  it('are bounded', () => {
    const history = historyOf(...Array.from({ length: 1_000 }, (_, at) => sample(at * 1_000, at)));

    expect(history).toHaveLength(310);
  });
});
