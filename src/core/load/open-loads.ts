import { draftOfLoad } from './entry-drafts.js';
import type { GuardedGrant, GuardedStore } from './guarded-store.js';
import type { LoadPlan } from './load-policy.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Awaitable, EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';
import { type Clock, idleMs, type Timer } from '../ports/clock.port.js';

export interface OpenLoadsParts {
  readonly store: GuardedStore;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
}

/** The answer to `OpenLoads.open`: an entry that another caller has stored, or a load that waits for its value. */
export type Begun = { readonly entry: StoredEntry } | { readonly load: OpenLoad };

/** A load whose value its owner computes, after the fence was set. `commit` or `drop` ends it. */
export interface OpenLoad {
  /** Stores the value, unless what it was computed from was invalidated since. A fault is reported. */
  commit(value: unknown): Promise<void>;
  /** Ends the load without a value. */
  drop(): void;
}

/** A load that its owner forgot ends after this time. */
const LIMIT_MS = 60_000;

/**
 * Loads for libraries that ask for a value, compute it themselves and hand it in later, or never. Each caller computes
 * its own: nobody can wait for a load whose end might not be told.
 */
export class OpenLoads {
  readonly #parts: OpenLoadsParts;
  readonly #open = new Set<OpenLoad>();

  constructor(parts: OpenLoadsParts) {
    this.#parts = parts;
  }

  /**
   * Looks the key up, and begins a load where there is no fresh entry. Counts a hit or a miss. Answers a hit at once
   * where the store does.
   * @param planOf gives the plan of the load, if one begins
   */
  open(key: string, namespace: string | undefined, planOf: () => LoadPlan): Awaitable<Begun> {
    const { store, clock } = this.#parts;
    const found = store.tryGet(key, namespace);
    if (!(found instanceof Promise)) return this.#hit(found) ?? this.#begin(key, planOf(), 0);
    const sentMs = idleMs(clock);
    return store.continueWith(found, (entry) => this.#hit(entry) ?? this.#begin(key, planOf(), idleMs(clock) - sentMs));
  }

  /** Ends all open loads. */
  close(): void {
    for (const load of this.#open) load.drop();
  }

  #hit(entry: StoredEntry | undefined): Begun | undefined {
    const { clock, reporter } = this.#parts;
    if (entry === undefined || clock.nowMs() >= entry.freshUntilMs) return undefined;
    reporter.hit(entry, undefined);
    return { entry };
  }

  async #begin(key: string, plan: LoadPlan, waitedMs: number): Promise<Begun> {
    const { store, reporter } = this.#parts;
    const grant = await store.begin([key], plan.namespace, {
      purpose: 'load',
      exclusive: false,
      tags: typeof plan.tags === 'function' ? [] : plan.tags,
      computesTags: typeof plan.tags === 'function',
      waitedMs,
    });
    const [ticket] = grant.tickets;
    const hit = ticket?.state === 'found' ? this.#hit(ticket.entry) : undefined;
    if (hit !== undefined) {
      await grant.release();
      return hit;
    }
    reporter.miss(key, plan.namespace, undefined);
    return { load: this.#track(key, plan, grant) };
  }

  #track(key: string, plan: LoadPlan, grant: GuardedGrant): OpenLoad {
    const { clock } = this.#parts;
    const startedMs = clock.nowMs();
    const end = (): boolean => {
      timer.cancel();
      return this.#open.delete(load);
    };
    const load: OpenLoad = {
      commit: async (value) => {
        if (end()) await this.#commit(key, plan, grant, { value, loadMs: clock.nowMs() - startedMs });
      },
      drop: () => {
        if (end()) void grant.release();
      },
    };
    const timer: Timer = clock.schedule(LIMIT_MS, () => load.drop());
    this.#open.add(load);
    return load;
  }

  async #commit(
    key: string,
    plan: LoadPlan,
    grant: GuardedGrant,
    { value, loadMs }: { value: unknown; loadMs: number },
  ): Promise<void> {
    const { reporter } = this.#parts;
    let stored: readonly (StoredEntry | undefined)[] = [];
    try {
      const draft: EntryDraft | undefined = draftOfLoad(plan, key, value, loadMs);
      if (draft !== undefined) stored = await grant.commit([draft]);
    } catch (error) {
      reporter.notStored(error, key, plan.caller);
    } finally {
      await grant.release();
    }
    const [entry] = stored;
    reporter.loaded([key], plan, loadMs, new Map(entry === undefined ? [] : [[key, entry]]));
  }
}
