import type { Flight, GroupFactory } from './flight.js';
import type { LoadPlan } from './load-policy.js';
import { CacheTimeoutError } from '../vocabulary/cache.errors.js';

/** One call of a factory, for one flight or for several. */
export class LoadRun {
  readonly keys: readonly string[];
  /** Time that the first caller has waited for the store, in milliseconds. */
  waitedMs: number;
  /** Resolves when the run is given up. */
  readonly givenUp: Promise<undefined>;
  readonly ended: Promise<void>;
  #isGivenUp = false;
  readonly #detach: () => void;
  readonly #controller = new AbortController();
  #announceGivenUp!: () => void;
  #announceEnd!: () => void;

  /** @param detach removes the flights from the table, so that new callers do not wait for them */
  constructor(
    readonly flights: readonly Flight[],
    readonly plan: LoadPlan,
    readonly factory: GroupFactory,
    { waitedMs, detach }: { waitedMs: number; detach: () => void },
  ) {
    this.keys = flights.map((flight) => flight.key);
    this.waitedMs = waitedMs;
    this.#detach = detach;
    this.givenUp = new Promise((resolve) => (this.#announceGivenUp = () => resolve(undefined)));
    this.ended = new Promise((resolve) => (this.#announceEnd = resolve));
    for (const flight of flights) flight.assign(factory, () => this.#giveUpIfUnwanted());
  }

  isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the run now: its callers get `reason`, and a later result of the factory is dropped. */
  giveUp(reason: CacheTimeoutError): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#controller.abort(reason);
    this.#detach();
    this.#announceGivenUp();
    for (const flight of this.flights) flight.fail(reason);
  }

  end(): void {
    this.#detach();
    this.#announceEnd();
  }

  #giveUpIfUnwanted(): void {
    if (this.flights.every(({ isWanted }) => !isWanted))
      this.giveUp(new CacheTimeoutError(`Nobody waits for \`${this.keys.join('`, `')}\` any more.`));
  }
}
