/**
 * Collects the items of one turn of the event loop. The first one is sent at once, so that it loses no time. The others
 * are sent together at the end of the turn.
 */
export class TurnBatch<T> {
  #waiting: T[] = [];
  #isTaken = false;

  readonly #send: (items: readonly T[]) => void;

  /** @param send called with the items that go together, in the order of `add` */
  constructor(send: (items: readonly T[]) => void) {
    this.#send = send;
  }

  add(item: T): void {
    if (this.#isTaken) {
      this.#waiting.push(item);
      return;
    }
    this.#isTaken = true;
    process.nextTick(this.#end);
    this.#send([item]);
  }

  readonly #end = (): void => {
    this.#isTaken = false;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#send(waiting);
  };
}
