import type { Clock, Timer } from '../../core/ports/clock.port.js';

/** Time after which a caller tries again although nobody has said that there is room. */
const LOOK_AGAIN_MS = 1_000;

/** Callers that wait until fewer writes are pending. They are admitted in their order. */
export class RoomQueue {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #size = 0;
  /** Number of times that there might have been room. */
  #nudges = 0;
  #timer: Timer | undefined;
  #wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Calls `tryIt` until it gives something. Rejects as it does. */
  wait<T>(tryIt: () => Promise<T | undefined>): Promise<T> {
    this.#size++;
    const turn = this.#last.then(() => this.#admit(tryIt)).finally(() => this.#size--);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** There might be room. */
  nudge(): void {
    this.#nudges++;
    this.#timer?.cancel();
    this.#wake();
  }

  async #admit<T>(tryIt: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      const nudges = this.#nudges;
      const admitted = await tryIt();
      if (admitted !== undefined) return admitted;
      if (nudges === this.#nudges) await this.#nudged();
    }
  }

  #nudged(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = this.#clock.schedule(LOOK_AGAIN_MS, resolve);
    });
  }
}
