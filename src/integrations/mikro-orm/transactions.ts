import type { EntityManager } from '@mikro-orm/core';

/** An open transaction, or a savepoint in one. */
export interface OpenTransaction {
  /** Tables that were written in it. */
  readonly tables: Set<string>;
  /** The transaction around a savepoint. */
  readonly outer: OpenTransaction | undefined;
  /** True once the database was told to commit: from then on only the database knows the outcome. */
  isCommitting: boolean;
}

/** A transaction whose queries cannot be told from others: the port passes no entity manager. */
interface HiddenTransaction {
  readonly manager: WeakRef<EntityManager>;
  isEnding: boolean;
}

/**
 * The transactions of one MikroORM instance, by the objects that MikroORM makes for them. A failed rollback has no
 * event of its end: such a transaction is over as soon as its entity manager has no part in it.
 */
export class Transactions {
  readonly #open = new WeakMap<object, OpenTransaction>();
  readonly #hidden = new Map<object, HiddenTransaction>();

  /** True while any query of the process might run in a transaction that the adapter cannot see. */
  get isAnyHidden(): boolean {
    for (const [transaction, { manager, isEnding }] of this.#hidden)
      if (isEnding && manager.deref()?.getTransactionContext() !== transaction) this.#hidden.delete(transaction);
    return this.#hidden.size > 0;
  }

  /** @param outer the transaction around a savepoint */
  begin(transaction: object, outer: object | undefined): OpenTransaction {
    const open = { tables: new Set<string>(), outer: outer && this.#open.get(outer), isCommitting: false };
    this.#open.set(transaction, open);
    return open;
  }

  hide(transaction: object, manager: EntityManager): void {
    this.#hidden.set(transaction, { manager: new WeakRef(manager), isEnding: false });
  }

  find(transaction: object | undefined): OpenTransaction | undefined {
    return transaction && this.#open.get(transaction);
  }

  beginRollback(transaction: object): void {
    const hidden = this.#hidden.get(transaction);
    if (hidden !== undefined) hidden.isEnding = true;
  }

  end(transaction: object): void {
    this.#open.delete(transaction);
    this.#hidden.delete(transaction);
  }
}
