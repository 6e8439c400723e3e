import { type GuardedStore, UNREADABLE } from './guarded-store.js';
import type { GroupFactory } from './flight.js';
import { isDue, type LoadPlan } from './load-policy.js';
import type { LoadOrder, ValueLoader } from './value-loader.js';
import { isValid } from './value-validation.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { StoredEntry } from '../ports/cache-adapter.port.js';
import { type LoadOutcome, StoredOutcome } from '../ports/cache-entry.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { type Clock, idleMs } from '../ports/clock.port.js';

/** A load whose keys were looked up. */
export type ReadOrder = Required<Omit<LoadOrder, 'purpose'>>;

export interface ReadThroughParts {
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly loader: ValueLoader;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
}

/** The found entries, by what can be done with them. */
interface SortedEntries {
  /** Fresh and valid: served. */
  readonly served: Map<string, LoadOutcome>;
  /** Expired and valid: served where the plan allows it. */
  readonly expired: Map<string, StoredEntry>;
  /** Fresh, but refused by `validate`: loaded as if refreshed, because the store would give them again. */
  readonly invalid: ReadonlySet<string>;
}

/** Reads values: serves the found entries that are fresh and valid, and loads the rest. */
export class ReadThrough {
  readonly #store: GuardedStore;
  readonly #scopes: CallScopes;
  readonly #loader: ValueLoader;
  readonly #reporter: CacheReporter;
  readonly #clock: Clock;

  constructor({ store, scopes, loader, reporter, clock }: ReadThroughParts) {
    this.#store = store;
    this.#scopes = scopes;
    this.#loader = loader;
    this.#reporter = reporter;
    this.#clock = clock;
  }

  /** The fresh values of `keys`, in their order. Every key is counted as a hit or a miss. */
  async freshValues<T>(keys: readonly string[], namespace: string | undefined): Promise<Map<string, T>> {
    const values = new Map<string, T>();
    const entries = await this.#store.getMany(keys, namespace);
    keys.forEach((key, i) => {
      const entry = entries[i];
      const value = entry !== undefined && this.#isFresh(entry) ? this.#store.read(entry) : UNREADABLE;
      if (entry === undefined || value === UNREADABLE) return this.#reporter.miss(key, namespace, undefined);
      this.#reporter.hit(entry, undefined);
      values.set(key, value as T);
    });
    return values;
  }

  /** Looks up all keys in one round trip, and loads the others. Values in the order of `keys`, without missing ones. */
  async many<T>(keys: readonly string[], plan: LoadPlan, factory: GroupFactory): Promise<Map<string, T>> {
    const sentMs = idleMs(this.#clock);
    const found = await this.#store.getMany(keys, plan.namespace);
    const waitedMs = idleMs(this.#clock) - sentMs;
    const values = await this.values({ keys, plan, factory, found, waitedMs });
    return new Map(
      keys.flatMap((key): [string, T][] => {
        const value = values.get(key) as T | undefined;
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  /** The outcome of each key; absent where there is no value. Every key is counted, also when this rejects. */
  async outcomes({ keys, plan, factory, found, waitedMs }: ReadOrder): Promise<Map<string, LoadOutcome>> {
    const remember = this.#scopes.remembering();
    const { served, expired, invalid } = await this.#sort({ keys, plan, found });
    const due = [...served.values()].flatMap(({ entry }) =>
      entry !== undefined && isDue(entry, plan, this.#clock.nowMs()) ? [entry] : [],
    );
    if (due.length > 0) this.#loader.renewInBackground(due, plan, factory);
    const missing = keys.filter((key) => !served.has(key) && !invalid.has(key));
    const outcomes = new Map(served);
    try {
      const loads = [
        this.#loader.load({ keys: missing, plan, factory, waitedMs, found: missing.map((key) => expired.get(key)) }),
        this.#loader.load({ keys: [...invalid], plan, factory, waitedMs, purpose: 'refresh' }),
      ];
      for (const loaded of await Promise.all(loads)) for (const [key, outcome] of loaded) outcomes.set(key, outcome);
    } finally {
      for (const key of keys) this.#reporter.outcome(key, plan.namespace, outcomes.get(key), plan.caller);
    }
    if (remember !== undefined) for (const key of keys) remember(key, plan.namespace, outcomes.get(key));
    return outcomes;
  }

  /** The value of each key; absent where there is none. A stored value that cannot be read is loaded. */
  async values(order: ReadOrder): Promise<Map<string, unknown>> {
    const outcomes = await this.outcomes(order);
    const values = new Map([...outcomes].map(([key, outcome]) => [key, this.#store.valueOf(outcome)]));
    const keys = [...values.keys()].filter((key) => values.get(key) === UNREADABLE);
    if (keys.length === 0) return values;
    const { plan, factory } = order;
    const loaded = await this.#loader.load({ plan, factory, keys, purpose: 'refresh' });
    for (const key of keys) values.set(key, loaded.get(key)?.value);
    return values;
  }

  async #sort({ keys, plan, found }: Pick<ReadOrder, 'keys' | 'plan' | 'found'>): Promise<SortedEntries> {
    const served = new Map<string, LoadOutcome>();
    const expired = new Map<string, StoredEntry>();
    const invalid = new Set<string>();
    for (const [i, key] of keys.entries()) {
      const entry = found[i];
      if (entry === undefined) continue;
      const isFresh = this.#isFresh(entry);
      if (await isValid(plan.validate, entry)) {
        if (isFresh) served.set(key, new StoredOutcome(entry, 'hit', false));
        else expired.set(key, entry);
      } else if (isFresh) {
        invalid.add(key);
      }
    }
    return { served, expired, invalid };
  }

  #isFresh(entry: StoredEntry): boolean {
    return this.#clock.nowMs() < entry.freshUntilMs;
  }
}
