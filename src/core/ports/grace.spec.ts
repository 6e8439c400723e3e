import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../testing/fake-clock.js';
import { settledWithin } from './grace.js';

describe('settledWithin', () => {
  it('is true as soon as the promise fulfils, and cancels its timer', async () => {
    const clock = new ClockWithTimers();

    expect(await settledWithin(clock, 100, Promise.resolve('done'))).toBe(true);

    expect(clock.timers).toBe(0);
  });

  it('is true where the promise rejects, and does not reject itself', async () => {
    expect(await settledWithin(new FakeClock(), 100, Promise.reject(new Error('down')))).toBe(true);
  });

  it('is false when the time is up, and not before', async () => {
    const clock = new FakeClock();
    const answers: boolean[] = [];
    void settledWithin(clock, 100, new Promise(() => undefined)).then((answer) => answers.push(answer));

    await clock.advance(99);
    expect(answers).toEqual([]);
    await clock.advance(1);

    expect(answers).toEqual([false]);
  });

  it('handles a rejection that comes after the time was up', async () => {
    const clock = new FakeClock();
    let reject = (_: Error): void => undefined;
    const late = new Promise<void>((_, no) => (reject = no));
    const answer = settledWithin(clock, 100, late);
    await clock.advance(100);

    reject(new Error('too late'));
    await clock.advance(0);

    expect(await answer).toBe(false);
  });
});

class ClockWithTimers extends FakeClock {
  timers = 0;

  override schedule(delayMs: number, task: () => void) {
    const timer = super.schedule(delayMs, task);
    this.timers++;
    return {
      cancel: () => {
        this.timers--;
        timer.cancel();
      },
    };
  }
}
