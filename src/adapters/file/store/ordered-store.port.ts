/**
 * The embedded database that the file backend needs: ordered tables of bytes, shared by the processes of one machine.
 * Views see every commit of every process. Transactions are applied as a whole or not at all.
 */
export interface OrderedStore {
  /** Returns a view of everything that any process has committed. Valid until the next `await`. */
  view(): StoreView;

  /**
   * Runs `work` in a transaction and resolves when it is committed. Calls at the same time share one transaction: each
   * sees the changes of the calls before it. If one throws, the whole transaction is undone and all its callers reject.
   */
  write<T>(work: (writer: StoreWriter) => T): Promise<T>;

  /** Finishes the transactions that were requested, and closes the files. */
  close(): Promise<void>;
}

export const TABLES = ['entries', 'expiry', 'tags', 'leases', 'marks 0', 'marks 1', 'state'] as const;
export type Table = (typeof TABLES)[number];

export interface KeyRange {
  /** First key. */
  readonly start: Buffer;
  /** First key after the range. @default no end */
  readonly end?: Buffer;
  /** @default all */
  readonly limit?: number;
}

export interface StoredPair {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface StoreView {
  get(table: Table, key: Buffer): Buffer | undefined;
  /** The pairs of a range in the order of their keys. */
  range(table: Table, range: KeyRange): StoredPair[];
}

export interface StoreWriter extends StoreView {
  put(table: Table, key: Buffer, value: Buffer): void;
  remove(table: Table, key: Buffer): void;
  clear(table: Table): void;
  /** Runs `task` at the end of the transaction, as a part of it. */
  beforeCommit(task: () => void): void;
  /** Runs `task` after the commit, before the callers continue. */
  afterCommit(task: () => void): void;
}
