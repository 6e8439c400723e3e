import type { LoadContext } from './call-options.js';
import type { Awaitable, EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';

/** Computes values for keys. A key that is missing from the answer has no value. */
export type GroupFactory = (
  keys: readonly string[],
  contextOf: (key: string) => LoadContext<unknown>,
) => Promise<ReadonlyMap<string, unknown>>;

/** The result of a flight for its key. */
export type FlightResult =
  | {
      readonly kind: 'loaded';
      readonly value: unknown;
      readonly entry: StoredEntry | undefined;
      /** The entry as it was to be stored; absent where the options say that the value is not stored. */
      readonly draft: EntryDraft | undefined;
    }
  | { readonly kind: 'found'; readonly entry: StoredEntry }
  /** A batch factory had no value for this key. */
  | { readonly kind: 'absent' };

/**
 * The entries that a load accepts. `load`: any fresh entry. `renew`: any entry newer than the one it replaces.
 * `refresh`: none, the value is computed now.
 */
export type LoadPurpose = 'load' | 'renew' | 'refresh';

const STRENGTH: Readonly<Record<LoadPurpose, number>> = { load: 0, renew: 1, refresh: 2 };

type FlightState = 'gathering' | 'sent' | 'gone';

/**
 * One load of one key, and the callers that wait for it. Callers may join while it gathers, which ends when its load is
 * sent. Later callers gather in `next`, which is sent when this flight is gone.
 */
export class Flight {
  /** The flight that gathers behind this one. Only `FlightTable` sets it. */
  next: Flight | undefined;
  readonly result: Promise<FlightResult>;
  /** The load, for callers that have waited for it; `undefined` where the cache is not traced. */
  trace: unknown;
  /** Resolves when the next flight may be sent: this one has ended, or was invalidated. */
  readonly gone: Promise<void>;

  #state: FlightState = 'gathering';
  #purpose: LoadPurpose = 'load';
  /** The entry that a `renew` replaces. */
  #replaced: StoredEntry | undefined;
  #isFenced = true;
  #isSettled = false;
  #isClaimed = false;
  /** Callers that still want the result. */
  #interest = 0;
  #factory: GroupFactory | undefined;
  #onAbandoned: (() => void) | undefined;
  /** The expired entry for callers that came before it was read. For later ones it may be invalid already. */
  #fallback: { readonly lastCaller: number; readonly entry: Awaitable<StoredEntry | undefined> } | undefined;
  /** The flight that this one gathers behind. Dropped once that is gone, or a busy key would keep all its past. */
  #previous: Flight | undefined;
  #resolve!: (result: FlightResult) => void;
  #reject!: (error: unknown) => void;
  #leave!: () => void;

  /** @param tags the tags of the result; `undefined` when they are computed from it */
  constructor(
    readonly key: string,
    readonly namespace: string | undefined,
    readonly tags: readonly string[] | undefined,
    previous: Flight | undefined,
  ) {
    this.#previous = previous;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.gone = new Promise((resolve) => (this.#leave = resolve));
    // Callers handle the rejection. With no caller left it must not count as unhandled.
    this.result.catch(() => undefined);
  }

  get purpose(): LoadPurpose {
    return this.#purpose;
  }

  get previous(): Flight | undefined {
    return this.#previous;
  }

  get isGathering(): boolean {
    return this.#state === 'gathering';
  }

  /** False when the store could not be reached: then there is no expired value to fall back on either. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /** True once there is a result or an error, which no later caller may share. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** True while at least one caller wants the result. */
  get isWanted(): boolean {
    return this.#interest > 0;
  }

  /** Adds a caller. The strongest purpose of all callers counts. */
  addCaller(purpose: LoadPurpose): void {
    this.#interest++;
    if (STRENGTH[purpose] > STRENGTH[this.#purpose]) this.#purpose = purpose;
  }

  /** Removes a caller that no longer wants the result. */
  loseInterest(): void {
    if (--this.#interest === 0) this.#onAbandoned?.();
  }

  /** Names the entry that a `renew` replaces. */
  renewing(entry: StoredEntry | undefined): void {
    this.#replaced = entry;
  }

  /**
   * Sets the factory that computes the value.
   * @param onAbandoned called when the last caller has lost interest
   */
  assign(factory: GroupFactory, onAbandoned: () => void): void {
    this.#factory = factory;
    this.#onAbandoned = onAbandoned;
  }

  isLoadedBy(factory: GroupFactory): boolean {
    return this.#factory === factory;
  }

  /** Resolves when the flight before this one is gone. */
  async turn(): Promise<void> {
    await this.#previous?.gone;
    this.#previous = undefined;
  }

  /** Its load is sent now: nobody may join any more. */
  send(): void {
    if (this.#state === 'gathering') this.#state = 'sent';
  }

  fence(isFenced: boolean): void {
    this.#isFenced = isFenced;
  }

  /** Another process has replaced the entry meanwhile, or has tried to: from now on any fresh entry will do. */
  endHold(): void {
    if (this.#purpose === 'renew') this.#purpose = 'load';
  }

  /** True for a fresh entry that another process has put in place of the one that this flight was to replace. */
  isRenewedBy(current: StoredEntry, nowMs: number): boolean {
    if (this.#purpose !== 'renew' || this.#replaced === undefined || current.freshUntilMs <= nowMs) return false;
    return current.createdAtMs !== this.#replaced.createdAtMs || current.ttlMs !== this.#replaced.ttlMs;
  }

  /** True for the first call: that caller may have the factory's own value, all others get copies. */
  claim(): boolean {
    const isFirst = !this.#isClaimed;
    this.#isClaimed = true;
    return isFirst;
  }

  /**
   * The stored entry, read after the caller with the number `caller` came. The callers of a failed load share a read.
   * @param lastCaller the number of the youngest caller so far
   */
  fallbackFor(
    caller: number,
    lastCaller: number,
    read: () => Awaitable<StoredEntry | undefined>,
  ): Awaitable<StoredEntry | undefined> {
    if (this.#fallback === undefined || this.#fallback.lastCaller < caller)
      this.#fallback = { lastCaller, entry: read() };
    return this.#fallback.entry;
  }

  land(result: FlightResult): void {
    this.#isSettled = true;
    this.#resolve(result);
  }

  fail(error: unknown): void {
    this.#isSettled = true;
    this.#reject(error);
  }

  leave(): void {
    this.#state = 'gone';
    this.#leave();
  }
}

/** The running flights, by key. */
export class FlightTable {
  readonly #current = new Map<string, Flight>();

  /** The flight that a new caller of `key` may join. Where `isNew`, it was made for that caller, who has to run it. */
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

  /** Ends a flight with its result. Later callers load again, even while its grant is still being released. */
  land(flight: Flight, result: FlightResult): void {
    flight.land(result);
    this.remove(flight);
  }

  /**
   * Ends a flight with an error. Callers that gathered behind it get the same error, so that they do not overload a
   * source that is down.
   */
  fail(flight: Flight, error: unknown): void {
    if (flight.isSettled) return;
    const { next } = flight;
    flight.fail(error);
    this.remove(flight);
    if (next !== undefined) this.fail(next, error);
  }

  /** Removes a flight, because it has ended or because its value is invalid already. Its successor may be sent. */
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

  /** Removes the sent flights that an invalidation hits, so that later callers do not wait for them. */
  detach(isHit: (flight: Flight) => boolean): void {
    for (const flight of this.#current.values()) {
      if (!flight.isGathering && isHit(flight)) this.remove(flight);
    }
  }
}

function flightId(key: string, namespace: string | undefined): string {
  return namespace === undefined ? `-${key}` : `${namespace.length}:${namespace}${key}`;
}
