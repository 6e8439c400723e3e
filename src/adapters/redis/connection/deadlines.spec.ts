import { describe, expect, it } from '@jest/globals';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import { Deadlines } from './deadlines.js';

/** An event loop, turn by turn: timers that are due run at the end of a turn. */
class Turns implements Clock {
  readonly #tasks = new Map<object, { readonly dueMs: number; readonly run: () => void }>();
  #nowMs = 1_000;
  #busyMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  coarseNowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  idleMs(): number {
    return this.#nowMs - this.#busyMs;
  }

  schedule(delayMs: number, run: () => void): Timer {
    const id = {};
    this.#tasks.set(id, { dueMs: this.#nowMs + delayMs, run });
    return { cancel: () => void this.#tasks.delete(id) };
  }

  get pending(): number {
    return this.#tasks.size;
  }

  /** Lets `ms` pass in turns of `turnMs`, busy or idle ones. */
  pass(ms: number, how: { readonly turnMs: number; readonly isBusy: boolean }): void {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs;) {
      this.#nowMs += how.turnMs;
      if (how.isBusy) this.#busyMs += how.turnMs;
      for (const [id, { dueMs, run }] of [...this.#tasks]) {
        if (dueMs <= this.#nowMs && this.#tasks.delete(id)) run();
      }
    }
  }
}

const IDLE = { turnMs: 1, isBusy: false };
const IN_SHORT_TURNS = { turnMs: 2, isBusy: true };
const IN_LONG_TURNS = { turnMs: 60, isBusy: true };

function deadlineOf(limitMs: number) {
  const clock = new Turns();
  const deadlines = new Deadlines(clock);
  let isLate = false;
  const deadline = deadlines.start(limitMs, () => (isLate = true));
  return { clock, deadlines, deadline, isLate: () => isLate };
}

it.each([IDLE, IN_SHORT_TURNS])('is late when its time is over, in turns of %j', (how) => {
  const { clock, isLate } = deadlineOf(250);

  clock.pass(248, how);
  expect(isLate()).toBe(false);
  clock.pass(10, how);

  expect(isLate()).toBe(true);
  expect(clock.pending).toBe(0);
});

it('is not late while the event loop turns too slowly to read answers in time (fault 28)', () => {
  const { clock, deadlines, deadline, isLate } = deadlineOf(250);

  clock.pass(2_400, IN_LONG_TURNS);
  expect(isLate()).toBe(false);

  expect(deadlines.meet(deadline)).toBe(true);
});

it('is late as soon as the event loop turns in time again', () => {
  const { clock, isLate } = deadlineOf(250);

  clock.pass(600, IN_LONG_TURNS);
  clock.pass(40, IN_SHORT_TURNS);

  expect(isLate()).toBe(true);
});

it('is late when there was nothing to do for as long as the limit, however long the turns', () => {
  const { clock, isLate } = deadlineOf(250);

  clock.pass(360, { turnMs: 60, isBusy: false });

  expect(isLate()).toBe(true);
});

it('is late after three more seconds, however busy this process is', () => {
  const { clock, isLate } = deadlineOf(250);

  clock.pass(3_180, IN_LONG_TURNS);
  expect(isLate()).toBe(false);
  clock.pass(240, IN_LONG_TURNS);

  expect(isLate()).toBe(true);
});

describe('several limits', () => {
  /** Starts limits in this order; `late` gets the ones that are over. */
  function started(limitsMs: readonly number[]) {
    const clock = new Turns();
    const deadlines = new Deadlines(clock);
    const late: number[] = [];
    const started = limitsMs.map((limitMs) => deadlines.start(limitMs, () => late.push(limitMs)));
    return { clock, deadlines, late, started };
  }

  it('share one timer', () => {
    const { clock } = started([500, 100, 300]);

    expect(clock.pending).toBe(1);
  });

  it('are late one after the other, in any order of their start', () => {
    const { clock, late } = started([500, 100, 300]);

    clock.pass(110, IDLE);
    expect(late).toEqual([100]);
    clock.pass(200, IDLE);
    expect(late).toEqual([100, 300]);
    clock.pass(200, IDLE);

    expect(late).toEqual([100, 300, 500]);
  });

  it('are met one by one', () => {
    const { clock, deadlines, late, started: limits } = started([100, 200]);

    expect(deadlines.meet(limits[0]!)).toBe(true);
    clock.pass(300, IDLE);

    expect(late).toEqual([200]);
    expect(limits.map((limit) => deadlines.meet(limit))).toEqual([false, false]);
  });

  it('are not late when the end of another one has met them', () => {
    const clock = new Turns();
    const deadlines = new Deadlines(clock);
    let isSecondLate = false;
    deadlines.start(100, () => deadlines.meet(second));
    const second = deadlines.start(100, () => (isSecondLate = true));

    clock.pass(110, IDLE);

    expect(isSecondLate).toBe(false);
  });

  it('are all late when they are closed, and leave no timer', () => {
    const { clock, deadlines, late } = started([500, 100]);

    deadlines.close();

    expect(late).toEqual([500, 100]);
    expect(clock.pending).toBe(0);
  });
});
