import type { UnstoredAnswer } from '../response/unstored-answer.js';

/** A run of a handler whose response is not stored, because of an outage of the store. */
export interface RunPastStore {
  readonly number: number;
  /** The response for other requests; `undefined` when it must not be shared. Rejects with the error of the handler. */
  readonly outcome: Promise<UnstoredAnswer | undefined>;
}

/**
 * The runs past the store that are under way, one for each key. Their numbers tell a request which runs had begun
 * before it came. It must not share those: something may have been invalidated in between.
 */
export class RunsPastStore {
  readonly #running = new Map<string, RunPastStore>();
  #last = 0;

  /** The number of the youngest run; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  under(key: string): RunPastStore | undefined {
    return this.#running.get(key);
  }

  /** Registers a run, until its outcome is known. */
  begin(key: string, outcome: Promise<UnstoredAnswer | undefined>): void {
    this.#running.set(key, { number: ++this.#last, outcome });
    const end = (): void => void this.#running.delete(key);
    outcome.then(end, end);
  }
}
