import type { Clock } from '../../../core/ports/clock.port.js';
import type { SweepTicket } from './sweep-ticket.js';

/** Interval at which the ticket of a running sweep is renewed. */
const HOLD_EVERY_MS = 30_000;
/** Pause between two steps; each step takes the server a fraction of a millisecond. */
const PAUSE_MS = 10;

/** Pauses after each step of a sweep, and renews its ticket when that is due. */
export class SweepPace {
  #heldMs = 0;
  #isClosed = false;
  #endPause: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly ticket: SweepTicket,
  ) {}

  /** Begins a sweep whose ticket has just been taken. */
  begin(): void {
    this.#heldMs = this.clock.nowMs();
  }

  /** Rejects when the pace is closed. */
  pause(): Promise<void> {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.#heldMs >= HOLD_EVERY_MS) {
      this.#heldMs = nowMs;
      this.ticket.hold();
    }
    return new Promise((resolve, reject) => {
      const end = (): void => (this.#isClosed ? reject(new Error('The cache was closed.')) : resolve());
      const timer = this.clock.schedule(PAUSE_MS, end);
      this.#endPause = () => {
        timer.cancel();
        end();
      };
      if (this.#isClosed) this.#endPause();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#endPause?.();
  }
}
