import type { SetOptions, WriteThroughOptions } from './call-options.js';
import { draftOfSet, draftOfTouch, draftOfWrite } from './entry-drafts.js';
import type { GuardedStore } from './guarded-store.js';
import type { Invalidations } from './invalidations.js';
import { type LoadPlan, readWritePlan } from './load-policy.js';
import type { ValueLoader } from './value-loader.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Caller } from '../observation/caller.js';
import type { EntryDraft, LoadGrant } from '../ports/cache-adapter.port.js';
import type { Clock } from '../ports/clock.port.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { checkKey } from '../vocabulary/cache-key.js';
import { CacheConfigError } from '../vocabulary/cache.errors.js';
import { show } from '../vocabulary/show.js';

export interface WriterParts {
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly loader: ValueLoader;
  readonly invalidations: Invalidations;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
  /** The plan of a call without options. */
  readonly plan: LoadPlan;
}

/** Stores values that no factory has loaded: set, touched, or written through to a source. */
export class ValueWriter {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Stores all values, or none when one of them cannot be stored. Of several values for one key the last counts. */
  async set(entries: Iterable<readonly [string, unknown]>, options: SetOptions): Promise<void> {
    const { scopes } = this.#parts;
    const plan = readWritePlan(options, this.#parts.plan);
    const values = new Map(checkedEntries(entries));
    const drafts = [...values].map(([key, value]) => {
      checkKey(key, 'key');
      return draftOfSet(plan, key, value);
    });
    const { transaction } = scopes;
    if (transaction === undefined) return this.store(drafts, plan.namespace);
    transaction.set(
      drafts.map((draft) => ({ ...draft, value: scopes.copy(draft.value) })),
      plan.namespace,
    );
  }

  /** Stores drafts of values that were set, all or none. */
  async store(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<void> {
    const { store, loader, reporter } = this.#parts;
    if (drafts.length === 0) return;
    const isStored = await store.set(drafts, namespace);
    loader.detach({ kind: 'keys', keys: drafts.map(({ key }) => key), namespace });
    if (isStored) for (const draft of drafts) reporter.stored(draft, namespace);
  }

  /**
   * Gives a fresh value another TTL; in a transaction, when that is done.
   * @returns false when there is none, or it was invalidated meanwhile
   */
  async touch(key: string, namespace: string | undefined, ttlMs: number): Promise<boolean> {
    const { store, scopes, clock, plan } = this.#parts;
    const { transaction } = scopes;
    if (transaction !== undefined) {
      const seen = await store.get(key, namespace);
      if (seen === undefined || seen.freshUntilMs <= clock.nowMs()) return false;
      transaction.after(() => this.touch(key, namespace, ttlMs));
      return true;
    }
    const grant = await store.begin([key], namespace, {
      purpose: 'refresh',
      exclusive: false,
      tags: [],
      computesTags: true,
    });
    try {
      const [ticket] = grant.tickets;
      const entry = ticket?.state === 'granted' ? ticket.current : undefined;
      if (entry === undefined || entry.freshUntilMs <= clock.nowMs()) return false;
      return await this.#commit(grant, { key }, () => draftOfTouch(entry, ttlMs, plan));
    } finally {
      await grant.release();
    }
  }

  /**
   * Runs `write` and stores its result. Where that fails, and in a transaction, it invalidates the key instead: `write`
   * has changed the source.
   */
  async writeThrough<T>(
    key: string,
    write: () => Promise<T>,
    { tags: given, ...options }: WriteThroughOptions<T>,
  ): Promise<T> {
    const tags = given ?? [];
    const { store, loader, invalidations, clock } = this.#parts;
    const knownTags = typeof tags === 'function' ? [] : tags;
    const plan = readWritePlan({ ...options, tags: knownTags }, this.#parts.plan);
    const grant = await store.begin([key], plan.namespace, {
      purpose: 'write',
      exclusive: false,
      tags: knownTags,
      computesTags: typeof tags === 'function',
    });
    try {
      const startedMs = clock.nowMs();
      const value = await write();
      const loadMs = clock.nowMs() - startedMs;
      const isStored =
        value !== undefined &&
        plan.ttlMs > 0 &&
        (await this.#commit(grant, { key, caller: plan.caller }, () =>
          draftOfWrite(plan, tags as LoadPlan['tags'], { key, value, loadMs }),
        ));
      if (isStored) loader.detach({ kind: 'keys', keys: [key], namespace: plan.namespace });
      else await invalidations.ofOutdated(key, plan.namespace);
      return value;
    } finally {
      await grant.release();
    }
  }

  /** @returns true when the draft is stored; false after a fault of `draft` or of the store, which is reported */
  async #commit(
    grant: LoadGrant,
    { key, caller }: { key: string; caller?: Caller | undefined },
    draft: () => EntryDraft,
  ): Promise<boolean> {
    const { reporter } = this.#parts;
    try {
      const [stored] = await grant.commit([draft()]);
      if (stored !== undefined) reporter.stored(stored, stored.namespace);
      return stored !== undefined;
    } catch (error) {
      reporter.notStored(error, key, caller);
      return false;
    }
  }
}

/** @throws CacheConfigError where `entries` cannot be iterated over */
function checkedEntries<E>(entries: Iterable<E>): Iterable<E> {
  if (typeof (entries as Partial<Iterable<E>> | null | undefined)?.[Symbol.iterator] === 'function') return entries;
  throw new CacheConfigError(
    `Expected the entries as pairs of a key and a value, such as [['a', 1]], got \`${show(entries)}\`. ` +
      'Write `Object.entries(...)` around an object.',
  );
}
