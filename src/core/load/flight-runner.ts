import type { LoadContext } from './call-options.js';
import { draftOfLoad } from './entry-drafts.js';
import { Flight, FlightTable, type GroupFactory, type LoadPurpose } from './flight.js';
import type { GuardedGrant, GuardedStore } from './guarded-store.js';
import type { LoadPlan } from './load-policy.js';
import { LoadRun } from './load-run.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Caller } from '../observation/caller.js';
import type {
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadTicket,
  StoredEntry,
} from '../ports/cache-adapter.port.js';
import { type Clock, idleMs } from '../ports/clock.port.js';
import { settledWithin } from '../ports/grace.js';
import { hitBy } from '../ports/invalidation-target.js';
import { copyValue } from '../values/value-copier.js';
import { CacheSerializationError, CacheTimeoutError } from '../vocabulary/cache.errors.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

export interface RunnerParts {
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
  /** Classes of the user whose instances may be in values. */
  readonly types: ValueTypes;
}

/** Keys that are loaded together. */
export interface FlightOrder {
  readonly keys: readonly string[];
  readonly plan: LoadPlan;
  readonly factory: GroupFactory;
  /** Time that the caller has waited for the store already, in milliseconds. @default 0 */
  readonly waitedMs?: number;
}

/**
 * Runs flights: begins them at the store, calls the factory, commits the result and ends them. It knows no caller;
 * `ValueLoader` decides how long a caller waits and which value it gets.
 */
export class FlightRunner {
  readonly #store: GuardedStore;
  readonly #scopes: CallScopes;
  readonly #clock: Clock;
  readonly #reporter: CacheReporter;
  readonly #types: ValueTypes;
  readonly #flights = new FlightTable();
  readonly #runs = new Set<LoadRun>();

  constructor(parts: RunnerParts) {
    this.#store = parts.store;
    this.#scopes = parts.scopes;
    this.#clock = parts.clock;
    this.#reporter = parts.reporter;
    this.#types = parts.types;
  }

  isLoading(key: string, namespace: string | undefined): boolean {
    return this.#flights.has(key, namespace);
  }

  /**
   * Joins or starts a flight for each key. The keys that nobody loads yet share one call of the factory. A transaction
   * shares no flight: what it loads is for itself alone.
   */
  joinOrStart({ keys, plan, factory, waitedMs = 0 }: FlightOrder, purpose: LoadPurpose): Flight[] {
    const tags = typeof plan.tags === 'function' ? undefined : plan.tags;
    const isAlone = plan.singleFlight === false || this.#scopes.transaction !== undefined;
    const ready: Flight[] = [];
    const behindOthers: Flight[] = [];
    const flights = keys.map((key) => {
      const { flight, isNew } = isAlone
        ? { flight: new Flight(key, plan.namespace, tags, undefined), isNew: true }
        : this.#flights.join(key, plan.namespace, tags);
      flight.addCaller(purpose);
      if (isNew) (flight.previous === undefined ? ready : behindOthers).push(flight);
      else this.#reporter.coalesced();
      return flight;
    });
    for (const group of [ready, behindOthers]) if (group.length > 0) this.#start(group, plan, factory, waitedMs);
    return flights;
  }

  /** Lets later callers pass the loads that `target` has made invalid. */
  detach(target: InvalidationTarget): void {
    if (target.kind !== 'expired') this.#flights.detach(hitBy(target));
  }

