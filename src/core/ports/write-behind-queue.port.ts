import type { Awaitable } from './cache-adapter.port.js';
import type { Clock } from './clock.port.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

/**
 * The port behind `writeBehind`: it keeps values until they are written to their source. `CacheKitOptions.writeBehind`
 * is one; it exists before the cache, and opens a queue for each cache that it is given to.
 *
 * ## What a queue promises
 * - A write that `add` has resolved for is written, or reported to `failed` or by `close`. Nothing is dropped.
 * - Of the values that wait for one key, the last one is written. The writes of one key never overlap and never change
 *   order. Those of different keys are independent of each other.
 * - After each write, and before the next one of the key, it calls `landed`; after the last retry, `failed`.
 */
export interface WriteBehindQueue {
  /**
   * Makes the queue of one cache. Writes nothing yet.
   * @throws CacheConfigError when the queue cannot be used, such as without its package
   */
  open(context: WriteBehindContext): Awaitable<PendingWrites>;

  /** The same writers in this process, without a server: for `CacheKitTestingModule`. */
  inProcess(): WriteBehindQueue;
}

/** Services of the kit for a queue. */
export interface WriteBehindContext {
  /** Name of the cache. */
  readonly name: string;
  /** Version of the entries. Writes of another version belong to another queue. */
  readonly version: string | undefined;
  readonly clock: Clock;
  /** Seals values as the entries of the cache are sealed, where the options of the cache say so. */
  readonly codec: WriteCodec;
  /** Classes whose instances may be in values. */
  readonly types: ValueTypes;
  /** True when writes that wait in the process keep it alive. */
  readonly keepsProcess: boolean;
}

/** Makes and reads the bytes of values outside the process. */
export interface WriteCodec {
  /** @throws CacheSerializationError that names the path inside the value */
  encode(written: WrittenValue): Awaitable<Buffer>;
  /** Gives a new value with each call; `undefined` when the bytes cannot be read. Never throws or rejects. */
  decode(bytes: Buffer): Awaitable<WrittenValue | undefined>;
}

/** The writes of one cache that have not landed yet. */
export interface PendingWrites {
  /** Begins to write. Called once the application has started, and not at all where the start fails. */
  start(): void;

  /** Connects the cache, which hears of the writes. Called once, before all other methods. */
  connect(host: WriteBehindHost): void;

  /**
   * Returns a writer that this queue can run.
   * @throws CacheConfigError that says what to write instead
   */
  checkWriter(writer: unknown): PendingWrite['writer'];

  /**
   * Takes a write over. Waits while `maxPending` keys are pending and the key of the write is not one of them.
   * @throws CacheUnavailableError when nothing was taken over, also after `close`
   */
  add(write: PendingWrite): Promise<void>;

  /** False when the write has landed already. True while it, or a later write of the key, is pending. */
  isPending(write: PendingWrite): Awaitable<boolean>;

  /** Writes what this process has added, at once, and waits for it for at most `graceMs`. */
  flush(graceMs: number): Promise<void>;

  /** Frees everything. Waits for writes that run for at most `graceMs`; afterwards the host hears of nothing more. */
  close(graceMs: number): Promise<LeftWrites>;
}

/** A value on its way to its source. */
export interface PendingWrite {
  readonly key: string;
  readonly namespace: string | undefined;
  /** The value itself, which nobody changes. */
  readonly value: unknown;
  /** Makes a copy of the value for the writer, which may change it. */
  readonly read: () => unknown;
  /** A function, or the name of a registered one. */
  readonly writer: ((value: unknown) => unknown) | string;
  readonly delayMs: number;
  readonly maxPending: number;
  readonly retries: number;
  readonly backoffMs: number;
  readonly onFailed: ((error: unknown, key: string, value: unknown) => void) | undefined;
}

/** The value that was written for a key. */
export interface WrittenValue {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly value: unknown;
}

/** Takes the place of a written value that this process does not know. It equals no value. */
export const ANOTHER_VALUE = Symbol('another value');

/** The writes that `close` has left. */
export interface LeftWrites {
  readonly writes: readonly PendingWrite[];
  /** True when they are kept outside the process and will be written later. False when they are lost. */
  readonly areKept: boolean;
}

/** The side of the cache. Its methods never reject. */
export interface WriteBehindHost {
  /**
   * A value has reached its source: no older value may stay in the cache.
   * @param isReplaced answers, when it is called, if a later value of the key is pending
   */
  landed(written: WrittenValue, isReplaced: () => Awaitable<boolean>): Promise<void>;

  /** A write has failed for the last time. @param isReplaced as for `landed` */
  failed(write: FailedWrite, error: unknown, isReplaced: () => Awaitable<boolean>): Promise<void>;

  /** Reports a fault that no caller waits for. */
  onError(error: unknown, doing: string): void;
}

/** `onFailed` is absent in a process that did not ask for the write. */
export type FailedWrite = Pick<PendingWrite, 'key' | 'namespace'> & Partial<Pick<PendingWrite, 'read' | 'onFailed'>>;
