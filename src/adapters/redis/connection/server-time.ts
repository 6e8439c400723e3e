import type { Clock } from '../../../core/ports/clock.port.js';

/**
 * The clock of the server, as far as it can be told from here: by it all processes agree when an entry expires, however
 * wrong their own clocks are. Accurate to half a round trip; one that took long, perhaps because this process was busy,
 * says nothing against what a shorter one has told, as long as both can be true.
 */
export class ServerTime {
  #offsetMs = 0;
  #errorMs = Infinity;

  constructor(private readonly clock: Clock) {}

  /** @param serverMs what the server said its time was, between `sentMs` and now */
  sync(serverMs: number, sentMs: number): void {
    const nowMs = this.clock.nowMs();
    const errorMs = (nowMs - sentMs) / 2;
    const offsetMs = serverMs - (sentMs + nowMs) / 2;
    if (errorMs > this.#errorMs && Math.abs(offsetMs - this.#offsetMs) <= errorMs) return;
    this.#offsetMs = offsetMs;
    this.#errorMs = errorMs;
  }

  nowMs(): number {
    return this.clock.nowMs() + this.#offsetMs;
  }

  /** A time of the server on the scale of `Clock.nowMs()`. */
  toLocalMs(serverMs: number): number {
    return serverMs - this.#offsetMs;
  }
}
