import type { OpenQuery } from '../queries/query-cache.js';
import type { ReadId } from './cache-id.js';
import type { StatementFacts } from './statements.js';
import type { QueryResultCacheOptions } from './typeorm-types.js';

/** A query that was looked up. */
export interface BegunQuery {
  readonly sql: string;
  readonly facts: StatementFacts;
  readonly id: ReadId;
  /** `RunnerState.transactions` when it began. */
  readonly transactions: number;
}

type Open = Extract<OpenQuery, { state: 'open' }>;

/**
 * The answer to a look-up that found nothing. TypeORM takes it for a result that has expired, runs the query, and hands
 * it back with the new result.
 */
export class OpenResult implements QueryResultCacheOptions {
  readonly duration = 0;
  readonly begun: BegunQuery;
  readonly #open: Open;

  constructor(begun: BegunQuery, open: Open) {
    this.begun = begun;
    this.#open = open;
  }

  store(result: unknown): Promise<void> {
    return this.#open.store(result);
  }

  drop(): void {
    this.#open.drop();
  }
}
