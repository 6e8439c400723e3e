import { type Clock, idleMs, type Timer } from '../../core/ports/clock.port.js';

/** Something that must happen before its time is over. */
export interface Deadline {
  /** On the scale of `idleMs`: while this process is busy nobody can tell whether it has happened. */
  readonly dueMs: number;
  /** On the scale of `Clock.nowMs`: when it is late however busy this process has been. */
  readonly latestMs: number;
  readonly onLate: () => void;
}

/** So much longer may a wait take because this process is busy. */
export const OWN_LAG_MS = 3_000;
/** How soon it is looked again for what would be late if this process had not been busy. */
const LOOK_AGAIN_MS = 5;

/**
 * Time limits by the thousand. Nearly all are met, so none has a timer of its own: one waits for the first that is due, and
 * then looks for the next. One that was met is let go at once, with all that hangs on it: what lives for a quarter of a
 * second and dies then is what a garbage collector finds most expensive.
 */
export class Deadlines {
  readonly #waiting = new Set<Deadline>();
  #timer: Timer | undefined;
  #nextMs = Infinity;

  constructor(private readonly clock: Clock) {}

  start(limitMs: number, onLate: () => void): Deadline {
    const nowMs = this.clock.nowMs();
    const deadline = { dueMs: idleMs(this.clock) + limitMs, latestMs: nowMs + limitMs + OWN_LAG_MS, onLate };
    this.#waiting.add(deadline);
    if (nowMs + limitMs < this.#nextMs) this.#arm(nowMs + limitMs, limitMs);
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

  #arm(dueMs: number, delayMs: number): void {
    this.#timer?.cancel();
    this.#nextMs = dueMs;
    // Had this process been busy, the answer may be here and not be read yet: one more turn tells.
    this.#timer = this.clock.schedule(Math.max(0, delayMs), () => (this.#timer = this.clock.schedule(1, () => this.#look())));
  }

  #look(): void {
    const nowMs = this.clock.nowMs();
    const idle = idleMs(this.clock);
    const late: Deadline[] = [];
    let nextMs = Infinity;
    for (const deadline of this.#waiting) {
      const leftMs = Math.min(deadline.dueMs - idle, deadline.latestMs - nowMs);
      if (leftMs <= 0) late.push(deadline);
      else nextMs = Math.min(nextMs, deadline.latestMs - OWN_LAG_MS > nowMs ? leftMs : Math.max(leftMs, LOOK_AGAIN_MS));
    }
    this.#nextMs = Infinity;
    if (nextMs !== Infinity) this.#arm(nowMs + nextMs, nextMs);
    this.#tellLate(late);
  }

  #tellLate(late: readonly Deadline[]): void {
    for (const deadline of late) if (this.#waiting.delete(deadline)) deadline.onLate();
  }
}
