import { AsyncLocalStorage } from 'node:async_hooks';
import type { Awaitable, CacheAdapter, InvalidationTarget, StoredEntry } from '../ports/cache-adapter.port.js';
import type { LoadOutcome } from '../ports/cache-entry.js';
import type { Clock } from '../ports/clock.port.js';
import { RequestMemory } from './request-memory.js';
import type { Transaction } from './transaction.js';

/** The memory of the request that a call belongs to. */
interface RequestScope {
  readonly memory: RequestMemory;
  /** False inside a load: its result is for all callers, so it must not be made of what this request remembers. */
  readonly isReadable: boolean;
}

export interface CallScopesOptions {
  /** True to give each request a memory of its own. */
  readonly hasRequests: boolean;
  readonly clock: Clock;
  /** Makes a copy of a value, so that its owner may change it. */
  readonly copy: (value: unknown) => unknown;
}

/**
 * Knows the transaction and the request that a call belongs to, by its asynchronous context, and what it sees of the
 * store because of them.
 */
export class CallScopes {
  readonly #transactions = new AsyncLocalStorage<Transaction | undefined>();
  readonly #requests: AsyncLocalStorage<RequestScope> | undefined;
  readonly #options: CallScopesOptions;
  #isUsed: boolean;

  constructor(options: CallScopesOptions) {
    this.#options = options;
    this.#requests = options.hasRequests ? new AsyncLocalStorage() : undefined;
    this.#isUsed = options.hasRequests;
  }

  /** False while no call can be in a scope: then all calls read the store itself. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** The innermost transaction of this call, while it runs. */
  get transaction(): Transaction | undefined {
    return this.#transactions.getStore()?.running;
  }

  /** Makes a copy of a value that is kept for later. */
  copy(value: unknown): unknown {
    return this.#options.copy(value);
  }

  inTransaction<T>(transaction: Transaction, work: () => T): T {
    this.#isUsed = true;
    return this.#transactions.run(transaction, work);
  }

  /** Runs `work` outside of the transaction that the call is in: its changes are made at once. */
  outsideTransaction<T>(work: () => T): T {
    return this.#transactions.getStore() === undefined ? work() : this.#transactions.run(undefined, work);
  }

  inRequest<T>(work: () => T): T {
    if (this.#requests === undefined) return work();
    const { clock, copy } = this.#options;
    return this.#requests.run({ memory: new RequestMemory(clock, copy), isReadable: true }, work);
  }

  /** Runs a load, which sees nothing that the request of its first caller remembers. */
  inLoad<T>(work: () => T): T {
    const request = this.#requests?.getStore();
    if (this.#requests === undefined || request === undefined) return work();
    return this.#requests.run({ ...request, isReadable: false }, work);
  }

  /** Does what `adapter.get` does, as the scopes of the caller see it. */
  get(adapter: CacheAdapter, key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    const memory = this.#readable();
    const found =
      memory === undefined
        ? adapter.get(key, namespace)
        : memory.read(key, namespace, () => adapter.get(key, namespace));
    const transaction = this.transaction;
    if (transaction === undefined) return found;
    return found instanceof Promise ? found.then((entry) => visible(entry, transaction)) : visible(found, transaction);
  }

  /** Does what `adapter.getMany` does, as the scopes of the caller see it. */
  async getMany(
    adapter: CacheAdapter,
    keys: readonly string[],
    namespace: string | undefined,
  ): Promise<(StoredEntry | undefined)[]> {
    const transaction = this.transaction;
    const memory = this.#readable();
    const found = await (memory === undefined
      ? adapter.getMany(keys, namespace)
      : memory.readMany(keys, namespace, (unknown) => adapter.getMany(unknown, namespace)));
    return transaction === undefined ? found : found.map((entry) => visible(entry, transaction));
  }

  /** Returns a function that remembers the outcomes of a read that begins now, for the request of this call. */
  remembering(): ((key: string, namespace: string | undefined, outcome: LoadOutcome | undefined) => void) | undefined {
    const memory = this.#readable();
    if (memory === undefined || this.transaction !== undefined) return undefined;
    const since = memory.changes;
    return (key, namespace, outcome) => memory.remember(key, namespace, outcome, since);
  }

  /** Lets the request of this call forget what it has changed. */
  forget(target: InvalidationTarget): void {
    this.#requests?.getStore()?.memory.forget(target);
  }

  #readable(): RequestMemory | undefined {
    const request = this.#requests?.getStore();
    return request?.isReadable === true ? request.memory : undefined;
  }
}

function visible(entry: StoredEntry | undefined, transaction: Transaction): StoredEntry | undefined {
  return entry === undefined || transaction.hides(entry) ? undefined : entry;
}
