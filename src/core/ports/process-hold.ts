/**
 * Keeps the process alive for a cache whose connections do not: while it is opened, used or closed, and from `stand` to
 * `end`. A start that fails elsewhere then leaves nothing behind that keeps the process from ending.
 */
export class ProcessHold {
  #reasons = 0;
  #isNeeded = false;
  #isStanding = false;
  #timer: NodeJS.Timeout | undefined;

  /** The cache has connections; without any there is nothing to stay for. */
  need(): void {
    this.#isNeeded = true;
  }

  /** Whether it holds the process already, whatever is done. */
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

  /** Does `work`, and holds the process until it is done. */
  during<T>(work: () => Promise<T>): Promise<T> {
    this.#add(1);
    return work().finally(() => this.#add(-1));
  }

  #add(change: 1 | -1): void {
    this.#reasons += change;
    // eslint-disable-next-line no-restricted-globals -- no time is measured: Node stays for whoever has a timer
    if (this.#reasons > 0) this.#timer ??= setInterval(() => undefined, LONGEST_INTERVAL_MS);
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

const LONGEST_INTERVAL_MS = 2_147_483_647;
