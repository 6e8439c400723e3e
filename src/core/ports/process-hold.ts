/**
 * Keeps the process alive for a cache whose connections do not: while the cache opens, works or closes, and from
 * `stand` to `end`. A start that fails elsewhere then leaves nothing behind that would keep the process alive.
 */
export class ProcessHold {
  #reasons = 0;
  #isNeeded = false;
  #isStanding = false;
  #timer: NodeJS.Timeout | undefined;

  /** The cache has connections. Without any, the process need not stay. */
  need(): void {
    this.#isNeeded = true;
  }

  /** True while it holds the process, also between operations. */
  get isStanding(): boolean {
    return this.#isStanding;
  }

  /** The application has started. */
  stand(): void {
    if (this.#isStanding || !this.#isNeeded) return;
    this.#isStanding = true;
    this.#add(1);
  }

  /** The connections are gone. */
  end(): void {
    this.#isNeeded = false;
    if (!this.#isStanding) return;
    this.#isStanding = false;
    this.#add(-1);
  }

  /** Holds the process until `work` is done. */
  during<T>(work: () => Promise<T>): Promise<T> {
    this.#add(1);
    return work().finally(() => this.#add(-1));
  }

  #add(change: 1 | -1): void {
    this.#reasons += change;
    // eslint-disable-next-line no-restricted-globals -- no time is measured: Node stays while there is a timer
    if (this.#reasons > 0) this.#timer ??= setInterval(() => undefined, LONGEST_INTERVAL_MS);
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

const LONGEST_INTERVAL_MS = 2_147_483_647;
