import {
  ChangeSetType,
  type EntityManager,
  type EventArgs,
  type FlushEventArgs,
  TransactionContext,
  type TransactionEventArgs as AnyTransactionEventArgs,
  type UnitOfWork,
  wrap,
} from '@mikro-orm/core';
import type { QueryCache } from '../queries/query-cache.js';
import type { KnownOrm } from './known-orm.js';
import { tablesOfEntity, tablesOfWrite } from './query-tables.js';
import type { OpenTransaction, Transactions } from './transactions.js';

/** The arguments, with the transaction as what it is here: an object with an identity. */
type TransactionEventArgs = Omit<AnyTransactionEventArgs, 'transaction'> & { transaction?: object };

/** Events of entities that MikroORM dispatches outside its transactions, or without waiting for the listener. */
const QUIET_EVENTS = ['onInit', 'onLoad'];
const EVENT_NAMES = /^(before|after)(Create|Update|Upsert|Delete|Transaction\w+|Flush)$|^onFlush$/;

/**
 * Collects the tables that are written in each transaction, and invalidates them when the outermost one is committed.
 *
 * A flush writes in a transaction of its own, unless there is one: its change sets are read at the last event before
 * the commit, since other subscribers add to them. Outside a transaction (`implicitTransactions: false`) the end of the
 * flush takes the place of the commit.
 *
 * After a rollback nothing is invalidated, unless the commit had begun: it may have succeeded, when a subscriber has
 * thrown after it, or when the connection was lost.
 */
export class WriteSubscriber {
  readonly #queries: QueryCache;
  readonly #orm: KnownOrm;
  readonly #transactions: Transactions;
  /** By the entity manager of a savepoint that begins: the transaction around it. */
  readonly #outer = new WeakMap<EntityManager, object>();
  /** Flushes whose own transaction is committed, and invalidated. */
  readonly #flushed = new WeakSet<UnitOfWork>();

  constructor(queries: QueryCache, orm: KnownOrm, transactions: Transactions) {
    this.#queries = queries;
    this.#orm = orm;
    this.#transactions = transactions;
  }

  onInit({ em }: EventArgs<unknown>): void {
    this.#orm.learn(em);
  }

  beforeTransactionStart({ em, transaction }: TransactionEventArgs): void {
    this.#orm.learn(em);
    if (transaction === undefined) this.#outer.delete(em);
    else this.#outer.set(em, transaction);
  }

  afterTransactionStart({ em, transaction, uow }: TransactionEventArgs): void {
    if (transaction === undefined) return;
    this.#transactions.begin(transaction, this.#outer.get(em));
    if (canRunQueries(em, uow)) this.#transactions.hide(transaction, em);
  }

  onFlush({ em, uow }: FlushEventArgs): void {
    this.#orm.learn(em);
    this.#flushed.delete(uow);
    this.#collect(em, uow);
  }

  async afterFlush({ em, uow }: FlushEventArgs): Promise<void> {
    if (this.#flushed.delete(uow) || this.#collect(em, uow) !== undefined) return;
    const tables = tablesOf(uow);
    if (tables.length > 0) await this.#queries.invalidateCommitted(tables);
  }

  async afterUpsert({ em, meta }: EventArgs<unknown>): Promise<void> {
    const tables = tablesOfWrite(meta, false);
    const open = this.#transactions.find(em.getTransactionContext<object>());
    if (open === undefined) await this.#queries.invalidateCommitted(tables);
    else for (const table of tables) open.tables.add(table);
  }

  beforeTransactionCommit({ transaction, uow }: TransactionEventArgs): void {
    const open = this.#transactions.find(transaction);
    if (open === undefined) return;
    if (uow !== undefined) add(open, uow);
    open.isCommitting = true;
  }

  async afterTransactionCommit({ transaction, uow }: TransactionEventArgs): Promise<void> {
    await this.#end(transaction);
    if (uow !== undefined && tablesOf(uow).length > 0) this.#flushed.add(uow);
  }

  beforeTransactionRollback({ transaction }: TransactionEventArgs): Promise<void> | void {
    if (transaction === undefined) return;
    this.#transactions.beginRollback(transaction);
    if (this.#transactions.find(transaction)?.isCommitting === true) return this.#end(transaction);
  }

  afterTransactionRollback({ transaction }: TransactionEventArgs): void {
    if (transaction !== undefined) this.#transactions.end(transaction);
  }

  /** Adds the tables of a flush to its transaction. @returns the transaction */
  #collect(em: EntityManager, uow: UnitOfWork): OpenTransaction | undefined {
    const open = this.#transactions.find(em.getTransactionContext<object>());
    if (open !== undefined) add(open, uow);
    return open;
  }

  /** Ends a transaction that is committed, or may be. Only the outermost one invalidates. */
  async #end(transaction: object | undefined): Promise<void> {
    const open = this.#transactions.find(transaction);
    if (transaction === undefined || open === undefined) return;
    this.#transactions.end(transaction);
    if (open.outer !== undefined) for (const table of open.tables) open.outer.tables.add(table);
    else if (open.tables.size > 0) await this.#queries.invalidateCommitted([...open.tables]);
  }
}

/**
 * True where queries of the application may run in the transaction and look like any other: after `em.begin`, and in
 * hooks and other subscribers of a flush. Those in `em.transactional` have its context.
 */
function canRunQueries(em: EntityManager, uow: UnitOfWork | undefined): boolean {
  if (TransactionContext.currentTransactionContext()?.em === em) return false;
  return uow === undefined || tablesOf(uow).length === 0 || hasHooks(em);
}

function hasHooks(em: EntityManager): boolean {
  const others = [...em.getEventManager().getSubscribers()].filter((each) => !(each instanceof WriteSubscriber));
  return (
    others.some((each) => namesOf(each).some((name) => EVENT_NAMES.test(name))) ||
    [...em.getMetadata()].some((meta) => Object.keys(meta.hooks).some((name) => !QUIET_EVENTS.includes(name)))
  );
}

function namesOf(subscriber: object): string[] {
  const names: string[] = [];
  for (let each: object | null = subscriber; each !== null; each = Object.getPrototypeOf(each) as object | null)
    names.push(...Object.getOwnPropertyNames(each));
  return names;
}

function add(open: OpenTransaction, uow: UnitOfWork): void {
  for (const table of tablesOf(uow)) open.tables.add(table);
}

function tablesOf(uow: UnitOfWork): string[] {
  const changed = uow.getChangeSets().flatMap(({ meta, type }) => tablesOfWrite(meta, isDelete(type)));
  const collections = uow
    .getCollectionUpdates()
    .flatMap(({ property: { pivotTable, targetMeta } }) => [
      ...(pivotTable ? [pivotTable] : []),
      ...(targetMeta === undefined ? [] : tablesOfEntity(targetMeta)),
    ]);
  const extra = [...uow.getExtraUpdates()].flatMap(([entity]) => tablesOfEntity(wrap(entity, true).__meta));
  return [...new Set([...changed, ...collections, ...extra])];
}

function isDelete(type: ChangeSetType): boolean {
  return type === ChangeSetType.DELETE || type === ChangeSetType.DELETE_EARLY;
}
