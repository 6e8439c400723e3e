import type { Clock } from '../../core/ports/clock.port.js';

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

  coarseNowMs(): number {
    return this.#clock.coarseNowMs();
  }

  /** About now since 1970: a jump of the wall clock shows after the next `moment`. */
  coarseWallMs(): number {
    return this.#clock.coarseNowMs() + this.#offsetMs;
  }
}
