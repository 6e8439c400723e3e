import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../core/ports/clock.port.js';

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
}

/**
 * Makes a clock for the option `clock`: it stands still until `advance` moves it.
 * ```ts
 * const clock = fakeClock();
 * const cache = await createCache({ clock });
 * await clock.advance(5_000);
 * ```
 */
export function fakeClock(): FakeClock {
  return new FakeClock();
}

/**
 * A clock that moves only when a test advances it. Coarse and precise time are equal; the wall clock advances with
 * them, and can jump. Both start at whole numbers that are neither 0 nor equal, so that a test fails where code
 * confuses them.
 */
export class FakeClock implements Clock {
  readonly #tasks = new Set<Task>();
  #nowMs = 1_000;
  #wallMs = Date.UTC(2030, 0, 1);

  nowMs(): number {
    return this.#nowMs;
  }

  coarseNowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  schedule(delayMs: number, task: () => void): Timer {
    const entry: Task = { dueMs: this.#nowMs + Math.max(0, delayMs), run: task };
    this.#tasks.add(entry);
    return { cancel: () => void this.#tasks.delete(entry) };
  }

  /** Number of scheduled tasks: 0 when everything that uses the clock is closed. */
  get pending(): number {
    return this.#tasks.size;
  }

  /**
   * Advances the clock by `ms` milliseconds. Runs the tasks that become due in the order of their times, including
   * tasks that are scheduled meanwhile. Before the first task, and after each, all promises that can settle do so.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await nextTurn();
    for (let task = this.#nextUntil(endMs); task !== undefined; task = this.#nextUntil(endMs)) {
      this.#tasks.delete(task);
      this.#moveTo(task.dueMs);
      task.run();
      await nextTurn();
    }
    this.#moveTo(endMs);
    await nextTurn();
  }

  /** Moves only the wall clock, forward by `ms` milliseconds, or back where `ms` is negative. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(nowMs: number): void {
    this.#wallMs += nowMs - this.#nowMs;
    this.#nowMs = nowMs;
  }

  /** Returns the next task that is due until `endMs`; of two with the same time, the one that was scheduled first. */
  #nextUntil(endMs: number): Task | undefined {
    let next: Task | undefined;
    for (const task of this.#tasks) {
      if (task.dueMs <= endMs && (next === undefined || task.dueMs < next.dueMs)) next = task;
    }
    return next;
  }
}
