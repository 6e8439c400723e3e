import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { QueryCache } from '../queries/query-cache.js';

/** A transaction of the database that a call is in. */
interface Scope {
  /** True when the database has done something that a failure afterwards does not take back. */
  isCommitted: boolean;
}

/** The methods of an entity manager that run in a transaction. */
type Wrapped = 'transaction' | 'save' | 'remove' | 'softRemove' | 'recover';
type Method = (this: EntityManager, ...given: unknown[]) => Promise<unknown>;

const PERSISTING = ['save', 'remove', 'softRemove', 'recover'] as const satisfies Wrapped[];

/**
 * Lets the transactions of a data source be transactions of the cache, too: what the application changes in the cache
 * while one runs is kept back until its commit. It is also made when the commit was done and the call fails afterwards,
 * as it does when a subscriber throws. Nothing that `save()` loads to find changes comes from the cache.
 */
export class TransactionScopes {
  readonly #scopes = new AsyncLocalStorage<Scope>();
  readonly #dataSource: DataSource;
  readonly #queries: () => QueryCache;

  constructor(dataSource: DataSource, queries: () => QueryCache) {
    this.#dataSource = dataSource;
    this.#queries = queries;
    const methods = this.#methods();
    // TypeORM makes a manager for each query runner. The methods are those of an instance: other data sources, and
    // others who change the class, keep theirs.
    const create = dataSource.createEntityManager.bind(dataSource);
    dataSource.createEntityManager = (runner) => Object.assign(create(runner), methods);
    Object.assign(dataSource.manager, methods);
  }

  /** Notes that the transaction of this call was committed. */
  committed(): void {
    const scope = this.#scopes.getStore();
    if (scope !== undefined) scope.isCommitted = true;
  }

  #methods(): Record<Wrapped, Method> {
    const prototype = Object.getPrototypeOf(this.#dataSource.manager) as Record<Wrapped, Method>;
    const run = this.#run.bind(this);
    const needsScope = this.#needsScope.bind(this);
    const isTransactional = this.#dataSource.driver.transactionSupport !== 'none';
    const persisting = PERSISTING.map((name): [Wrapped, Method] => [
      name,
      function (this: EntityManager, ...given) {
        const work = (): Promise<unknown> => prototype[name].apply(this, given);
        return needsScope() ? run(this.queryRunner, isTransactional && !isWithoutTransaction(given), work) : work();
      },
    ]);
    return {
      ...(Object.fromEntries(persisting) as Record<(typeof PERSISTING)[number], Method>),
      transaction(this: EntityManager, ...given) {
        return run(this.queryRunner, true, () => prototype.transaction.apply(this, given));
      },
    };
  }

  /**
   * True when code of the application can run inside of `save()`, or its queries come from the cache. A transaction of
   * the cache is not free: on Node 20 the first one makes each promise of the process a little slower.
   */
  #needsScope(): boolean {
    const { subscribers, entityMetadatas, options } = this.#dataSource;
    const isAlwaysEnabled = typeof options.cache === 'object' && options.cache.alwaysEnabled === true;
    return isAlwaysEnabled || subscribers.length > 1 || entityMetadatas.some(({ listeners }) => listeners.length > 0);
  }

  /** @param commitsAtEnd false for work whose statements are committed one by one */
  async #run<T>(runner: QueryRunner | undefined, commitsAtEnd: boolean, work: () => Promise<T>): Promise<T> {
    const scope: Scope = { isCommitted: !commitsAtEnd };
    let failure: { readonly error: unknown } | undefined;
    const result = await this.#transaction(runner, () =>
      this.#scopes.run(scope, async () => {
        try {
          return await work();
        } catch (error) {
          if (!scope.isCommitted) throw error;
          failure = { error };
          return undefined as T;
        }
      }),
    );
    if (failure !== undefined) throw failure.error;
    return result;
  }

  #transaction<T>(runner: QueryRunner | undefined, work: () => Promise<T>): Promise<T> {
    const queries = this.#queries();
    const isInside = this.#scopes.getStore() !== undefined;
    return isInside && !this.#isActive(runner) ? queries.separateTransaction(work) : queries.transaction(work);
  }

  /** True when a transaction is active where the work will run: then it joins that one. */
  #isActive(runner: QueryRunner | undefined): boolean {
    // Databases with one connection have one query runner, which belongs to the driver.
    const { queryRunner: only } = this.#dataSource.driver as { queryRunner?: QueryRunner };
    return (runner ?? only)?.isTransactionActive === true;
  }
}

/** True for `save(..., { transaction: false })`. The entities may be preceded by their class. */
function isWithoutTransaction(given: readonly unknown[]): boolean {
  const [first] = given;
  const hasTarget = given.length > 1 && (typeof first !== 'object' || isSchema(first));
  const options = given[hasTarget ? 2 : 1] as { transaction?: boolean } | undefined;
  return options?.transaction === false;
}

function isSchema(value: object | null): boolean {
  return (value as { '@instanceof'?: unknown } | null)?.['@instanceof'] === Symbol.for('EntitySchema');
}
