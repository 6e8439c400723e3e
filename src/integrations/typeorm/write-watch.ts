import type { DataSource, QueryRunner } from 'typeorm';
import type { QueryCache } from '../queries/query-cache.js';
import { RunnerState } from './runner-state.js';
import type { Effect } from './statement.js';
import type { StatementFacts, Statements } from './statements.js';
import type { TransactionScopes } from './transaction-scopes.js';
import type { AfterQueryEvent } from './typeorm-types.js';

/** Databases in which a change of the schema commits the transaction that it is in. */
const COMMITS_WITH_SCHEMA: readonly string[] = ['mysql', 'mariadb', 'oracle', 'sap', 'spanner'];

export interface WriteWatchParts {
  readonly dataSource: DataSource;
  readonly statements: Statements;
  readonly scopes: TransactionScopes;
  readonly queries: () => QueryCache;
}

/**
 * Sees every statement that TypeORM has run, and invalidates the queries on the tables of those that write: at once
 * outside of a transaction, else when the outermost one is committed. A write that has failed counts, because the
 * database may have done a part of it; so does a commit that has failed, as the connection may be lost after it.
 */
export class WriteWatch {
  readonly #states = new WeakMap<QueryRunner, RunnerState>();
  readonly #parts: WriteWatchParts;

  constructor(parts: WriteWatchParts) {
    this.#parts = parts;
  }

  stateOf(runner: QueryRunner): RunnerState {
    const known = this.#states.get(runner);
    if (known !== undefined) return known;
    const state = new RunnerState(runner);
    this.#states.set(runner, state);
    return state;
  }

  async ran({ query, queryRunner, success }: AfterQueryEvent): Promise<void> {
    const facts = this.#parts.statements.factsOf(query);
    if (facts.effect === 'none' && !facts.changesSession) return;
    const state = this.stateOf(queryRunner);
    if (facts.changesSession) state.changeSession();
    if (facts.effect === 'write') await this.#wrote(state, facts);
    else await this.#ranByHand(state, facts.effect, success);
  }

  began(runner: QueryRunner): void {
    this.stateOf(runner).begin();
  }

  /** A commit inside of another transaction leaves that one active. */
  async committed(runner: QueryRunner): Promise<void> {
    if (!runner.isTransactionActive) await this.#commit(this.stateOf(runner));
  }

  async rolledBack(runner: QueryRunner): Promise<void> {
    if (runner.isTransactionActive) return;
    const state = this.stateOf(runner);
    if (state.isOutcomeUnknown) await this.#commit(state);
    else state.end();
  }

  /** Follows transactions that are made by SQL. Those of TypeORM have events of their own. */
  async #ranByHand(state: RunnerState, effect: Effect, success: boolean): Promise<void> {
    if (effect === 'begin' && success && !state.isInTransaction) state.beginByHand();
    if (effect === 'rollback' && state.isOpenByHand) state.end();
    if (effect !== 'commit') return;
    if (state.isOpenByHand) await this.#commit(state);
    else if (!success) state.failCommit();
  }

  async #wrote(state: RunnerState, { tables, definesSchema }: StatementFacts): Promise<void> {
    if (!state.isInTransaction) return (state.invalidation = this.#parts.queries().invalidateCommitted(tables));
    state.keep(tables);
    const { type } = this.#parts.dataSource.options;
    if (definesSchema && COMMITS_WITH_SCHEMA.includes(type)) await this.#invalidateKept(state);
  }

  async #commit(state: RunnerState): Promise<void> {
    this.#parts.scopes.committed();
    const invalidated = this.#invalidateKept(state);
    state.end();
    await invalidated;
  }

  #invalidateKept({ kept }: RunnerState): Promise<void> {
    return this.#parts.queries().invalidateCommitted(kept.tables, kept.tags);
  }
}
