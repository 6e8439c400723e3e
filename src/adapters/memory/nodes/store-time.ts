import type { Clock } from '../../../core/ports/clock.port.js';

/** One moment on both clocks. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The clock, with a wall time for labels that costs no more than the coarse one. */
export class StoreTime {
  readonly #clock: Clock;
  /** What the wall clock is ahead of the monotonic one, as last seen. */
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

  /** The coarse time that was last asked for, in whole milliseconds. */
  get tick(): number {
    return this.#tick;
  }

  coarseNowMs(): number {
    const nowMs = this.#clock.coarseNowMs();
    this.#tick = Math.floor(nowMs);
    return nowMs;
  }

  /** About what the wall clock said at a tick: a jump of it shows after the next `moment`. */
  wallMsAt(tick: number): number {
    return Math.round(tick + this.#offsetMs);
  }

  /** The tick at which `wallMsAt` gives about that. */
  tickAt(wallMs: number): number {
    return Math.max(0, Math.round(wallMs - this.#offsetMs));
  }
}
