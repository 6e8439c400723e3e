/**
 * What the file backend needs of an embedded database: ordered tables of bytes, shared by the processes of one machine,
 * with views that see every commit of every process, and transactions that are applied whole or not at all.
 */
export interface OrderedStore {
  /** All that is committed now, by any process. Valid until the next `await`. */
  view(): StoreView;

  /**
   * Runs `work` in a transaction and resolves when it is committed. Works that come together share one transaction, in
   * the order of the calls: a work sees what those before it did. A work that throws undoes all of them.
   */
  write<T>(work: (writer: StoreWriter) => T): Promise<T>;

  /** Finishes the transactions that were asked for, and closes the files. */
  close(): Promise<void>;
}

export const TABLES = ['entries', 'expiry', 'tags', 'leases', 'marks 0', 'marks 1', 'state'] as const;
export type Table = (typeof TABLES)[number];

export interface KeyRange {
  /** First key. */
  readonly start: Buffer;
  /** First key that is not in the range any more. */
  readonly end?: Buffer;
  /** Default all. */
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
  /** Runs `task` once the transaction is committed, before its callers go on. */
  afterCommit(task: () => void): void;
}
