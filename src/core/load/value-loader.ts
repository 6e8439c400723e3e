import { CacheSerializationError, CacheTimeoutError } from '../vocabulary/cache.errors.js';
import { type LoadOutcome, StoredOutcome } from '../ports/cache-entry.js';
import type { LoadContext } from './call-options.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Caller } from '../observation/caller.js';
import { Flight, FlightTable, type FlightResult, type GroupFactory, type LoadPurpose } from './flight.js';
import { type GuardedGrant, type GuardedStore, UNREADABLE } from './guarded-store.js';
import { draftOfLoad } from './entry-drafts.js';
import type { LoadPlan } from './load-policy.js';
import type {
  Awaitable,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadTicket,
  StoredEntry,
} from '../ports/cache-adapter.port.js';
import { type Clock, idleMs } from '../ports/clock.port.js';
import { settledWithin } from '../ports/grace.js';
import { hitBy } from '../ports/invalidation-target.js';
import { LoadRun } from './load-run.js';
import { copyValue } from '../values/value-copier.js';
import type { ValueTypes } from '../vocabulary/value-types.js';
import { isValid } from './value-validation.js';

/*
 * The one load path. Every value that was computed, by getOrSet, a decorator, a route, a batch or a background refresh,
 * comes through here, so that what holds for one holds for all.
 *
 * A flight is one load of one key. Its life: gathering -> sent -> gone. While it gathers anybody may join. It is sent
 * when `begin` is called on the adapter, which fences the key; from then on its value may be older than an invalidation
 * that a new caller has already seen acknowledged, so new callers gather in its successor. It is gone as soon as it has
 * a result or an error, even while its grant is being given back. The successor is sent when the flight is gone, and
 * its own `begin` finds the value that was just stored, if no invalidation came between: then nobody computes anything.
 * This is why 1,000 callers cost one factory call and still none gets a value whose load began before its call and was
 * invalidated since.
 *
 * Races, and who decides them:
 * - invalidation during a load: the adapter's fence; `commit` answers that nothing was stored.
 * - invalidation by this process: also takes the flight out of the table, so that later callers need not wait for it.
 * - all callers gave up (hard time-out): the grant is released at once, the late result is dropped.
 * - expired value while loading fails: read again from the store before it is served, because it may be invalid by now.
 */

export interface LoaderParts {
  readonly store: GuardedStore;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
  /** Whether several callers of one load each get a copy of its value. */
  readonly isolatesCallers: boolean;
  /** Whose instances may be in the values. */
  readonly types: ValueTypes;
}

/** What a caller wants loaded. */
export interface LoadOrder {
  readonly keys: readonly string[];
  readonly plan: LoadPlan;
  readonly factory: GroupFactory;
  /** What was found stored, in the order of the keys: expired entries, which may be served where the plan allows it. */
  readonly found?: readonly (StoredEntry | undefined)[];
  /** @default 'load' */
  readonly purpose?: 'load' | 'refresh';
  /** How long looking for them took. @default 0 */
  readonly waitedMs?: number;
}

export class ValueLoader {
  readonly #store: GuardedStore;
  readonly #clock: Clock;
  readonly #reporter: CacheReporter;
  readonly #isolatesCallers: boolean;
  readonly #types: ValueTypes;
  readonly #flights = new FlightTable();
  readonly #runs = new Set<LoadRun>();
  #isClosed = false;
  /** Counts those who wait for a flight, in the order in which they asked. */
  #askers = 0;

