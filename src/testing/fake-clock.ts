import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../core/ports/clock.port.js';

interface Task {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock for `clock` of the options: it stands still until `advance` moves it. */
export function fakeClock(): FakeClock {
  return new FakeClock();
}

/**
 * Time that goes by when told to. Coarse and precise time are one; the wall clock goes along and can be made to jump.
 * Times of both scales start at whole numbers that are neither 0 nor equal, so that mixing them up shows.
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

  /** How many tasks are waiting: 0 when everything that uses the clock has been closed. */
  get pending(): number {
    return this.#tasks.size;
  }

  /**
   * Lets `ms` go by. What is due runs in the order of its time, tasks that were scheduled meanwhile included, and after
   * each task, as before the first and after the last, all promises that can settle do.
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

  /** Sets the wall clock forward, or back, and nothing else. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(nowMs: number): void {
    this.#wallMs += nowMs - this.#nowMs;
    this.#nowMs = nowMs;
  }

  /** Of two tasks with one due time the one that was scheduled first. */
  #nextUntil(endMs: number): Task | undefined {
    let next: Task | undefined;
    for (const task of this.#tasks) {
      if (task.dueMs <= endMs && (next === undefined || task.dueMs < next.dueMs)) next = task;
    }
    return next;
  }
}
