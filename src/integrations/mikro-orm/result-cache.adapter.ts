import { AsyncLocalStorage } from 'node:async_hooks';
import { TransactionContext } from '@mikro-orm/core';
import type { OpenQuery, Query, QueryCache } from '../queries/query-cache.js';
import type { KnownOrm, OrmFacts } from './known-orm.js';
import { withBigInts } from './bigints.js';
import { readQueryKey } from './query-key.js';
import { rootOf, tablesOfQuery } from './query-tables.js';
import type { Transactions } from './transactions.js';

/** A query between its `get` and its `set`. */
interface Turn {
  readonly name: string;
  open: Extract<OpenQuery, { state: 'open' }> | undefined;
}

const LOST_SUBSCRIBER =
  'Expected the subscriber of `mikroOrmCache` in `MikroORM.init`, and it is not registered: queries are not cached, ' +
  'since no write would invalidate them. Spread the result after `subscribers`, and give your own as the option ' +
  '`subscribers` of `mikroOrmCache`.';
const SHARED =
  'Expected one MikroORM instance for a result of `mikroOrmCache`, got two: queries are not cached. Call ' +
  '`mikroOrmCache` once for each instance.';

/*
 * MikroORM calls `get`, runs the query, and calls `set` from the same asynchronous function, with nothing but the key:
 * two queries with one key cannot be told apart by their arguments. A result must only be stored under the fence that
 * was set before its own query. So `get` enters an asynchronous context, which `await` carries to the caller's `set`.
 * A `set` without a context of its own stores nothing.
 */

/** The result cache of MikroORM. Results are stored as MikroORM passes them: plain objects, before hydration. */
export class ResultCacheAdapter {
  readonly #queries: QueryCache;
  readonly #orm: KnownOrm;
  readonly #transactions: Transactions;
  readonly #turns = new AsyncLocalStorage<Turn>();

  constructor(queries: QueryCache, orm: KnownOrm, transactions: Transactions) {
    this.#queries = queries;
    this.#orm = orm;
    this.#transactions = transactions;
  }

  /** Looks a result up. `undefined` is a miss; `null`, 0 and an empty list are results. */
  get(name: string): Promise<unknown> {
    const turn: Turn = { name, open: undefined };
    // It must be entered before the first `await`, to reach the caller.
    this.#turns.enterWith(turn);
    return this.#look(turn);
  }

  /** Stores the result of the query that the caller has looked up, unless a table of it was written meanwhile. */
  async set(name: string, data: unknown): Promise<void> {
    const turn = this.#turns.getStore();
    if (turn?.name !== name || turn.open === undefined) return;
    const { open } = turn;
    turn.open = undefined;
    const root = readQueryKey(name)?.root;
    const meta = root && this.#orm.facts && rootOf(root, this.#orm.facts);
    await open.store(meta === undefined ? data : withBigInts(data, meta));
  }

  /** Removes nothing: results with a name (`em.clearCache`) are never stored. */
  remove(): void {
    return undefined;
  }

  /** Removes the results of all queries. */
  clear(): Promise<void> {
    return this.#queries.clear();
  }

  close(): void {
    this.#orm.forget();
  }

  async #look(turn: Turn): Promise<unknown> {
    const query = this.#queryOf(turn.name);
    if (query === undefined) return undefined;
    const opened = await this.#queries.open(query);
    if (opened.state === 'cached') return opened.result;
    turn.open = opened;
    return undefined;
  }

  /** The query of a key; `undefined` for one that must run, or cannot be cached. */
  #queryOf(name: string): Query | undefined {
    const isInTransaction = TransactionContext.currentTransactionContext() !== undefined;
    if (isInTransaction || this.#transactions.isAnyHidden || this.#queries.isBypassed) return undefined;
    const { facts } = this.#orm;
    if (facts === undefined) {
      if (this.#orm.isSubscriberLost) this.#queries.refuse(LOST_SUBSCRIBER);
      return undefined;
    }
    if (this.#orm.isShared) {
      this.#queries.refuse(SHARED);
      return undefined;
    }
    try {
      return queryOf(name, facts);
    } catch (error) {
      this.#queries.refuse(`A query was not cached: ${(error as Error).message}`, error);
      return undefined;
    }
  }
}

/** @throws Error that completes "A query was not cached: " */
function queryOf(name: string, facts: OrmFacts): Query {
  const key = readQueryKey(name);
  if (key === undefined)
    throw new Error(
      name.startsWith('["qb.execute"')
        ? 'the tables of a query builder are unknown to a result cache. Take `.cache()` away, and cache the method ' +
            'around it with `cache.getOrSet` and the tag of each table.'
        : `its key is the name \`${name}\`, which says no tables and no parameters. Write \`cache: true\` or ` +
            'a TTL in milliseconds without a name.',
    );
  const { cache } = key.options;
  return {
    identity: [facts.database, name],
    tables: tablesOfQuery(key, facts),
    ...(typeof cache === 'number' ? { ttl: cache } : {}),
  };
}
