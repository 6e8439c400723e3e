import type { UnstoredAnswer } from '../response/unstored-answer.js';

/** A run of a handler whose answer goes past the store. */
export interface RunPastStore {
  readonly number: number;
  /** What other requests may be answered with; `undefined` where nothing is. Rejects as the handler does. */
  readonly outcome: Promise<UnstoredAnswer | undefined>;
}

/**
 * The runs past the store that are under way, one a key. They are numbered, so that a request can tell a run that has
 * begun before it came: something may have been invalidated between the two, and the request must not get what was
 * computed before that.
 */
export class RunsPastStore {
  readonly #running = new Map<string, RunPastStore>();
  #last = 0;

  /** The number of the run that has begun last; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  under(key: string): RunPastStore | undefined {
    return this.#running.get(key);
  }

  /** Takes `outcome` for that of the run under `key`, until it is known. */
  begin(key: string, outcome: Promise<UnstoredAnswer | undefined>): void {
    this.#running.set(key, { number: ++this.#last, outcome });
    const end = (): void => void this.#running.delete(key);
    outcome.then(end, end);
  }
}
