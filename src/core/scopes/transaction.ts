import type { EntryDraft } from '../ports/cache-adapter.port.js';
import { type Addressed, type EntryTarget, hitBy } from '../ports/invalidation-target.js';

/** An invalidation that is kept back. */
interface KeptInvalidation {
  readonly hits: (entry: Addressed) => boolean;
  readonly run: () => Promise<unknown>;
}

/** The changes of a transaction. Those of one list may be made in any order, but the lists one after the other. */
export interface KeptChanges {
  readonly invalidations: readonly (() => Promise<unknown>)[];
  readonly sets: readonly { readonly namespace: string | undefined; readonly drafts: readonly EntryDraft[] }[];
  readonly last: readonly (() => Promise<unknown>)[];
}

/** Values that are kept back: by namespace, and then by key. */
type KeptDrafts = Map<string | undefined, Map<string, EntryDraft>>;

/**
 * The changes that a transaction keeps back until its work has succeeded. All invalidations are made first, and then
 * the values are stored: a value that a later invalidation of the transaction hits is not kept.
 */
export class Transaction {
  readonly #outer: Transaction | undefined;
  readonly #invalidations = new Map<string, KeptInvalidation>();
  readonly #drafts: KeptDrafts = new Map();
  readonly #last: { readonly run: () => Promise<unknown>; readonly changed: Addressed | undefined }[] = [];
  #isEnded = false;

  /** @param outer the transaction that this one is nested in */
  constructor(outer?: Transaction) {
    this.#outer = outer;
  }

  /**
   * The transaction that a call in this one belongs to: the outer one when this one has ended, and none when all have.
   * What runs on without being awaited is no part of a transaction.
   */
  get running(): Transaction | undefined {
    return this.#isEnded ? this.#outer?.running : this;
  }

  /** True for an entry that the transaction has changed: reads in it must not see the stored one. */
  hides(entry: Addressed): boolean {
    if (this.#drafts.get(entry.namespace)?.has(entry.key) === true) return true;
    for (const { hits } of this.#invalidations.values()) if (hits(entry)) return true;
    const isLast = this.#last.some(
      ({ changed }) => changed?.key === entry.key && changed.namespace === entry.namespace,
    );
    if (isLast) return true;
    return this.#outer?.hides(entry) === true;
  }

  /**
   * Keeps an invalidation back.
   * @param run makes it; one of several equal ones is enough
   */
  invalidate(target: EntryTarget, isSoft: boolean, run: () => Promise<unknown>): void {
    this.#keep(`${isSoft ? 'soft' : ''}${JSON.stringify(target)}`, { hits: hitBy(target), run });
  }

  /** Keeps values back, in the place of those that were kept for the same keys. */
  set(drafts: readonly EntryDraft[], namespace: string | undefined): void {
    const kept = this.#drafts.get(namespace) ?? new Map<string, EntryDraft>();
    this.#drafts.set(namespace, kept);
    for (const draft of drafts) kept.set(draft.key, draft);
  }

  /**
   * Keeps back what must follow all other changes.
   * @param changed the entry that it changes, which reads must not see meanwhile
   */
  after(run: () => Promise<unknown>, changed?: Addressed): void {
    this.#last.push({ run, changed });
  }

  /**
   * Ends a nested transaction: its changes become those of the outer one. After a failure only the invalidations do,
   * because one too many does no harm.
   */
  joinOuter(outer: Transaction, isDone: boolean): void {
    this.#isEnded = true;
    for (const [name, invalidation] of this.#invalidations) outer.#keep(name, invalidation);
    if (!isDone) return;
    for (const [namespace, drafts] of this.#drafts) outer.set([...drafts.values()], namespace);
    outer.#last.push(...this.#last);
  }

  /** Ends the transaction, and returns the changes that it has kept back. */
  end(): KeptChanges {
    this.#isEnded = true;
    return {
      invalidations: [...this.#invalidations.values()].map(({ run }) => run),
      sets: [...this.#drafts].map(([namespace, drafts]) => ({ namespace, drafts: [...drafts.values()] })),
      last: this.#last.map(({ run }) => run),
    };
  }

  #keep(name: string, invalidation: KeptInvalidation): void {
    this.#invalidations.set(name, invalidation);
    for (const [namespace, drafts] of this.#drafts) {
      for (const { key, tags } of drafts.values()) if (invalidation.hits({ key, namespace, tags })) drafts.delete(key);
    }
  }
}