  /** Resolves when no load runs, or after `graceMs`: loads that still run are then given up. */
  async drain(graceMs: number): Promise<void> {
    const idle = Promise.all([...this.#runs].map((run) => run.ended));
    if (await settledWithin(this.#clock, graceMs, idle)) return;
    for (const run of this.#runs)
      run.giveUp(new CacheTimeoutError(`The cache was closed while \`${run.keys.join('`, `')}\` was loading.`));
  }

  #start(flights: readonly Flight[], plan: LoadPlan, factory: GroupFactory, waitedMs: number): void {
    const detach = (): void => flights.forEach((flight) => this.#flights.remove(flight));
    const run = new LoadRun(flights, plan, factory, { waitedMs, detach });
    this.#runs.add(run);
    void this.#run(run)
      .catch((error: unknown) => flights.forEach((flight) => this.#flights.fail(flight, error)))
      .finally(() => {
        this.#runs.delete(run);
        run.end();
      });
  }

  async #run(run: LoadRun): Promise<void> {
    await Promise.all(run.flights.map((flight) => flight.turn()));
    let pending = run.flights.filter(({ isSettled }) => !isSettled);
    while (pending.length > 0 && !run.isGivenUp()) {
      for (const flight of pending) flight.send();
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
      for (const flight of pending) flight.endHold();
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
    for (const flight of flights) flight.fence(grant.isFenced);
    return grant;
  }

  async #compute(run: LoadRun, granted: readonly GrantedFlight[], grant: LoadGrant): Promise<void> {
    const keys = granted.map(({ flight }) => flight.key);
    const grantedOf = new Map(granted.map((each) => [each.flight.key, each]));
    const startedMs = this.#clock.nowMs();
    try {
      const values = await Promise.race([
        this.#scopes.inLoad(() =>
          this.#traced(granted, run.plan, () =>
            run.factory(keys, (key) => this.#contextOf(key, run, grantedOf.get(key))),
          ),
        ),
        run.givenUp,
      ]);
      if (values !== undefined) await this.#commit(run, granted, grant, values, this.#clock.nowMs() - startedMs);
    } catch (error) {
      this.#reporter.loadFailed(keys, run.plan, this.#clock.nowMs() - startedMs, error);
      for (const { flight } of granted) this.#flights.fail(flight, error);
    } finally {
      await grant.release();
    }
  }

  /** Runs `load` in a span where the cache is traced. */
  #traced<T>(granted: readonly GrantedFlight[], plan: LoadPlan, load: () => Promise<T>): Promise<T> {
    const keys = granted.map(({ flight }) => flight.key);
    return this.#reporter.tracedLoad(keys, plan.namespace, load, (span) => {
      for (const { flight } of granted) flight.trace = span;
    });
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

  async #commit(
    run: LoadRun,
    granted: readonly GrantedFlight[],
    grant: LoadGrant,
    values: ReadonlyMap<string, unknown>,
    loadMs: number,
  ): Promise<void> {
    const keys = granted.map(({ flight }) => flight.key);
    const drafts = new Map(
      keys.flatMap((key) => {
        const draft = this.#draftOf(run.plan, key, values.get(key), loadMs);
        return draft === undefined ? [] : [[key, draft]];
      }),
    );
    const stored = await this.#commitStorable(grant, [...drafts.values()], run.plan.caller);
    this.#reporter.loaded(keys, run.plan, loadMs, stored);
    for (const { flight } of granted) {
      this.#flights.land(
        flight,
        values.has(flight.key)
          ? {
              kind: 'loaded',
              value: values.get(flight.key),
              entry: stored.get(flight.key),
              draft: drafts.get(flight.key),
            }
          : { kind: 'absent' },
      );
    }
  }

  /**
   * A fault in a function of the plan must not cost a caller its value: it is reported, and the value is not stored.
   */
  #draftOf(plan: LoadPlan, key: string, value: unknown, loadMs: number): EntryDraft | undefined {
    try {
      return draftOfLoad(plan, key, value, loadMs);
    } catch (error) {
      this.#reporter.notStored(error, key, plan.caller);
      return undefined;
    }
  }

  /** Stores the drafts. One that cannot be stored is reported and left out; the others of its batch are stored. */
  async #commitStorable(
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
      return storable.length < drafts.length ? this.#commitStorable(grant, storable, caller) : new Map();
    }
  }

  #isStorable(value: unknown): boolean {
    try {
      copyValue(value, 'clone', this.#types);
      return true;
    } catch {
      return false;
    }
  }
}

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

/** Sorts flights by their tickets: the value is stored already, may be loaded here, or is being loaded elsewhere. */
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
    const current = currentOf(ticket);
    if (ticket?.state === 'found') found.push({ flight, entry: ticket.entry });
    else if (current !== undefined && flight.isRenewedBy(current, nowMs)) found.push({ flight, entry: current });
    else if (ticket?.state === 'held') held.push({ flight, settled: ticket.settled });
    else granted.push({ flight, current });
  });
  return { found, granted, held };
}

function currentOf(ticket: LoadTicket | undefined): StoredEntry | undefined {
  return ticket?.state === 'granted' ? ticket.current : undefined;
}
