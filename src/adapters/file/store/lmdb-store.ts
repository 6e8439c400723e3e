import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Database, open, type RootDatabase } from 'lmdb';
import { addMissingPages, isCutOff } from './file-checks.js';
import {
  type KeyRange,
  type OrderedStore,
  type StoredPair,
  type StoreView,
  type StoreWriter,
  type Table,
  TABLES,
} from './ordered-store.port.js';

type Bytes = Database<Buffer, Buffer>;

/** A piece of work for the next transaction, and its caller. */
interface Pending {
  readonly work: (writer: StoreWriter) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/*
 * Facts of lmdb that this file is built on:
 * - The first read of a turn fixes a snapshot, which later reads of that turn share: `resetReadTxn` before each view.
 * - `transaction` commits what its callback did before it threw; `childTransaction` does not.
 * - When a commit fails, the reason is a promise of its own. With `eventTurnBatching` there is a third promise, which
 *   is rejected where nobody can handle it. Node ends a process for that.
 * - One commit costs as much as some fifty puts. So calls of one turn, and calls during a running transaction, share a
 *   transaction.
 */
export class LmdbStore implements OrderedStore {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #view: StoreView;
  readonly #tables: ReadonlyMap<Table, Bytes>;
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;

  /**
   * @param directory one that exists
   * @param isDurable true: a commit is on the disk when it is acknowledged
   */
  constructor(directory: string, isDurable: boolean) {
    this.#root = open<Buffer, Buffer>({
      path: directory,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: TABLES.length,
      noSync: !isDurable,
      overlappingSync: false,
      eventTurnBatching: false,
    });
    if (isCutOff(directory)) this.#root.transactionSync(() => addMissingPages(directory));
    this.#tables = new Map(TABLES.map((name) => [name, this.#openTable(name)]));
    this.#view = {
      get: (table, key) => this.#table(table).get(key),
      range: (table, range) => this.#range(table, range),
    };
    // Processes that were killed still occupy places in the table of readers.
    this.#root.readerCheck();
  }

  view(): StoreView {
    this.#root.resetReadTxn();
    return this.#view;
  }

  write<T>(work: (writer: StoreWriter) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ work, resolve: resolve as Pending['resolve'], reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#root.close();
  }

  async #writeAll(): Promise<void> {
    // Calls of this turn of the event loop share a transaction.
    await nextTurn();
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#writeBatch(batch);
    }
    this.#writing = undefined;
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    const after: (() => void)[] = [];
    try {
      const results = await this.#root.childTransaction(() => {
        const before: (() => void)[] = [];
        const writer = this.#writer(before, after);
        const results = batch.map(({ work }) => work(writer));
        for (const task of before) task();
        return results;
      });
      for (const task of after) task();
      batch.forEach(({ resolve }, i) => resolve(results[i]));
    } catch (error) {
      const reason = await reasonOf(error);
      for (const { reject } of batch) reject(reason);
    }
  }

  #writer(before: (() => void)[], after: (() => void)[]): StoreWriter {
    return {
      ...this.#view,
      put: (table, key, value) => void this.#table(table).put(key, value),
      remove: (table, key) => void this.#table(table).remove(key),
      clear: (table) => this.#table(table).clearSync(),
      beforeCommit: (task) => void before.push(task),
      afterCommit: (task) => void after.push(task),
    };
  }

  #range(table: Table, { start, end, limit }: KeyRange): StoredPair[] {
    const range = this.#table(table).getRange({
      start,
      ...(end === undefined ? {} : { end }),
      ...(limit === undefined ? {} : { limit }),
    });
    return [...range];
  }

  #table(name: Table): Bytes {
    return this.#tables.get(name) as Bytes;
  }

  #openTable(name: Table): Bytes {
    return this.#root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
  }
}

/** The reason of a failed commit, such as a full disk. */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return error;
  return Promise.race([commitError.catch((reason: unknown) => reason), nextTurn(error)]);
}
