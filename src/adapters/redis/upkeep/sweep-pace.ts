import type { Clock } from '../../../core/ports/clock.port.js';
import type { SweepLock } from './sweep-lock.js';

/** Interval at which the lock of a running sweep is renewed. */
const RENEW_EVERY_MS = 30_000;
/** Pause between two steps; each step takes the server a fraction of a millisecond. */
const PAUSE_MS = 10;

/** Pauses after each step of a sweep, and renews its lock when that is due. */
export class SweepPace {
  #renewedMs = 0;
  #isClosed = false;
  #endPause: (() => void) | undefined;

  readonly #clock: Clock;
  readonly #lock: SweepLock;

  constructor(clock: Clock, lock: SweepLock) {
    this.#clock = clock;
    this.#lock = lock;
  }

  /** Begins a sweep whose lock has just been taken. */
  begin(): void {
    this.#renewedMs = this.#clock.nowMs();
  }

  /** Rejects when the pace is closed. */
  pause(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#renewedMs >= RENEW_EVERY_MS) {
      this.#renewedMs = nowMs;
      this.#lock.renew();
    }
    return new Promise((resolve, reject) => {
      const end = (): void => (this.#isClosed ? reject(new Error('The cache was closed.')) : resolve());
      const timer = this.#clock.schedule(PAUSE_MS, end);
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
