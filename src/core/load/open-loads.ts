import { draftOfLoad } from './entry-drafts.js';
import type { GuardedGrant, GuardedStore } from './guarded-store.js';
import type { LoadPlan } from './load-policy.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';
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

  /** Looks the key up, and begins a load where there is no fresh entry. Counts a hit or a miss. */
  async open(key: string, plan: LoadPlan): Promise<Begun> {
    const { store, clock, reporter } = this.#parts;
    const sentMs = idleMs(clock);
    const entry = await store.get(key, plan.namespace);
    const begun =
      entry !== undefined && clock.nowMs() < entry.freshUntilMs
        ? { entry }
        : await this.#begin(key, plan, idleMs(clock) - sentMs);
    if ('entry' in begun) reporter.hit(begun.entry, plan.caller);
    else reporter.miss(key, plan.namespace, plan.caller);
    return begun;
  }

  /** Ends all open loads. */
  close(): void {
    for (const load of this.#open) load.drop();
  }

  async #begin(key: string, plan: LoadPlan, waitedMs: number): Promise<Begun> {
    const { store, clock } = this.#parts;
    const grant = await store.begin([key], plan.namespace, {
      purpose: 'load',
      exclusive: false,
      tags: typeof plan.tags === 'function' ? [] : plan.tags,
      computesTags: typeof plan.tags === 'function',
      waitedMs,
    });
    const [ticket] = grant.tickets;
    if (ticket?.state === 'found' && clock.nowMs() < ticket.entry.freshUntilMs) {
      await grant.release();
      return { entry: ticket.entry };
    }
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
