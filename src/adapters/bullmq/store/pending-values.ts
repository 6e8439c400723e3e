import { randomBytes } from 'node:crypto';
import type { Client } from './queue-clients.js';
import { ADD, CLAIM, END, HURRY, PENDING, type QueueScript, RETRY, SCRIPTS, TIME } from './queue-scripts.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { CacheUnavailableError } from '../../../core/vocabulary/cache.errors.js';
import { errorWithoutSecrets } from '../../../core/vocabulary/error-without-secrets.js';

/** The instructions for a pending write, as JSON. */
export interface WriteOrder {
  readonly writer: string;
  readonly retries: number;
  readonly backoffMs: number;
}

/** A write that is to be added. */
export interface NewValue {
  readonly id: string;
  readonly key: string;
  readonly delayMs: number;
  readonly maxPending: number;
  readonly order: WriteOrder;
  readonly bytes: Buffer;
}

export interface Added {
  readonly version: number;
  readonly dueInMs: number;
  /** True when an earlier value of the key was due later. */
  readonly isEarlier: boolean;
}

/** A value that a worker has begun to write. */
export interface ClaimedValue {
  readonly version: number;
  readonly tries: number;
  readonly order: WriteOrder;
  readonly bytes: Buffer;
}

export type Claim =
  | { readonly state: 'claimed'; readonly value: ClaimedValue }
  | { readonly state: 'early'; readonly leftMs: number }
  | { readonly state: 'gone' };

export interface Ending {
  readonly outcome: 'landed' | 'failed';
  /** Id of the process that wrote. */
  readonly process: string;
  readonly error?: string;
}

/** A pending write without its value. */
export interface DueWrite {
  readonly id: string;
  readonly dueInMs: number;
}

/** Time for which a call waits for Redis, in ms. */
const TAKE_OVER_LIMIT_MS = 2_000;
/** Time that Redis has for the answer to one command, in ms. */
const ANSWER_LIMIT_MS = 2_000;
/** Pause between two looks at a connection that is not ready. */
const LOOK_AGAIN_MS = 20;
/** Time for which the offset between the clocks is good. They drift by much less than a part of a thousand. */
const TIME_IS_GOOD_MS = 30_000;
const OUTCOMES = 10_000;
const OUTCOMES_KEPT_MS = 24 * 3_600_000;
/** Characters of an error that are kept for other processes. */
const ERROR_LENGTH = 500;
const PAGE = 500;

type Reply = readonly (Buffer | number)[];
type Run = (...parameters: unknown[]) => Promise<Reply>;

/** The values of one queue that are not written yet, in Redis. */
export class PendingValues {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #root: string;
  readonly #isReady: () => boolean;
  #isClosed = false;
  /** The time of the server at some time of this process: late by the time of a reply at most, and never ahead. */
  #time: { readonly serverMs: number; readonly atMs: number } | undefined;

  /**
   * @param root the beginning of the keys of the queue
   * @param isReady true when a write can be taken over
   */
  constructor(client: Client, { clock, root, isReady }: { clock: Clock; root: string; isReady: () => boolean }) {
    this.#client = client;
    this.#clock = clock;
    this.#root = `${root}:cache-kit`;
    this.#isReady = isReady;
    for (const { name, keys, lua } of SCRIPTS) client.defineCommand(name, { numberOfKeys: keys, lua });
  }

  get outcomes(): string {
    return `${this.#root}:outcomes`;
  }

