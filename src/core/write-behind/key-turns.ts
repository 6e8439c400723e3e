/** Runs work on one key after the other, in the order of the calls. Work on different keys runs side by side. */
export class KeyTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when all earlier work on the key has ended, also if that failed. */
  run<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#last.set(id, turn);
    const forget = (): void => {
      if (this.#last.get(id) === turn) this.#last.delete(id);
    };
    turn.then(forget, forget);
    return turn;
  }
}
