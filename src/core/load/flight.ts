import type { LoadContext } from './call-options.js';
import type { Awaitable, StoredEntry } from '../ports/cache-adapter.port.js';

/** Computes values for keys; a key that is missing from the answer has none. */
export type GroupFactory = (
  keys: readonly string[],
  contextOf: (key: string) => LoadContext<unknown>,
) => Promise<ReadonlyMap<string, unknown>>;

/** What a flight brought home for its key. */
export type FlightResult =
  | { readonly kind: 'loaded'; readonly value: unknown; readonly entry: StoredEntry | undefined }
  | { readonly kind: 'found'; readonly entry: StoredEntry }
  /** A batch factory had no value for this key. */
  | { readonly kind: 'absent' };

/**
 * `load`: a fresh entry will do. `renew`: any entry will do that is newer than the one it replaces. `refresh`: only
 * what is computed now.
 */
export type LoadPurpose = 'load' | 'renew' | 'refresh';

const STRENGTH: Readonly<Record<LoadPurpose, number>> = { load: 0, renew: 1, refresh: 2 };

/**
 * One load of one key, and those who wait for it. It may be joined while it gathers, that is until its load is sent;
 * who comes later gathers in `next`, which is sent when this one is gone.
 */
export class Flight {
  purpose: LoadPurpose = 'load';
  /** What a `renew` replaces. */
  replaced: StoredEntry | undefined;
  /** False when the store could not be reached: then it has no expired value to fall back on either. */
  isFenced = true;
  isGathering = true;
  next: Flight | undefined;
  /** Callers that still want the result. */
  interest = 0;
  /** True once there is a result or an error, which nobody who comes later may share. */
  isSettled = false;
  /** What computes the value. */
  factory: GroupFactory | undefined;
  /** Called when the last caller has lost interest. */
  onAbandoned: (() => void) | undefined;

  readonly result: Promise<FlightResult>;
  /** Resolves when this flight no longer stands in the way of the next: it has ended, or was invalidated. */
  readonly gone: Promise<void>;

  /**
   * The expired value that callers fall back on who had asked by the time it was read: to others it may be invalid
   * already.
   */
  fallback: { readonly forAskers: number; readonly entry: Awaitable<StoredEntry | undefined> } | undefined;

  #isClaimed = false;
  #resolve!: (result: FlightResult) => void;
  #reject!: (error: unknown) => void;
  #leave!: () => void;

  constructor(
    readonly key: string,
    readonly namespace: string | undefined,
    /** The tags the result will carry; `undefined` when they are computed from it. */
    readonly tags: readonly string[] | undefined,
    /** The flight this one gathers behind; dropped once that is gone, or a busy key would hold all of its past. */
    public previous: Flight | undefined,
  ) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.gone = new Promise((resolve) => (this.#leave = resolve));
    // Whoever is interested handles the rejection; when nobody is left it must not count as unhandled.
    this.result.catch(() => undefined);
  }

  /** Another caller wants the result, for a purpose of its own. */
  strengthen(purpose: LoadPurpose): void {
    if (STRENGTH[purpose] > STRENGTH[this.purpose]) this.purpose = purpose;
  }

  /** True for the first who asks: that caller may have the factory's own value, all others get copies. */
  claim(): boolean {
    const isFirst = !this.#isClaimed;
    this.#isClaimed = true;
    return isFirst;
  }

  land(result: FlightResult): void {
    this.isSettled = true;
    this.#resolve(result);
  }

  fail(error: unknown): void {
    this.isSettled = true;
    this.#reject(error);
  }

  leave(): void {
    this.#leave();
  }

  loseInterest(): void {
    if (--this.interest === 0) this.onAbandoned?.();
  }
}

/** The flights under way, by key. */
export class FlightTable {
  readonly #current = new Map<string, Flight>();

  /**
   * The flight that a new caller of `key` may join, and whether it was made for that caller, who then has to run it.
   */
  join(
    key: string,
    namespace: string | undefined,
    tags: readonly string[] | undefined,
  ): { flight: Flight; isNew: boolean } {
    const id = flightId(key, namespace);
    const current = this.#current.get(id);
    if (current?.isGathering) return { flight: current, isNew: false };
    if (current?.next !== undefined) return { flight: current.next, isNew: false };
    const flight = new Flight(key, namespace, tags, current);
    if (current === undefined) this.#current.set(id, flight);
    else current.next = flight;
    return { flight, isNew: true };
  }

  has(key: string, namespace: string | undefined): boolean {
    return this.#current.has(flightId(key, namespace));
  }

  /**
   * Ends a flight with what it brought. Callers that come from now on load anew, though its grant may not be given back
   * yet.
   */
  land(flight: Flight, result: FlightResult): void {
    flight.land(result);
    this.remove(flight);
  }

  /**
   * Ends a flight with an error. Who gathered meanwhile gets the same one instead of hammering a source that is down.
   */
  fail(flight: Flight, error: unknown): void {
    if (flight.isSettled) return;
    const { next } = flight;
    flight.fail(error);
    this.remove(flight);
    if (next !== undefined) this.fail(next, error);
  }

  /** Takes a flight out of the way, because it has ended or because what it loads is invalid already. */
  remove(flight: Flight): void {
    const id = flightId(flight.key, flight.namespace);
    if (this.#current.get(id) === flight) {
      if (flight.next === undefined) this.#current.delete(id);
      else this.#current.set(id, flight.next);
      flight.next = undefined;
    } else if (flight.previous?.next === flight) {
      flight.previous.next = undefined;
    }
    flight.leave();
  }

  /** Removes the sent flights that an invalidation concerns: callers that come after it need not wait for them. */
  detach(isConcerned: (flight: Flight) => boolean): void {
    for (const flight of this.#current.values()) {
      if (!flight.isGathering && isConcerned(flight)) this.remove(flight);
    }
  }
}

function flightId(key: string, namespace: string | undefined): string {
  return namespace === undefined ? `-${key}` : `${namespace.length}:${namespace}${key}`;
}
