import type { QueryCache } from '../queries/query-cache.js';
import type { PreparedQuery, Session, Transaction, WithCacheConfig } from './drizzle-internals.js';
import type { StatementRunner } from './statement-runner.js';
import { isUndone, TransactionWrites } from './transaction-writes.js';

/*
 * A session of Drizzle prepares every statement, of query builders, relational queries, `$count` and raw SQL alike, and
 * begins the transactions. So its methods are replaced by ones that do the same in the sight of the cache. A
 * transaction has a session of its own, or, on a single connection, uses that of the database meanwhile: then all
 * statements of that connection are a part of it, whoever sends them.
 */

type Method = (...args: readonly unknown[]) => unknown;
type Work = (transaction: Transaction) => unknown;

/** What is known of a watched session. */
interface SessionState {
  transaction: TransactionWrites | undefined;
  /** True while Drizzle prepares the statement of `$count`. */
  isCounting: boolean;
  /** The statements that a batch has prepared so far; `undefined` outside of one. */
  batch: PreparedQuery[] | undefined;
}

/** The methods of a prepared query that run it. Each gives its result in another form. */
const RUN_METHODS = ['execute', 'all', 'get', 'values', 'run'];

export class SessionWatch {
  readonly #queries: QueryCache;
  readonly #runner: StatementRunner;
  readonly #states = new WeakMap<Session, SessionState>();

  constructor(queries: QueryCache, runner: StatementRunner) {
    this.#queries = queries;
    this.#runner = runner;
  }

  /** @param transaction the one that the session runs; absent for the session of a database */
  watch(session: Session, transaction?: TransactionWrites): void {
    const known = this.#states.get(session);
    if (known !== undefined) {
      known.transaction = transaction;
      return;
    }
    const state: SessionState = { transaction, isCounting: false, batch: undefined };
    this.#states.set(session, state);
    this.#watchPreparing(session, state);
    this.#watchBatches(session, state);
    this.#watchTransactions(session);
  }

  #watchPreparing(session: Session, state: SessionState): void {
    const prepareQuery = session.prepareQuery.bind(session);
    session.prepareQuery = (...args) => {
      const prepared = prepareQuery(...args);
      state.batch?.push(prepared);
      this.#watchQuery(prepared, configIn(args), state);
      return prepared;
    };
    const count = session.count?.bind(session);
    if (count === undefined) return;
    session.count = (...args) => {
      state.isCounting = true;
      try {
        return count(...args);
      } finally {
        state.isCounting = false;
      }
    };
  }

  #watchQuery(prepared: PreparedQuery, config: WithCacheConfig | undefined, state: SessionState): void {
    const { queryMetadata, fields, customResultMapper, mapper, mode } = prepared;
    const isMapped = [fields, customResultMapper, mapper].some((part) => part !== undefined);
    const isRaw = !isMapped && queryMetadata === undefined && !state.isCounting;
    const shape = `${isMapped ? 'mapped' : 'plain'} ${typeof mode === 'string' ? mode : ''}`;
    const last = watchMethods(prepared);
    const queryWithCache = prepared.queryWithCache.bind(prepared);
    prepared.cache = undefined;
    prepared.queryWithCache = (...call) => {
      const [sql, parameters, method] = call;
      const { token = prepared.authToken } = last;
      return this.#runner.run({
        sql: sql as string,
        parameters: parameters as readonly unknown[],
        prepared,
        config,
        isRaw,
        isPersonal: token !== undefined,
        form: `${shape} ${last.method} ${typeof method === 'string' ? method : ''}`,
        transaction: state.transaction,
        run: () => queryWithCache(...call),
      });
    };
  }

  /** A batch sends its statements together. It prepares them before anything else. */
  #watchBatches(session: Session, state: SessionState): void {
    const batch = session.batch?.bind(session);
    if (batch === undefined) return;
    session.batch = (queries) => {
      const prepared: PreparedQuery[] = [];
      state.batch = prepared;
      try {
        const running = batch(queries);
        const written = prepared.flatMap((query) => this.#runner.writtenBy(query, query.getQuery().sql));
        return this.#runner.runWrite(written, state.transaction, () => running);
      } finally {
        state.batch = undefined;
      }
    };
  }

  #watchTransactions(session: Session): void {
    const transaction = session.transaction?.bind(session);
    if (transaction === undefined) return;
    session.transaction = (work, config) =>
      this.#runTransaction(work, (watchedWork) => transaction(watchedWork, config));
  }

  async #runTransaction(work: Work, begin: (work: Work) => unknown): Promise<unknown> {
    const writes = new TransactionWrites();
    try {
      return await this.#queries.transaction(async () => {
        const result = await begin(async (transaction) => {
          this.#watchTransaction(transaction, writes);
          const value = await work(transaction);
          writes.isCommitting = true;
          return value;
        });
        writes.end();
        await this.#queries.invalidate(writes.tables);
        return result;
      });
    } catch (error) {
      writes.end();
      if (writes.isCommitting && !isUndone(error)) await this.#queries.invalidateCommitted(writes.tables);
      throw error;
    }
  }

  /** Watches a transaction and those nested in it. What a nested one writes is invalidated even if that one fails. */
  #watchTransaction(transaction: Transaction, writes: TransactionWrites): void {
    this.watch(transaction.session, writes);
    const nested = transaction.transaction?.bind(transaction);
    if (nested === undefined) return;
    transaction.transaction = (work, config) =>
      nested((inner) => {
        this.#watchTransaction(inner, writes);
        return work(inner);
      }, config);
  }
}

/** Notes the method and the token of the call that runs now, before the query asks for a result. */
function watchMethods(prepared: PreparedQuery): { method: string; token?: unknown } {
  const last: { method: string; token?: unknown } = { method: '' };
  const methods = prepared as unknown as Record<string, Method | undefined>;
  for (const name of RUN_METHODS) {
    const method = methods[name]?.bind(prepared);
    if (method === undefined) continue;
    methods[name] = (...args) => {
      last.method = name;
      if (name === 'execute') last.token = args[1];
      return method(...args);
    };
  }
  return last;
}

/** The word of `$withCache` among the arguments, whose order differs between the dialects. */
function configIn(args: readonly unknown[]): WithCacheConfig | undefined {
  return args.find(
    (arg): arg is WithCacheConfig =>
      typeof arg === 'object' && arg !== null && ('enable' in arg || 'enabled' in arg) && !('sql' in arg),
  );
}
