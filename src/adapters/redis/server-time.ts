import type { Clock } from '../../core/ports/clock.port.js';

/**
 * The clock of the server, as far as it can be told from here: by it all processes agree when an entry expires, however
 * wrong their own clocks are. Accurate to half a round trip.
 */
export class ServerTime {
  #offsetMs = 0;

  constructor(private readonly clock: Clock) {}

  /** @param serverMs what the server said its time was, between `sentMs` and now */
  sync(serverMs: number, sentMs: number): void {
    this.#offsetMs = serverMs - (sentMs + this.clock.nowMs()) / 2;
  }

  nowMs(): number {
    return this.clock.nowMs() + this.#offsetMs;
  }

  /** A time of the server on the scale of `Clock.nowMs()`. */
  toLocalMs(serverMs: number): number {
    return serverMs - this.#offsetMs;
  }
}
