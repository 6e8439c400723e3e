import { describe, expect, it } from '@jest/globals';
import { SystemClock } from './system-clock.js';

describe('SystemClock', () => {
  it('reads the coarse time again in every turn of the event loop', async () => {
    const clock = new SystemClock();
    const before = clock.coarseNowMs();
    burn(5);
    const inTheSameTurn = clock.coarseNowMs();

    await new Promise((resolve) => setTimeout(resolve, 1));

    expect(inTheSameTurn).toBe(before);
    expect(clock.coarseNowMs()).toBeGreaterThanOrEqual(before + 5);
  });

  it('reads the coarse time again even when the event loop never turns', async () => {
    const clock = new SystemClock();
    const before = clock.coarseNowMs();
    burn(5);

    for (let i = 0; i < 2_000; i++) await Promise.resolve(clock.coarseNowMs());

    expect(clock.coarseNowMs()).toBeGreaterThanOrEqual(before + 5);
  });

  it('runs a scheduled task once, and never one that was cancelled', async () => {
    const clock = new SystemClock();
    const ran: string[] = [];

    clock.schedule(1, () => ran.push('kept'));
    clock.schedule(1, () => ran.push('cancelled')).cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));

    expect(ran).toEqual(['kept']);
  });

  it('does not run a task early that is due in more than 24 days', async () => {
    const clock = new SystemClock();
    let hasRun = false;
    const timer = clock.schedule(3_000_000_000, () => (hasRun = true));

    await new Promise((resolve) => setTimeout(resolve, 10));
    timer.cancel();

    expect(hasRun).toBe(false);
  });
});

function burn(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
