import type { Clock, Timer } from '../../core/ports/clock.port.js';

/** Something that must happen before its time is over. */
export interface Deadline {
  readonly dueMs: number;
  readonly onLate: () => void;
}

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
    const deadline = { dueMs: this.clock.nowMs() + limitMs, onLate };
    this.#waiting.add(deadline);
    if (deadline.dueMs < this.#nextMs) this.#arm(deadline.dueMs, limitMs);
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
    const late: Deadline[] = [];
    let nextMs = Infinity;
    for (const deadline of this.#waiting) {
      if (deadline.dueMs <= nowMs) late.push(deadline);
      else if (deadline.dueMs < nextMs) nextMs = deadline.dueMs;
    }
    this.#nextMs = Infinity;
    if (nextMs !== Infinity) this.#arm(nextMs, nextMs - nowMs);
    this.#tellLate(late);
  }

  #tellLate(late: readonly Deadline[]): void {
    for (const deadline of late) if (this.#waiting.delete(deadline)) deadline.onLate();
  }
}
