import { CacheTimeoutError } from '../vocabulary/cache.errors.js';
import type { Flight, GroupFactory } from './flight.js';
import type { LoadPlan } from './load-policy.js';

/** One call of a factory, for one flight or many. */
export class LoadRun {
  readonly keys: readonly string[];
  /** How long the first caller has waited for the store, in milliseconds. */
  waitedMs = 0;
  /** Resolves when the run is given up. */
  readonly givenUp: Promise<undefined>;
  readonly ended: Promise<void>;
  #isGivenUp = false;
  end!: () => void;
  readonly #controller = new AbortController();
  #tellGivenUp!: () => void;

  /** @param takeOff takes the flights out of the way of new callers */
  constructor(
    readonly flights: readonly Flight[],
    readonly plan: LoadPlan,
    readonly factory: GroupFactory,
    readonly takeOff: () => void,
  ) {
    this.keys = flights.map((flight) => flight.key);
    this.givenUp = new Promise((resolve) => (this.#tellGivenUp = () => resolve(undefined)));
    this.ended = new Promise((resolve) => (this.end = resolve));
    for (const flight of flights) flight.onAbandoned = () => this.#giveUpIfUnwanted();
  }

  isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the run now: its callers get `reason`, and what the factory still brings is dropped. */
  giveUp(reason: CacheTimeoutError): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#controller.abort(reason);
    this.takeOff();
    this.#tellGivenUp();
    for (const flight of this.flights) flight.fail(reason);
  }

  #giveUpIfUnwanted(): void {
    if (this.flights.every(({ interest }) => interest === 0))
      this.giveUp(new CacheTimeoutError(`Nobody waits for \`${this.keys.join('`, `')}\` any more.`));
  }
}