  constructor(parts: LoaderParts) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#reporter = parts.reporter;
    this.#isolatesCallers = parts.isolatesCallers;
    this.#types = parts.types;
  }

  /**
   * The value of each key: the expired one of `found` where the plan allows it, else loaded. Keys without a value are
   * absent. With purpose `refresh` everything is loaded, whatever is stored.
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
    const flights = this.#depart({ ...order, keys: missing }, purpose);
    const loaded = await Promise.all(flights.map((flight) => this.#await(flight, plan, factory)));
    missing.forEach((key, i) => {
      const outcome = loaded[i];
      if (outcome !== undefined) outcomes.set(key, outcome);
    });
    return outcomes;
  }

  /**
   * Replaces entries that nobody is replacing, here or in another process, and lets nobody wait for it. Failures are
   * told to the reporter alone.
   */
  renewInBackground(entries: readonly StoredEntry[], plan: LoadPlan, factory: GroupFactory): void {
    if (this.#isClosed) return;
    const idle = new Map(
      entries.filter(({ key }) => !this.#flights.has(key, plan.namespace)).map((entry) => [entry.key, entry]),
    );
    for (const flight of this.#depart({ keys: [...idle.keys()], plan, factory }, 'renew')) {
      flight.replaced = idle.get(flight.key);
      this.#keepWaiting(flight, plan.hardTimeoutMs);
    }
  }

  /** Callers that come from now on do not wait for loads that `target` has made invalid. */
  detach(target: InvalidationTarget): void {
    if (target.kind !== 'expired') this.#flights.detach(hitBy(target));
  }

  /**
   * Ends when no load is under way, or after `graceMs`; loads that are still running are then given up. A call that is
   * still reading may load afterwards: nobody waits for it, and it gets its value.
   */
  async drain(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const idle = Promise.all([...this.#runs].map((run) => run.ended));
    if (await settledWithin(this.#clock, graceMs, idle)) return;
    for (const run of this.#runs)
      run.giveUp(new CacheTimeoutError(`The cache was closed while \`${run.keys.join('`, `')}\` was loading.`));
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

  /** Joins or starts a flight for each key. The keys that nobody loads yet share one call of the factory. */
  #depart({ keys, plan, factory, waitedMs = 0 }: LoadOrder, purpose: LoadPurpose): Flight[] {
    const tags = typeof plan.tags === 'function' ? undefined : plan.tags;
    const first: Flight[] = [];
    const after: Flight[] = [];
    const flights = keys.map((key) => {
      const { flight, isNew } =
        plan.singleFlight === false
          ? { flight: new Flight(key, plan.namespace, tags, undefined), isNew: true }
          : this.#flights.join(key, plan.namespace, tags);
      flight.strengthen(purpose);
      flight.interest++;
      if (isNew) (flight.previous === undefined ? first : after).push(flight);
      else this.#reporter.coalesced();
      return flight;
    });
    for (const group of [first, after]) if (group.length > 0) this.#start(group, plan, factory, waitedMs);
    return flights;
  }

  #start(flights: readonly Flight[], plan: LoadPlan, factory: GroupFactory, waitedMs: number): void {
    const takeOff = (): void => flights.forEach((flight) => this.#flights.remove(flight));
    const run = new LoadRun(flights, plan, factory, takeOff);
    for (const flight of flights) flight.factory = factory;
    run.waitedMs = waitedMs;
    this.#runs.add(run);
    void this.#fly(run)
      .catch((error: unknown) => flights.forEach((flight) => this.#flights.fail(flight, error)))
      .finally(() => {
        this.#runs.delete(run);
        takeOff();
        run.end();
      });
  }

  async #fly(run: LoadRun): Promise<void> {
    await Promise.all(run.flights.map(async (flight) => flight.previous?.gone));
    for (const flight of run.flights) flight.previous = undefined;
    let pending = run.flights.filter(({ isSettled }) => !isSettled);
    while (pending.length > 0 && !run.isGivenUp()) {
      for (const flight of pending) flight.isGathering = false;
      const grant = await this.#begin(run, pending);
      if (run.isGivenUp()) {
        await grant.release();
        return;
      }
      const { found, granted, held } = sortByTicket(pending, grant, this.#clock.nowMs());
      for (const { flight, entry } of found) this.#flights.land(flight, { kind: 'found', entry });
      if (granted.length > 0) await this.#compute(run, granted, grant);
      else await grant.release();
      if (held.length > 0) await Promise.race([Promise.all(held.map(({ settled }) => settled)), run.givenUp]);
      pending = held.map(({ flight }) => flight);
      // Somebody else has replaced the entry meanwhile, or tried to.
      for (const flight of pending) if (flight.purpose === 'renew') flight.purpose = 'load';
    }
  }

  async #begin(run: LoadRun, flights: readonly Flight[]): Promise<GuardedGrant> {
    const { plan, waitedMs } = run;
    const sentMs = idleMs(this.#clock);
    const grant = await this.#store.begin(
      flights.map((flight) => flight.key),
      plan.namespace,
      {
        purpose: flights.every((flight) => flight.purpose === 'load') ? 'load' : 'refresh',
        exclusive: plan.singleFlight === 'cluster',
        tags: typeof plan.tags === 'function' ? [] : plan.tags,
        computesTags: typeof plan.tags === 'function',
        waitedMs,
      },
    );
    run.waitedMs += idleMs(this.#clock) - sentMs;
    for (const flight of flights) flight.isFenced = grant.isFenced;
    return grant;
  }

  async #compute(run: LoadRun, granted: readonly GrantedFlight[], grant: LoadGrant): Promise<void> {
    const keys = granted.map(({ flight }) => flight.key);
    const grantedOf = new Map(granted.map((each) => [each.flight.key, each]));
    const startedMs = this.#clock.nowMs();
    try {
      const values = await Promise.race([
        run.factory(keys, (key) => this.#contextOf(key, run, grantedOf.get(key))),
        run.givenUp,
      ]);
      if (values !== undefined) await this.#keep(run, granted, grant, values, this.#clock.nowMs() - startedMs);
    } catch (error) {
      this.#reporter.loadFailed(keys, run.plan.namespace, this.#clock.nowMs() - startedMs, error);
      for (const { flight } of granted) this.#flights.fail(flight, error);
    } finally {
      await grant.release();
    }
  }

  async #keep(
    run: LoadRun,
    granted: readonly GrantedFlight[],
    grant: LoadGrant,
    values: ReadonlyMap<string, unknown>,
    loadMs: number,
  ): Promise<void> {
    const keys = granted.map(({ flight }) => flight.key);
    const drafts = keys.flatMap((key) => this.#draftOf(run.plan, key, values.get(key), loadMs) ?? []);
    const stored = await this.#commit(grant, drafts, run.plan.caller);
    this.#reporter.loaded(keys, run.plan.namespace, loadMs, (key) => stored.has(key));
    for (const { flight } of granted) {
      this.#flights.land(
        flight,
        values.has(flight.key)
          ? { kind: 'loaded', value: values.get(flight.key), entry: stored.get(flight.key) }
          : { kind: 'absent' },
      );
    }
  }

  /**
   * A plan whose functions fail, or answer what cannot be used, must not cost anybody the value: it is reported and not
   * stored.
   */
  #draftOf(plan: LoadPlan, key: string, value: unknown, loadMs: number): EntryDraft | undefined {
    try {
      return draftOfLoad(plan, key, value, loadMs);
    } catch (error) {
      this.#reporter.notStored(error, key, plan.caller);
      return undefined;
    }
  }

  /**
   * A value that cannot be stored is reported and left out; it must not keep its neighbours in a batch from being
   * stored.
   */
  async #commit(
    grant: LoadGrant,
    drafts: readonly EntryDraft[],
    caller: Caller | undefined,
  ): Promise<Map<string, StoredEntry>> {
    if (drafts.length === 0) return new Map();
    try {
      const entries = await grant.commit(drafts);
      return new Map(drafts.flatMap(({ key }, i) => (entries[i] === undefined ? [] : [[key, entries[i]]])));
    } catch (error) {
      const storable =
        error instanceof CacheSerializationError ? drafts.filter(({ value }) => this.#isStorable(value)) : [];
      this.#reporter.notStored(error, drafts.find((draft) => !storable.includes(draft))?.key ?? '', caller);
      return storable.length < drafts.length ? this.#commit(grant, storable, caller) : new Map();
    }
  }

  #contextOf(key: string, run: LoadRun, granted: GrantedFlight | undefined): LoadContext<unknown> {
    const times = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
    const stale = granted?.current === undefined ? undefined : this.#store.describe(granted.current, times);
    return {
      key,
      signal: run.signal,
      canStore: granted?.flight.isFenced === true,
      ...(stale === undefined ? {} : { stale }),
      notModified() {
        if (stale !== undefined) return stale.value;
        throw new Error(
          `\`notModified()\` was called while loading \`${key}\`, but no earlier value is left. Check \`stale\` first.`,
        );
      },
    };
  }

  /** Waits for a flight as one of its callers: with that caller's time-outs and its claim on stale values. */
  async #await(flight: Flight, plan: LoadPlan, factory: GroupFactory): Promise<LoadOutcome | undefined> {
    const asker = ++this.#askers;
    let outcome: LoadOutcome | undefined;
    try {
      outcome = this.#outcomeOf(flight, await this.#settle(flight, plan.softTimeoutMs, plan.hardTimeoutMs));
    } catch (error) {
      return this.#fallBack(flight, plan, factory, { error, asker });
    }
    // Somebody else's batch had no value for the key; one's own factory may.
    if (outcome === undefined && flight.factory !== factory)
      return (await this.load({ keys: [flight.key], plan, factory })).get(flight.key);
    if (outcome?.status !== 'hit' || outcome.entry === undefined || (await isValid(plan.validate, outcome.entry)))
      return outcome;
    return (await this.load({ keys: [flight.key], plan, factory, purpose: 'refresh' })).get(flight.key);
  }

  /**
   * An expired value instead of an error or of more waiting, where the plan allows it. It is read now: had it been
   * invalidated, it would be gone.
   */
  async #fallBack(
    flight: Flight,
    plan: LoadPlan,
    factory: GroupFactory,
    { error, asker }: { error: unknown; asker: number },
  ): Promise<LoadOutcome | undefined> {
    const isSlow = error === SOFT_TIMEOUT;
    const mayServe = flight.isFenced && (isSlow || plan.staleIfErrorMs > 0);
    const entry = mayServe ? await this.#expiredFor(flight, asker) : undefined;
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

  /** What is stored, read after `asker` had asked: many callers of a load that fails share one read. */
  #expiredFor(flight: Flight, asker: number): Awaitable<StoredEntry | undefined> {
    if (flight.fallback === undefined || flight.fallback.forAskers < asker) {
      flight.fallback = { forAskers: this.#askers, entry: this.#store.get(flight.key, flight.namespace) };
    }
    return flight.fallback.entry;
  }

  /** Holds on to a flight whose caller has its answer already, for as long as that caller would have waited. */
  #keepWaiting(flight: Flight, hardTimeoutMs: number): void {
    this.#settle(flight, Infinity, hardTimeoutMs).catch(() => undefined);
  }

  #settle(flight: Flight, softTimeoutMs: number, hardTimeoutMs: number): Promise<FlightResult> {
    if (softTimeoutMs === Infinity && hardTimeoutMs === Infinity) return flight.result;
    return new Promise((resolve, reject) => {
      const isSoftFirst = softTimeoutMs < hardTimeoutMs;
      const timer = this.#clock.schedule(Math.min(softTimeoutMs, hardTimeoutMs), () => {
        if (isSoftFirst) return reject(SOFT_TIMEOUT);
        reject(
          new CacheTimeoutError(
            `Loading \`${flight.key}\` took longer than its \`hardTimeout\`. Make the factory faster, raise the option, or set \`staleIfError\` to serve an expired value.`,
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
    const value = isFirst ? result.value : this.#shareOf(result.value, result.entry);
    return {
      value,
      status: 'miss',
      isCollapsed: !isFirst,
      ...(result.entry === undefined ? {} : { entry: result.entry }),
    };
  }

  #isStorable(value: unknown): boolean {
    try {
      copyValue(value, 'clone', this.#types);
      return true;
    } catch {
      return false;
    }
  }

  #shareOf(value: unknown, entry: StoredEntry | undefined): unknown {
    try {
      if (entry !== undefined) return entry.read();
      return this.#isolatesCallers ? copyValue(value, 'clone', this.#types) : value;
    } catch {
      // It could not be stored, or read again, for the same reason, and that was reported; sharing it is what is left.
      return value;
    }
  }
}

/** Told apart by identity; never leaves this file. */
const SOFT_TIMEOUT = new Error('soft time-out');

interface FoundFlight {
  readonly flight: Flight;
  readonly entry: StoredEntry;
}

interface GrantedFlight {
  readonly flight: Flight;
  readonly current: StoredEntry | undefined;
}

interface HeldFlight {
  readonly flight: Flight;
  readonly settled: Promise<void>;
}

/** Of some flights the value is there already; the others may be loaded, or are being loaded elsewhere. */
function sortByTicket(
  flights: readonly Flight[],
  grant: LoadGrant,
  nowMs: number,
): { found: FoundFlight[]; granted: GrantedFlight[]; held: HeldFlight[] } {
  const found: FoundFlight[] = [];
  const granted: GrantedFlight[] = [];
  const held: HeldFlight[] = [];
  flights.forEach((flight, i) => {
    const ticket = grant.tickets[i];
    const entry = ticket?.state === 'found' ? ticket.entry : newerEntry(flight, ticket, nowMs);
    if (entry !== undefined) found.push({ flight, entry });
    else if (ticket?.state === 'held') held.push({ flight, settled: ticket.settled });
    else granted.push({ flight, current: currentOf(ticket) });
  });
  return { found, granted, held };
}

/** What another process has put in place of the entry that the flight was to replace. */
function newerEntry(
  { purpose, replaced }: Flight,
  ticket: LoadTicket | undefined,
  nowMs: number,
): StoredEntry | undefined {
  const current = currentOf(ticket);
  if (purpose !== 'renew' || replaced === undefined || current === undefined || current.freshUntilMs <= nowMs)
    return undefined;
  return current.createdAtMs === replaced.createdAtMs && current.ttlMs === replaced.ttlMs ? undefined : current;
}

function currentOf(ticket: LoadTicket | undefined): StoredEntry | undefined {
  return ticket?.state === 'granted' ? ticket.current : undefined;
}
