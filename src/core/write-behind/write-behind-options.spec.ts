import { describe, expect, it } from '@jest/globals';
import { backoffAfter } from './write-behind-options.js';

describe('the pause before a retry', () => {
  it.each([
    [1, 200, 0, 200],
    [2, 200, 0, 400],
    [5, 200, 0, 3_200],
    [5, 200, 0.5, 2_400],
    [1, 200, 0.999, 101],
    [20, 200, 0, 60_000],
    [2_000, 200, 0.5, 45_000],
    [3, 3_600_000, 0, 3_600_000],
    [3, 0, 0.5, 0],
    [2_000, 0, 0.5, 0],
  ])('is after %p tries with a backoff of %p ms, and at random %p, %p ms', (tries, backoffMs, random, pauseMs) => {
    expect(backoffAfter(tries, backoffMs, () => random)).toBe(pauseMs);
  });
});
