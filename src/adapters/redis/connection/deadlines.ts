import { type Clock, idleMs, type Timer } from '../../../core/ports/clock.port.js';

/** A time limit that is running. */
export interface Deadline {
  readonly dueMs: number;
  /** The time, on the scale of `idleMs`, at which it is late even if this process was busy. */
  readonly idleDueMs: number;
  readonly onLate: () => void;
}

/** Time by which a wait may be longer, at most, because this process is busy. */
export const OWN_LAG_MS = 3_000;
/** Delay of a timer from which on answers, too, were not read in time. */
const LONG_TURN_MS = 20;
/** Time until the next check of the event loop, while it is slow. */
const LOOK_AGAIN_MS = 5;

/**
 * Thousands of time limits. Nearly all of them are met, so they share one timer: it waits for the first that is due,
 * and then for the next. A limit that was met is released at once, with the objects that it refers to: objects that
 * live for a quarter of a second and then die are the most expensive ones for a garbage collector.
 *
 * A limit that is due is late if the event loop has turned without delay since, so that an answer would have been read;
 * or if the event loop was idle for as long as the limit; or if it has been due for `OWN_LAG_MS`.
 */
export class Deadlines {
  readonly #waiting = new Set<Deadline>();
  #timer: Timer | undefined;
  #nextMs = Infinity;

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(limitMs: number, onLate: () => void): Deadline {
    const dueMs = this.#clock.nowMs() + limitMs;
    const deadline = { dueMs, idleDueMs: idleMs(this.#clock) + limitMs, onLate };
    this.#waiting.add(deadline);
    if (dueMs < this.#nextMs) this.#arm(dueMs, limitMs);
    return deadline;
  }

  /** Ends a limit. True when it was met in time. */
  meet(deadline: Deadline): boolean {
    return this.#waiting.delete(deadline);
  }

  close(): void {
    this.#timer?.cancel();
    this.#nextMs = Infinity;
    this.#expire([...this.#waiting]);
  }

  #arm(nextMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#nextMs = nextMs;
    const expectedMs = nextMs + LONG_TURN_MS;
    // An answer may have arrived and not be read yet: one more turn decides.
    this.#timer = this.#clock.schedule(
      Math.max(0, delayMs),
      () => (this.#timer = this.#clock.schedule(1, () => this.#look(this.#clock.nowMs() <= expectedMs))),
    );
  }

  #look(hasTurned: boolean): void {
    const nowMs = this.#clock.nowMs();
    const idle = idleMs(this.#clock);
    const late: Deadline[] = [];
    let nextMs = Infinity;
    for (const deadline of this.#waiting) {
      const { dueMs, idleDueMs } = deadline;
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      else if (hasTurned || idleDueMs <= idle || dueMs + OWN_LAG_MS <= nowMs) late.push(deadline);
      else nextMs = Math.min(nextMs, nowMs + LOOK_AGAIN_MS);
    }
    this.#nextMs = Infinity;
    if (nextMs !== Infinity) this.#arm(nextMs, nextMs - nowMs);
    this.#expire(late);
  }

  #expire(late: readonly Deadline[]): void {
    for (const deadline of late) if (this.#waiting.delete(deadline)) deadline.onLate();
  }
}
