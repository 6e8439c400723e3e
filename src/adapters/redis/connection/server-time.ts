import type { Clock } from '../../../core/ports/clock.port.js';

/**
 * The clock of the server, as measured by this process: by it all processes agree when an entry expires, even if their
 * own clocks are wrong. It is accurate to half a round trip. A longer round trip, perhaps of a busy process, does not
 * replace the measurement of a shorter one unless the two contradict each other.
 */
export class ServerTime {
  #offsetMs = 0;
  #errorMs = Infinity;

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param serverMs the server's time at some moment between `sentMs` and now */
  sync(serverMs: number, sentMs: number): void {
    const nowMs = this.#clock.nowMs();
    const errorMs = (nowMs - sentMs) / 2;
    const offsetMs = serverMs - (sentMs + nowMs) / 2;
    if (errorMs > this.#errorMs && Math.abs(offsetMs - this.#offsetMs) <= errorMs) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#offsetMs;
  }

  /** Converts a time of the server to the scale of `Clock.nowMs()`. */
  toLocalMs(serverMs: number): number {
    return serverMs - this.#offsetMs;
  }
}
