import { type Clock, idleMs, type Timer } from '../../../core/ports/clock.port.js';

/** Something that must happen before its time is over. */
export interface Deadline {
  readonly dueMs: number;
  /** On the scale of `idleMs`: when it is late although this process was busy. */
  readonly idleDueMs: number;
  readonly onLate: () => void;
}

/** So much longer may a wait take because this process is busy. */
export const OWN_LAG_MS = 3_000;
/** A timer that fires so much later than it should says that answers, too, have not been read in time. */
const LONG_TURN_MS = 20;
/** How soon it is looked again whether the event loop turns. */
const LOOK_AGAIN_MS = 5;

/**
 * Time limits by the thousand. Nearly all are met, so none has a timer of its own: one waits for the first that is due,
 * and then looks for the next. One that was met is let go at once, with all that hangs on it: what lives for a quarter
 * of a second and dies then is what a garbage collector finds most expensive.
 *
 * What is due is late when the event loop has turned in time since, so that an answer would have been read; or when it
 * has had nothing to do for as long as the limit.
 */
export class Deadlines {
  readonly #waiting = new Set<Deadline>();
  #timer: Timer | undefined;
  #nextMs = Infinity;

  constructor(private readonly clock: Clock) {}

  start(limitMs: number, onLate: () => void): Deadline {
    const dueMs = this.clock.nowMs() + limitMs;
    const deadline = { dueMs, idleDueMs: idleMs(this.clock) + limitMs, onLate };
    this.#waiting.add(deadline);
    if (dueMs < this.#nextMs) this.#arm(dueMs, limitMs);
    return deadline;
  }

  /** Whether it was met in time. */
  meet(deadline: Deadline): boolean {
    return this.#waiting.delete(deadline);
  }

  close(): void {
    this.#timer?.cancel();
    this.#nextMs = Infinity;
    this.#tellLate([...this.#waiting]);
  }

  #arm(nextMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#nextMs = nextMs;
    const expectedMs = nextMs + LONG_TURN_MS;
    // An answer may be here and not be read yet: one more turn tells.
    this.#timer = this.clock.schedule(
      Math.max(0, delayMs),
      () => (this.#timer = this.clock.schedule(1, () => this.#look(this.clock.nowMs() <= expectedMs))),
    );
  }

  #look(hasTurned: boolean): void {
    const nowMs = this.clock.nowMs();
    const idle = idleMs(this.clock);
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
    this.#tellLate(late);
  }

  #tellLate(late: readonly Deadline[]): void {
    for (const deadline of late) if (this.#waiting.delete(deadline)) deadline.onLate();
  }
}
