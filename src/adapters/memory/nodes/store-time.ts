import type { Clock } from '../../../core/ports/clock.port.js';

/** One moment on both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The clock, and a wall time for display that is as fast as the coarse time. */
export class StoreTime {
  readonly #clock: Clock;
  /** Milliseconds from the monotonic time to the wall time, at the last `moment()`. */
  #offsetMs = 0;
  #tick = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.moment();
  }

  /** Reads both clocks. */
  moment(): Moment {
    const nowMs = this.#clock.nowMs();
    const wallMs = this.#clock.wallMs();
    this.#offsetMs = wallMs - nowMs;
    return { nowMs, wallMs };
  }

  /** The last result of `coarseNowMs()`, in whole milliseconds. */
  get tick(): number {
    return this.#tick;
  }

  coarseNowMs(): number {
    const nowMs = this.#clock.coarseNowMs();
    this.#tick = Math.floor(nowMs);
    return nowMs;
  }

  /** The approximate wall time at a tick. A jump of the wall clock is included after the next `moment()`. */
  wallMsAt(tick: number): number {
    return Math.round(tick + this.#offsetMs);
  }

  /** The tick of an approximate wall time: the inverse of `wallMsAt`. */
  tickAt(wallMs: number): number {
    return Math.max(0, Math.round(wallMs - this.#offsetMs));
  }
}
