import type { SetOptions } from '../load/call-options.js';
import type { PendingWrite, WriteBehindQueue } from '../ports/write-behind-queue.port.js';
import type { Duration } from '../vocabulary/duration.js';
import {
  checkNames,
  expected,
  OTHER_CALL_NAMES,
  type OtherNames,
  readCount,
  readDuration,
  readFunction,
} from '../vocabulary/option-checks.js';

/** A function that writes a value to its source; with `bullmqWriteBehind` the name of a registered one. */
export type Writer<T> = ((value: T) => Promise<void>) | string;

export interface WriteBehindOptions extends SetOptions {
  /** Time after which the value is written. Later values of the key replace it meanwhile. @default '1s' */
  delay?: Duration;
  /** Pending keys with which a call waits instead of adding another one. @default 1000 */
  maxPending?: number;
  /** Tries after the first one. @default 5 */
  retries?: number;
  /**
   * Time before the first retry. It doubles with each one, up to a minute, and up to half of it is taken off at random.
   * @default '200ms'
   */
  backoff?: Duration;
  /** Called after the last retry, when the value was not written and is not in the cache any more. */
  onFailed?: (error: unknown, key: string, value: unknown) => void;
}

/** `WriteBehindOptions` without those of `set`, read once. */
export type WritePolicy = Pick<PendingWrite, 'delayMs' | 'maxPending' | 'retries' | 'backoffMs' | 'onFailed'>;

const DEFAULTS = { delayMs: 1_000, maxPending: 1_000, retries: 5, backoffMs: 200 } as const;

const SET_NAMES = ['ttl', 'namespace', 'tags', 'keepStale'] as const satisfies (keyof SetOptions)[];
const OPTION_NAMES: readonly string[] = [
  ...SET_NAMES,
  'delay',
  'maxPending',
  'retries',
  'backoff',
  'onFailed',
] satisfies (keyof WriteBehindOptions)[];

/** Names of these options in other libraries. */
const OTHER_NAMES: OtherNames = {
  ...OTHER_CALL_NAMES,
  debounce: '`delay`',
  wait: '`delay`',
  interval: '`delay`',
  maxSize: '`maxPending`',
  bufferSize: '`maxPending`',
  attempts: '`retries`, which does not count the first try,',
  retryDelay: '`backoff`',
  onError: '`onFailed`',
};

/** Longest time between two tries. */
const LONGEST_BACKOFF_MS = 60_000;

/** @throws CacheConfigError that names the wrong option */
export function readWriteBehind(options: WriteBehindOptions): { policy: WritePolicy; set: SetOptions } {
  checkNames(options, OPTION_NAMES, '', OTHER_NAMES);
  const { delay, maxPending, retries, backoff, onFailed, ...set } = options;
  const policy = {
    delayMs: readDuration(delay, 'delay', DEFAULTS.delayMs),
    maxPending: readCount(maxPending, 'maxPending', DEFAULTS.maxPending),
    retries: readRetries(retries),
    backoffMs: readDuration(backoff, 'backoff', DEFAULTS.backoffMs),
    onFailed: readFunction<NonNullable<WriteBehindOptions['onFailed']>>(onFailed, 'onFailed'),
  };
  return { policy, set };
}

function readRetries(retries: unknown = DEFAULTS.retries): number {
  if (typeof retries === 'number' && Number.isSafeInteger(retries) && retries >= 0) return retries;
  throw expected('retries', 'a whole number of 0 or more', retries);
}

/** Reads the option of a cache. @throws CacheConfigError when it is no queue */
export function readQueue(queue: unknown): WriteBehindQueue | undefined {
  if (queue === undefined) return undefined;
  const { open } = (queue ?? {}) as Partial<WriteBehindQueue>;
  if (typeof open === 'function') return queue as WriteBehindQueue;
  throw expected(
    'writeBehind',
    'a queue',
    queue,
    'Write `writeBehind: bullmqWriteBehind({ connection, writers })` of nestjs-cache-kit/bullmq, or leave it out to ' +
      'write in this process.',
  );
}

/** Time before the next try, with jitter. @param tries how often it was tried before, 1 or more */
export function backoffAfter(tries: number, backoffMs: number, random: () => number = Math.random): number {
  const fullMs = Math.min(backoffMs * 2 ** Math.min(tries - 1, 30), Math.max(backoffMs, LONGEST_BACKOFF_MS));
  return Math.ceil(fullMs * (1 - random() / 2));
}
