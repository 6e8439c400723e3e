import type { QueryRunner } from 'typeorm';
import type { OpenResult } from './open-result.js';

/** Results at most that one query runner has open. Only a runner that is never told of an end comes to so many. */
const OPEN_RESULTS = 100;

/** What one query runner has done in its transaction, and for which queries it is asked now. */
export class RunnerState {
  readonly #runner: QueryRunner;
  readonly #open = new Set<OpenResult>();
  #tables = new Set<string>();
  #tags = new Set<string>();
  #transactions = 0;
  #isOpenByHand = false;
  #hasOwnSession = false;
  #isOutcomeUnknown = false;

  /** The last invalidation outside of a transaction. Never rejects. */
  invalidation: Promise<void> | undefined;

  constructor(runner: QueryRunner) {
    this.#runner = runner;
  }

  get isInTransaction(): boolean {
    return this.#runner.isTransactionActive || this.#isOpenByHand;
  }

  /** True for a transaction that was begun by SQL. */
  get isOpenByHand(): boolean {
    return this.#isOpenByHand;
  }

  /** True when what it reads is not for others: in a transaction, or with a session of its own. */
  get isBypassed(): boolean {
    return this.isInTransaction || this.#hasOwnSession;
  }

  /** True when a commit has failed, which the database may have done all the same. */
  get isOutcomeUnknown(): boolean {
    return this.#isOutcomeUnknown;
  }

  /** Transactions so far. One that is over has changed what a query of this connection may have read. */
  get transactions(): number {
    return this.#transactions;
  }

  begin(): void {
    this.#transactions++;
    this.#isOutcomeUnknown = false;
  }

  beginByHand(): void {
    this.begin();
    this.#isOpenByHand = true;
  }

  /** The session has settings of its own from now on. */
  changeSession(): void {
    this.#hasOwnSession = true;
  }

  failCommit(): void {
    this.#isOutcomeUnknown = true;
  }

  keep(tables: readonly string[], tags: readonly string[] = []): void {
    for (const table of tables) this.#tables.add(table);
    for (const tag of tags) this.#tags.add(tag);
  }

  /** Returns what was kept, and stays as it is. */
  get kept(): { readonly tables: readonly string[]; readonly tags: readonly string[] } {
    return { tables: [...this.#tables], tags: [...this.#tags] };
  }

  /** Ends the transaction. */
  end(): void {
    this.#isOpenByHand = false;
    this.#isOutcomeUnknown = false;
    this.#tables = new Set();
    this.#tags = new Set();
  }

  addOpen(result: OpenResult): void {
    this.#open.add(result);
    const [oldest] = this.#open;
    if (this.#open.size > OPEN_RESULTS && oldest !== undefined) this.drop(oldest);
  }

  /** The results that wait for this statement. */
  openFor(sql: string): OpenResult[] {
    return [...this.#open].filter(({ begun }) => begun.sql === sql);
  }

  drop(result: OpenResult): void {
    if (this.#open.delete(result)) result.drop();
  }

  /** Takes a result out that is about to be stored. @returns false when it was dropped */
  take(result: OpenResult): boolean {
    return this.#open.delete(result);
  }
}
