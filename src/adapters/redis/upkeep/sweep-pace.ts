import type { Clock } from '../../../core/ports/clock.port.js';
import type { SweepTicket } from './sweep-ticket.js';

const HOLD_EVERY_MS = 30_000;
/** Between two steps, each of which takes the server a fraction of a millisecond. */
const PAUSE_MS = 10;

/** The rest after each step of a sweep, in which its ticket is held for longer where that is due. */
export class SweepPace {
  #heldMs = 0;
  #isClosed = false;
  #endPause: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly ticket: SweepTicket,
  ) {}

  /** A sweep begins, whose ticket has just been taken. */
  begin(): void {
    this.#heldMs = this.clock.nowMs();
  }

  /** Rejects when it is closed. */
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