  /**
   * Takes a value over.
   * @returns `undefined` when `maxPending` others are pending
   * @throws CacheUnavailableError when nothing was taken over within the limit
   */
  async add(value: NewValue): Promise<Added | undefined> {
    const untilMs = this.#clock.nowMs() + TAKE_OVER_LIMIT_MS;
    const { id, key, delayMs, maxPending, order, bytes } = value;
    const keys = [this.#pending, this.#write(id), `${this.#root}:version`];
    const token = randomBytes(12).toString('base64url');
    for (;;) {
      const latestMs = await this.#serverTime(key, untilMs);
      const args = [id, token, latestMs, maxPending, delayMs, JSON.stringify(order), bytes];
      const reply = await this.#within(key, untilMs, () => this.#run(ADD, keys, args));
      const state = String(reply[0]);
      if (state === 'full') return undefined;
      if (state === 'taken')
        return { version: Number(reply[1]), dueInMs: Number(reply[2]), isEarlier: Number(reply[3]) === 1 };
      // The clock of the server was set, or the command was slow.
      this.#time = undefined;
    }
  }

  async claim(id: string): Promise<Claim> {
    const [state, ...rest] = await this.#run(CLAIM, [this.#pending, this.#write(id)], [id]);
    if (String(state) === 'early') return { state: 'early', leftMs: Number(rest[0]) };
    const [version, tries, order, bytes] = rest;
    if (!Buffer.isBuffer(bytes)) return { state: 'gone' };
    return {
      state: 'claimed',
      value: {
        version: Number(String(version)),
        tries: Number(String(tries)),
        order: JSON.parse(String(order)) as WriteOrder,
        bytes,
      },
    };
  }

  /** Ends a write. @returns false when a later value is pending */
  async end(id: string, version: number, { outcome, process, error = '' }: Ending): Promise<boolean> {
    const keys = [this.#pending, this.#write(id), this.outcomes];
    const text = error.slice(0, ERROR_LENGTH);
    const reply = await this.#run(END, keys, [id, version, outcome, process, text, OUTCOMES, OUTCOMES_KEPT_MS]);
    return String(reply[0]) !== 'replaced';
  }

  /** Has a value written later. Does nothing when a later value is pending. */
  async retry(id: string, { version, tries }: Pick<ClaimedValue, 'version' | 'tries'>, pauseMs: number): Promise<void> {
    await this.#run(RETRY, [this.#pending, this.#write(id)], [id, version, tries, pauseMs]);
  }

  /** The version that is pending for a key, if any. */
  async pendingVersion(id: string): Promise<number | undefined> {
    const version = await this.#limited(ANSWER_LIMIT_MS, () => this.#client.hget(this.#write(id), 'version'));
    return version === null ? undefined : Number(version);
  }

  /** Those of `ids` that are not pending. */
  async missing(ids: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    for (let first = 0; first < ids.length; first += PAGE) {
      const page = ids.slice(first, first + PAGE);
      const dueAt = await this.#limited(ANSWER_LIMIT_MS, () => this.#client.zmscore(this.#pending, ...page));
      missing.push(...page.filter((_, i) => dueAt[i] === null));
    }
    return missing;
  }

  /** The latest entry of the stream of outcomes. */
  async latestOutcome(): Promise<string> {
    const read = (): Promise<[id: string, fields: string[]][]> =>
      this.#client.xrevrange(this.outcomes, '+', '-', 'COUNT', 1);
    const [latest] = await this.#limited(ANSWER_LIMIT_MS, read);
    return latest?.[0] ?? '0-0';
  }

  async hurry(ids: readonly string[]): Promise<void> {
    for (let first = 0; first < ids.length; first += PAGE)
      await this.#run(HURRY, [this.#pending], ids.slice(first, first + PAGE));
  }

  /** Pages of the writes that are due within `withinMs`; a negative time is that since they were due. */
  async *due(withinMs: number): AsyncGenerator<DueWrite[]> {
    for (let first = 0; ; first += PAGE) {
      const reply = await this.#run(PENDING, [this.#pending], [first, PAGE, withinMs]);
      const page: DueWrite[] = [];
      for (let i = 0; i < reply.length; i += 2) page.push({ id: String(reply[i]), dueInMs: Number(reply[i + 1]) });
      if (page.length > 0) yield page;
      if (page.length < PAGE) return;
    }
  }

  /** Takes nothing over any more. */
  close(): void {
    this.#isClosed = true;
  }

  get #pending(): string {
    return `${this.#root}:pending`;
  }

  #write(id: string): string {
    return `${this.#root}:write:${id}`;
  }

  /** The time of the server at `untilMs`, at the latest. */
  async #serverTime(key: string, untilMs: number): Promise<number> {
    const known = this.#time;
    const isGood = known !== undefined && this.#clock.nowMs() - known.atMs < TIME_IS_GOOD_MS;
    const { serverMs, atMs } = isGood ? known : await this.#readTime(key, untilMs);
    return Math.floor(serverMs + untilMs - atMs);
  }

  async #readTime(key: string, untilMs: number): Promise<{ serverMs: number; atMs: number }> {
    const [serverMs] = await this.#within(key, untilMs, () => this.#run(TIME, [this.#pending], []));
    return (this.#time = { serverMs: Number(serverMs), atMs: this.#clock.nowMs() });
  }

  /** @throws CacheUnavailableError when the command cannot be sent, or has no answer in time */
  async #within<T>(key: string, untilMs: number, command: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#isClosed) throw notTakenOver(key, 'the cache is closed');
      if (this.#isReady()) break;
      if (this.#clock.nowMs() >= untilMs) throw notTakenOver(key, 'Redis cannot be reached');
      await new Promise<void>((resolve) => this.#clock.schedule(LOOK_AGAIN_MS, resolve));
    }
    if (this.#clock.nowMs() >= untilMs) throw notTakenOver(key, 'Redis was too slow');
    try {
      return await this.#limited(untilMs - this.#clock.nowMs(), command);
    } catch (error) {
      throw notTakenOver(key, errorWithoutSecrets(error).message, isLost(error), error);
    }
  }

  /** Rejects when the server does not answer in time, and replaces the connection: no command must wait behind it. */
  #limited<T>(limitMs: number, command: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = this.#clock.schedule(limitMs, () => {
        reject(new Error('Redis did not answer in time'));
        this.#client.disconnect(true);
      });
      command()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #run({ name }: QueueScript, keys: readonly string[], args: readonly (string | number | Buffer)[]): Promise<Reply> {
    const commands = this.#client as unknown as Record<string, (...parameters: unknown[]) => Promise<Reply>>;
    return this.#limited(ANSWER_LIMIT_MS, async () =>
      (commands[`${name}Buffer`] as Run).call(this.#client, ...keys, ...args),
    );
  }
}

/** True when the connection ended before the answer came: an error of the server has a name in capitals. */
function isLost(error: unknown): boolean {
  return !/^[A-Z]+ /.test(error instanceof Error ? error.message : '');
}

/** @param isUnsure true when only the answer might be lost */
function notTakenOver(key: string, reason: string, isUnsure = false, cause?: unknown): CacheUnavailableError {
  const state = isUnsure ? 'Unless only the answer was lost, nothing was taken over' : 'Nothing was taken over';
  return new CacheUnavailableError(
    `${state} for \`${key}\`, and the cache does not have the value: ${reason}. ` +
      'Try again, or write the value to its source yourself.',
    cause === undefined ? undefined : { cause: errorWithoutSecrets(cause) },
  );
}
