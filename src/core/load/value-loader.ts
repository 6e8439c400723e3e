import type { Flight, FlightResult, GroupFactory } from './flight.js';
import { type FlightOrder, FlightRunner } from './flight-runner.js';
import { type GuardedStore, UNREADABLE } from './guarded-store.js';
import type { LoadPlan } from './load-policy.js';
import { isValid } from './value-validation.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { InvalidationTarget, StoredEntry } from '../ports/cache-adapter.port.js';
import { type LoadOutcome, StoredOutcome } from '../ports/cache-entry.js';
import type { Clock } from '../ports/clock.port.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { copyValue } from '../values/value-copier.js';
import { CacheTimeoutError } from '../vocabulary/cache.errors.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

/*
 * The one load path. Every computed value comes through here, whether it was asked for by getOrSet, a decorator, a
 * route, a batch or a background refresh, so that what holds for one holds for all. `ValueLoader` is the side of the
 * callers: stale values, time-outs, copies. `FlightRunner` is the side of the store.
 *
 * A flight is one load of one key. Its states: gathering -> sent -> gone. While it gathers, any caller may join. It is
 * sent when `begin` is called on the adapter, which fences the key. From then on its value may be older than an
 * invalidation that a new caller has already seen acknowledged, so new callers gather in its successor. It is gone as
 * soon as it has a result or an error, even while its grant is still being released. The successor is sent when the
 * flight is gone, and its own `begin` finds the value that was just stored, if no invalidation came between: then
 * nobody computes anything. This is why 1,000 callers cost one factory call, and still none gets a value whose load
 * began before its call and was invalidated since.
 *
 * Races, and who decides them:
 * - invalidation during a load: the adapter's fence; `commit` answers that nothing was stored.
 * - invalidation by this process: it also removes the flight from the table, so that later callers do not wait for it.
 * - all callers gave up (hard time-out): the grant is released at once, the late result is dropped.
 * - expired value while loading fails: read again from the store before it is served, because it may be invalid now.
 */

export interface LoaderParts {
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
  /** True when several callers of one load each get a copy of its value. */
  readonly isolatesCallers: boolean;
  /** Classes of the user whose instances may be in values. */
  readonly types: ValueTypes;
}

/** The load that a caller wants. */
export interface LoadOrder extends FlightOrder {
  /** The stored entries, in the order of the keys. Expired ones may be served where the plan allows it. */
  readonly found?: readonly (StoredEntry | undefined)[];
  /** @default 'load' */
  readonly purpose?: 'load' | 'refresh';
}

/** Gives callers the values that they load, or stale ones where their plans allow it. */
export class ValueLoader {
  readonly #store: GuardedStore;
  readonly #scopes: CallScopes;
  readonly #clock: Clock;
  readonly #isolatesCallers: boolean;
  readonly #types: ValueTypes;
  readonly #reporter: CacheReporter;
  readonly #runner: FlightRunner;
  #isClosed = false;
  /** Callers that have waited for a flight so far. Each has its number in the order in which they came. */
  #callers = 0;

  constructor(parts: LoaderParts) {
    this.#store = parts.store;
    this.#scopes = parts.scopes;
    this.#clock = parts.clock;
    this.#isolatesCallers = parts.isolatesCallers;
    this.#types = parts.types;
    this.#reporter = parts.reporter;
    this.#runner = new FlightRunner(parts);
  }

