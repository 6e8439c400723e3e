import { expect, it } from '@jest/globals';
import { FakeClock } from '../../testing/fake-clock.js';
import { Deadlines } from './deadlines.js';

/** The clock of a process that can be busy. */
class BusyClock extends FakeClock {
  #busyMs = 0;

  idleMs(): number {
    return this.nowMs() - this.#busyMs;
  }

  /** Lets `ms` go by in which the event loop does not turn. */
  async work(ms: number): Promise<void> {
    for (let i = 0; i < ms; i++) {
      this.#busyMs++;
      await this.advance(1);
    }
  }
}

function deadlineOf(limitMs: number) {
  const clock = new BusyClock();
  const deadlines = new Deadlines(clock);
  let isLate = false;
  const deadline = deadlines.start(limitMs, () => (isLate = true));
  return { clock, deadlines, deadline, isLate: () => isLate };
}

it('is late when its time is over', async () => {
  const { clock, isLate } = deadlineOf(250);

  await clock.advance(249);
  expect(isLate()).toBe(false);
  await clock.advance(3);

  expect(isLate()).toBe(true);
  expect(clock.pending).toBe(0);
});

it('does not count the time for which this process was busy (fault 28)', async () => {
  const { clock, deadlines, deadline, isLate } = deadlineOf(250);

  await clock.work(600);
  await clock.advance(200);
  expect(isLate()).toBe(false);

  expect(deadlines.meet(deadline)).toBe(true);
});

it('counts what this process has waited besides', async () => {
  const { clock, isLate } = deadlineOf(250);

  await clock.work(600);
  await clock.advance(260);

  expect(isLate()).toBe(true);
});

it('is late after three more seconds, however busy this process is', async () => {
  const { clock, isLate } = deadlineOf(250);

  await clock.work(3_200);
  expect(isLate()).toBe(false);
  await clock.work(60);

  expect(isLate()).toBe(true);
});
