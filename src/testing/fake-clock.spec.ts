import { describe, expect, it } from '@jest/globals';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until it is advanced', async () => {
    const clock = new FakeClock();
    const before = clock.nowMs();

    await clock.advance(1_500);

    expect(clock.nowMs()).toBe(before + 1_500);
    expect(clock.coarseNowMs()).toBe(clock.nowMs());
  });

  it('runs what is due at its own time, in the order of time', async () => {
    const clock = new FakeClock();
    const startMs = clock.nowMs();
    const ran: [string, number][] = [];
    const note = (name: string) => () => void ran.push([name, clock.nowMs() - startMs]);
    clock.schedule(20, note('second'));
    clock.schedule(10, note('first'));
    clock.schedule(20, note('third'));
    clock.schedule(31, note('not yet'));

    await clock.advance(30);

    expect(ran).toEqual([
      ['first', 10],
      ['second', 20],
      ['third', 20],
    ]);
    expect(clock.pending).toBe(1);
  });

  it('runs what a task schedules within the time that goes by', async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const tick = (): void => {
      ticks++;
      clock.schedule(10, tick);
    };
    clock.schedule(10, tick);

    await clock.advance(35);

    expect(ticks).toBe(3);
  });

  it('lets promises settle between two tasks', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    clock.schedule(
      1,
      () =>
        void Promise.resolve()
          .then(() => Promise.resolve())
          .then(() => seen.push('promise')),
    );
    clock.schedule(1, () => seen.push('task'));

    await clock.advance(1);

    expect(seen).toEqual(['promise', 'task']);
  });

  it('never runs a cancelled task', async () => {
    const clock = new FakeClock();
    let hasRun = false;
    clock.schedule(5, () => (hasRun = true)).cancel();

    await clock.advance(10);

    expect(hasRun).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('moves the wall clock along, and lets it jump alone', async () => {
    const clock = new FakeClock();
    const wallMs = clock.wallMs();
    const nowMs = clock.nowMs();

    await clock.advance(5);
    clock.jumpWall(-3_600_000);

    expect(clock.wallMs()).toBe(wallMs + 5 - 3_600_000);
    expect(clock.nowMs()).toBe(nowMs + 5);
  });
});
