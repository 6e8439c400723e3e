import { describe, expect, it } from '@jest/globals';
import { type Point, WINDOW_MS } from './history.js';
import { areaPath, linePath, roundedUp, scaleOf } from './plot-scale.js';

const points = (...values: (number | null)[]): Point[] => values.map((value, at) => ({ atMs: at * 30_000, value }));

describe('the plots', () => {
  it.each([
    [0, 1],
    [0.3, 0.5],
    [1, 1],
    [1.1, 2],
    [180, 200],
    [201, 500],
    [999, 1_000],
  ])('have the top %p rounded up to %p', (value, top) => {
    expect(roundedUp(value)).toBe(top);
  });

  it('show at least a minute, and at most the window', () => {
    const short = scaleOf([{ atMs: 70_000, value: 1 }], WINDOW_MS);
    const long = scaleOf(points(...Array.from({ length: 100 }, () => 1)), WINDOW_MS);

    expect(short.toMs - short.fromMs).toBe(60_000);
    expect(long.toMs - long.fromMs).toBe(WINDOW_MS);
  });

  it('draw from the bottom left to the top right', () => {
    const rising = points(0, 5, 10);

    expect(linePath(rising, scaleOf(rising, WINDOW_MS))).toBe('M0 120L300 60L600 0');
    expect(areaPath(rising, scaleOf(rising, WINDOW_MS))).toBe('M0 120L0 120L300 60L600 0L600 120Z');
  });

  it('have a gap where nothing was measured, and a dot for a single value', () => {
    const broken = points(1, null, 1);

    expect(linePath(broken, scaleOf(broken, WINDOW_MS, 1))).toBe('M0 0L0 0M600 0L600 0');
  });

  it('leave out the values before the window', () => {
    const many = points(...Array.from({ length: 20 }, () => 1));

    expect(linePath(many, scaleOf(many, WINDOW_MS, 1)).match(/[ML]/g)).toHaveLength(11);
  });
});
