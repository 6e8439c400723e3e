import { describe, expect, it } from '@jest/globals';
import { LatencyHistogram } from './latency-histogram.js';

describe('LatencyHistogram', () => {
  it('is 0 while empty', () => {
    expect(new LatencyHistogram().quantileMs(0.99)).toBe(0);
  });

  it('gives quantiles within a fifth', () => {
    const histogram = new LatencyHistogram();
    for (let ms = 1; ms <= 1_000; ms++) histogram.record(ms);

    expect(histogram.quantileMs(0.5)).toBeGreaterThan(400);
    expect(histogram.quantileMs(0.5)).toBeLessThan(600);
    expect(histogram.quantileMs(0.99)).toBeGreaterThan(800);
    expect(histogram.quantileMs(0.99)).toBeLessThan(1_200);
  });

  it.each([0, 1e-9, 1e12, Infinity])('accepts %p ms', (ms) => {
    const histogram = new LatencyHistogram();
    histogram.record(ms);

    expect(histogram.quantileMs(1)).toBeGreaterThan(0);
  });
});
