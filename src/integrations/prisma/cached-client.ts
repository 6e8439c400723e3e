import { AsyncLocalStorage } from 'node:async_hooks';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import type { QueryCache } from '../queries/query-cache.js';
import type { ModelTables } from './data-model.js';
import { type DecimalClass, keyable, pack, type PackedResult, unpack } from './decimals.js';
import type { CacheStrategy } from './prisma-types.js';

/** A call of a model, as Prisma passes it to an extension. */
export interface Call {
  readonly model: string;
  readonly operation: string;
  readonly args: unknown;
  readonly query: (args: unknown) => Promise<unknown>;
  /** Its `transaction` is there in both kinds of transactions. */
  readonly __internalParams?: { readonly transaction?: unknown };
}

const READS = [
  ...['findMany', 'findFirst', 'findFirstOrThrow', 'findUnique', 'findUniqueOrThrow'],
  ...['count', 'aggregate', 'groupBy'],
];

/** Runs the calls of a client: reads with a strategy through the cache, and writes with an invalidation after them. */
export class CachedClient {
  readonly #queries: QueryCache;
  readonly #tables: ModelTables;
  readonly #globalOmit: unknown;
  /** The class of decimals, from the first result that has one: Prisma's own is generated into the application. */
  #decimal: DecimalClass | undefined;

  /** The tables that the transaction of a call has written. */
  readonly #written = new AsyncLocalStorage<Set<string>>();

  /** @param globalOmit fields that the client leaves out of all results */
  constructor(queries: QueryCache, tables: ModelTables, globalOmit: unknown) {
    this.#queries = queries;
    this.#tables = tables;
    this.#globalOmit = globalOmit;
  }

  async run({ model, operation, args, query, __internalParams }: Call): Promise<unknown> {
    const { cacheStrategy, ...own } = (args ?? {}) as Record<string, unknown>;
    const isInTransaction = __internalParams?.transaction !== undefined;
    if (!READS.includes(operation)) {
      if (cacheStrategy !== undefined && cacheStrategy !== false)
        this.#queries.refuse(`\`cacheStrategy\` is for reads: leave it out of \`${operation}\` of \`${model}\`.`);
      return this.#write(() => query(own), this.#tables.ofWrite(model, operation, own), isInTransaction);
    }
    const strategy = isInTransaction ? undefined : this.#strategyOf(cacheStrategy, model, operation);
    return strategy === undefined ? query(own) : this.#read({ model, operation, args: own, query }, strategy);
  }

  /**
   * Runs a transaction of the client, and invalidates after its commit what it has written. One in another may be a
   * part of that, or be committed on its own: it is invalidated after both.
   */
  async transaction(work: () => Promise<unknown>): Promise<unknown> {
    const outer = this.#written.getStore();
    const written = new Set<string>();
    const result = await this.#written.run(written, () => this.#queries.separateTransaction(work));
    for (const table of written) outer?.add(table);
    await this.#queries.invalidateCommitted([...written]);
    return result;
  }

  async #read({ model, operation, args, query }: Call, { ttl, tags }: CacheStrategy): Promise<unknown> {
    const run = async (): Promise<PackedResult> => pack(await query(args), (found) => (this.#decimal = found));
    const packed = await this.#queries.answer(
      {
        identity: [model, operation, keyable(args), this.#globalOmit],
        tables: this.#tables.ofQuery(model, args),
        ...(ttl === undefined ? {} : { ttl }),
        ...(tags === undefined ? {} : { tags }),
      },
      run,
    );
    const isClassMissing = packed.decimals.length > 0 && this.#decimal === undefined;
    return unpack(isClassMissing ? await run() : packed, this.#decimal);
  }

  /** Outside a transaction the write is committed when it resolves. */
  async #write(run: () => Promise<unknown>, tables: string[], isInTransaction: boolean): Promise<unknown> {
    const written = isInTransaction ? this.#written.getStore() : undefined;
    const invalidate = async (): Promise<void> => {
      if (written === undefined) await this.#queries.invalidateCommitted(tables);
      else for (const table of tables) written.add(table);
    };
    try {
      const result = await run();
      await invalidate();
      return result;
    } catch (error) {
      if (!isRefusal(error)) await invalidate();
      throw error;
    }
  }

  /** The strategy of a read; `undefined` for one that goes past the cache. A wrong one is reported. */
  #strategyOf(value: unknown, model: string, operation: string): CacheStrategy | undefined {
    if (value === undefined || value === false) return undefined;
    try {
      checkNames(value, ['ttl', 'tags'], 'cacheStrategy.');
      return value as CacheStrategy;
    } catch (error) {
      const message = error instanceof CacheConfigError ? error.message : String(error);
      this.#queries.refuse(`\`${operation}\` of \`${model}\` was not cached: ${message}`, error);
      return undefined;
    }
  }
}

/** True for an error by which the database, or Prisma, has refused a call: it has changed nothing. */
function isRefusal(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  return name === 'PrismaClientValidationError' || (typeof code === 'string' && code.startsWith('P2'));
}