  /**
   * The outcome of each key: the expired entry of `found` where the plan allows it, else a load. Keys without a value
   * are absent. With purpose `refresh` every key is loaded.
   */
  async load(order: LoadOrder): Promise<Map<string, LoadOutcome>> {
    const { keys, plan, factory, found = [], purpose = 'load' } = order;
    const outcomes = new Map<string, LoadOutcome>();
    const missing: string[] = [];
    const expired: StoredEntry[] = [];
    keys.forEach((key, i) => {
      const entry = found[i];
      if (entry === undefined || purpose === 'refresh' || !this.#isWithin(entry, plan.staleWhileRevalidateMs))
        return missing.push(key);
      outcomes.set(key, this.#served(entry));
      return expired.push(entry);
    });
    if (expired.length > 0) this.renewInBackground(expired, plan, factory);
    const flights = this.#runner.joinOrStart({ ...order, keys: missing }, purpose);
    const loaded = await Promise.all(flights.map((flight) => this.#await(flight, plan, factory)));
    missing.forEach((key, i) => {
      const outcome = loaded[i];
      if (outcome !== undefined) outcomes.set(key, outcome);
    });
    return outcomes;
  }

  /**
   * Replaces entries in the background, except those that this process loads already or that another process has just
   * replaced. Failures go to the reporter only. A transaction, whose loads are not stored, replaces nothing.
   */
  renewInBackground(entries: readonly StoredEntry[], plan: LoadPlan, factory: GroupFactory): void {
    if (this.#isClosed || this.#scopes.transaction !== undefined) return;
    const idle = new Map(
      entries.filter(({ key }) => !this.#runner.isLoading(key, plan.namespace)).map((entry) => [entry.key, entry]),
    );
    for (const flight of this.#runner.joinOrStart({ keys: [...idle.keys()], plan, factory }, 'renew')) {
      flight.renewing(idle.get(flight.key));
      this.#keepWaiting(flight, plan.hardTimeoutMs);
    }
  }

  /** Lets later callers pass the loads that `target` has made invalid, and what their request remembers of it. */
  detach(target: InvalidationTarget): void {
    this.#runner.detach(target);
    this.#scopes.forget(target);
  }

  /**
   * Resolves when no load runs, or after `graceMs`: loads that still run are then given up. A read that is under way
   * may load afterwards: nobody waits for it, and it gets its value.
   */
  drain(graceMs: number): Promise<void> {
    this.#isClosed = true;
    return this.#runner.drain(graceMs);
  }

  #isWithin(entry: StoredEntry, windowMs: number): boolean {
    return windowMs > 0 && this.#clock.nowMs() < entry.freshUntilMs + windowMs;
  }

  #served(entry: StoredEntry): LoadOutcome {
    return new StoredOutcome(entry, this.#statusOf(entry), false);
  }

  #statusOf(entry: StoredEntry): 'hit' | 'stale' {
    return this.#clock.nowMs() < entry.freshUntilMs ? 'hit' : 'stale';
  }

  /** Waits for a flight as one of its callers: with that caller's time-outs and its claim on stale values. */
  async #await(flight: Flight, plan: LoadPlan, factory: GroupFactory): Promise<LoadOutcome | undefined> {
    const caller = ++this.#callers;
    let outcome: LoadOutcome | undefined;
    try {
      outcome = this.#outcomeOf(flight, await this.#settle(flight, plan.softTimeoutMs, plan.hardTimeoutMs));
    } catch (error) {
      return this.#fallBack(flight, plan, factory, { error, caller });
    }
    // The batch of another caller had no value for the key; the factory of this caller may have one.
    if (outcome === undefined && !flight.isLoadedBy(factory))
      return (await this.load({ keys: [flight.key], plan, factory })).get(flight.key);
    if (outcome?.status !== 'hit' || outcome.entry === undefined || (await isValid(plan.validate, outcome.entry)))
      return outcome;
    return (await this.load({ keys: [flight.key], plan, factory, purpose: 'refresh' })).get(flight.key);
  }

  /**
   * An expired value instead of an error or of more waiting, where the plan allows it. It is read now, so an
   * invalidated one is not served.
   */
  async #fallBack(
    flight: Flight,
    plan: LoadPlan,
    factory: GroupFactory,
    { error, caller }: { error: unknown; caller: number },
  ): Promise<LoadOutcome | undefined> {
    const isSlow = error === SOFT_TIMEOUT;
    const mayServe = flight.isFenced && (isSlow || plan.staleIfErrorMs > 0);
    const entry = mayServe
      ? await flight.fallbackFor(caller, this.#callers, () => this.#store.get(flight.key, flight.namespace))
      : undefined;
    const isServable =
      entry !== undefined &&
      (isSlow || this.#isWithin(entry, plan.staleIfErrorMs)) &&
      (await isValid(plan.validate, entry));
    const value = isServable ? this.#store.read(entry) : UNREADABLE;
    const remainingMs = plan.hardTimeoutMs - plan.softTimeoutMs;
    if (isServable && value !== UNREADABLE) {
      if (isSlow) this.#keepWaiting(flight, remainingMs);
      return { entry, value, status: this.#statusOf(entry), isCollapsed: false };
    }
    if (isSlow) return this.#await(flight, { ...plan, softTimeoutMs: Infinity, hardTimeoutMs: remainingMs }, factory);
    throw error;
  }

  /** Keeps a flight wanted, although its caller has an answer already, for as long as that caller would have waited. */
  #keepWaiting(flight: Flight, hardTimeoutMs: number): void {
    this.#settle(flight, Infinity, hardTimeoutMs).catch(() => undefined);
  }

  #settle(flight: Flight, softTimeoutMs: number, hardTimeoutMs: number): Promise<FlightResult> {
    if (softTimeoutMs === Infinity && hardTimeoutMs === Infinity) return flight.result;
    return new Promise((resolve, reject) => {
      const isSoftFirst = softTimeoutMs < hardTimeoutMs;
      const timer = this.#clock.schedule(Math.min(softTimeoutMs, hardTimeoutMs), () => {
        if (isSoftFirst) return reject(SOFT_TIMEOUT);
        this.#reporter.timedOut();
        reject(
          new CacheTimeoutError(
            `Loading \`${flight.key}\` took longer than its \`hardTimeout\`. Make the factory faster, ` +
              'raise the option, or set `staleIfError` to serve an expired value.',
          ),
        );
        flight.loseInterest();
      });
      flight.result.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #outcomeOf(flight: Flight, result: FlightResult): LoadOutcome | undefined {
    if (result.kind === 'absent') return undefined;
    if (result.kind === 'found') return new StoredOutcome(result.entry, 'hit', true);
    const isFirst = flight.claim();
    if (!isFirst && flight.trace !== undefined) this.#reporter.joined(flight.trace);
    const value = isFirst ? result.value : this.#shareOf(result.value, result.entry);
    return {
      value,
      status: 'miss',
      isCollapsed: !isFirst,
      ...(result.entry === undefined ? {} : { entry: result.entry }),
      ...(result.draft === undefined ? {} : { draft: result.draft }),
    };
  }

  #shareOf(value: unknown, entry: StoredEntry | undefined): unknown {
    try {
      if (entry !== undefined) return entry.read();
      return this.#isolatesCallers ? copyValue(value, 'clone', this.#types) : value;
    } catch {
      // For the same reason it could not be stored, or read again, which was reported. It can only be shared.
      return value;
    }
  }
}

/** Compared by identity. Never leaves this file. */
const SOFT_TIMEOUT = new Error('soft time-out');
