/**
 * What is asked for in one turn of the event loop. What comes first goes at once, so that it loses no time; what
 * follows in the same turn goes together at its end.
 */
export class TurnBatch<T> {
  #waiting: T[] = [];
  #isTaken = false;

  /** @param send is given what goes together, in the order in which it came */
  constructor(private readonly send: (items: readonly T[]) => void) {}

  add(item: T): void {
    if (this.#isTaken) {
      this.#waiting.push(item);
      return;
    }
    this.#isTaken = true;
    process.nextTick(this.#end);
    this.send([item]);
  }

  readonly #end = (): void => {
    this.#isTaken = false;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.send(waiting);
  };
}
