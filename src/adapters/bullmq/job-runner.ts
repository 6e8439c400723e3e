import type { Job, JobsOptions, Queue, Worker } from 'bullmq';
import type { BullmqWriter } from './bullmq-options.js';
import type { Packages } from './load-bullmq.js';
import type { ClaimedValue, PendingValues } from './store/pending-values.js';
import type { OwnWrites } from './own-writes.js';
import type { Client } from './store/queue-clients.js';
import { idOf, type QueueNames } from './store/queue-names.js';
import type { Clock } from '../../core/ports/clock.port.js';
import { settledWithin } from '../../core/ports/grace.js';
import type { WriteBehindHost, WriteCodec, WrittenValue } from '../../core/ports/write-behind-queue.port.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { backoffAfter } from '../../core/write-behind/write-behind-options.js';

export interface RunnerParts {
  readonly packages: Packages;
  readonly jobs: Client;
  readonly names: QueueNames;
  readonly values: PendingValues;
  readonly writers: Readonly<Record<string, BullmqWriter>>;
  readonly codec: WriteCodec;
  readonly clock: Clock;
  readonly host: WriteBehindHost;
  /** True when Redis can be reached. */
  readonly isReady: () => boolean;
  /** Reports a fault of BullMQ, or of Redis. What has failed will be done again. */
  readonly onFault: (error: unknown) => void;
  /** Id of this process. */
  readonly process: string;
  readonly own: OwnWrites;
}

/** Writes at the same time in one process; those of one key are never among them twice. */
const CONCURRENCY = 50;
/** Time after which the writes of a process that died, or is blocked, are taken over by another one, in ms. */
const LOCK_MS = 10_000;
/** Pause between two looks for such writes. */
const STALLED_MS = 3_000;
/** Time that BullMQ has to end its connections. */
const CLOSE_LIMIT_MS = 1_000;
/** Pause before a value is looked at again that this process cannot write. */
const UNUSABLE_PAUSE_MS = 5_000;
/** Pause before a step is tried again that Redis did not answer. */
const STEP_PAUSE_MS = 200;
/** The failed try of a step that is reported. */
const REPORTED_TRY = 3;
const WITHOUT_END = 1_000_000;

/*
 * One job per key. A job contains no value: its processor reads the latest one. Its states, and who ends them:
 *
 *   delayed   until the value is due. Later values change nothing, except that an earlier time moves the job.
 *   active    the writer runs. A later value is only put into its place. When the writer is done, the processor finds
 *             that the version has moved, and goes on with the later value.
 *   gone      the version had not moved, and nothing is pending.
 *
 * BullMQ ignores a job that is added while one with its id exists. So a value that comes between the last look at the
 * version and the end of the job has no job: `onCompleted` looks again after that end. Whatever else loses a job, such
 * as a process that dies in between, is made up for by `sweep`.
 */
export class JobRunner {
  readonly #parts: RunnerParts;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    const { prefix, queue } = parts.names;
    const { Queue: queueClass, Worker: workerClass } = parts.packages;
    const connection = parts.jobs as never;
    this.#queue = new queueClass(queue, { connection, prefix });
    this.#worker = new workerClass(queue, (job, token) => this.#tracked(job, token), {
      connection,
      prefix,
      concurrency: CONCURRENCY,
      lockDuration: LOCK_MS,
      // Looked for by `sweep`: the timer of BullMQ outlives its worker while Redis is away.
      skipStalledCheck: true,
      stalledInterval: STALLED_MS,
      maxStalledCount: WITHOUT_END,
      // The time for which a closed worker might still wait for a Redis that is away.
      runRetryDelay: 500,
    });
    this.#queue.on('error', parts.onFault);
    this.#worker.on('error', parts.onFault);
    this.#worker.on('completed', ({ id }) => void this.#onCompleted(id as string));
  }

  /** Adds the job of a key, unless there is one. */
  async schedule(id: string, delayMs: number): Promise<void> {
    await this.#queue.add('write', {}, jobOptions(id, delayMs));
  }

  /** Moves a job that waits to an earlier time. Does nothing when it is running. */
  async moveUp(id: string, delayMs: number): Promise<void> {
    const backend = this.#queue.getBackend();
    await (delayMs > 0 ? backend.changeDelay(id, delayMs) : backend.promote(id)).catch(() => undefined);
  }

  /** Adds the jobs of values that have none, and takes over those of processes that have died. */
  async sweep(dueWithinMs: number): Promise<void> {
    await this.#worker.getBackend().moveStalledJobsToWait();
    for await (const page of this.#parts.values.due(dueWithinMs)) {
      const jobs = page.map(({ id, dueInMs }) => ({ name: 'write', data: {}, opts: jobOptions(id, dueInMs) }));
      await this.#queue.addBulk(jobs);
    }
  }

  /** Begins no further write, and waits for those that run for at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.#parts;
    void this.#worker.pause(true).catch(() => undefined);
    await settledWithin(clock, graceMs, Promise.allSettled(this.#running));
    this.#isClosed = true;
    const isForced = this.#running.size > 0 || !this.#parts.isReady();
    const closing = Promise.allSettled([this.#worker.close(isForced), this.#queue.close()]);
    await settledWithin(clock, CLOSE_LIMIT_MS, closing);
  }

  #tracked(job: Job, token: string | undefined): Promise<void> {
    const work = this.#process(job, token);
    this.#running.add(work);
    const forget = (): void => void this.#running.delete(work);
    work.then(forget, forget);
    return work;
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    const id = job.id as string;
    for (;;) {
      const claim = await this.#step(() => this.#parts.values.claim(id));
      if (claim.state === 'gone') return;
      if (claim.state === 'early') {
        await job.moveToDelayed(this.#parts.clock.wallMs() + claim.leftMs, token);
        throw new this.#parts.packages.DelayedError();
      }
      if (await this.#write(id, claim.value)) return;
    }
  }

  /** @returns true when nothing is pending for the key any more */
  async #write(id: string, value: ClaimedValue): Promise<boolean> {
    const { values, codec, writers, host } = this.#parts;
    const written = await codec.decode(value.bytes);
    const name = value.order.writer;
    const writer = Object.hasOwn(writers, name) ? writers[name] : undefined;
    if (written === undefined || idOf(written) !== id || writer === undefined) {
      host.onError(written === undefined ? unreadable() : unknownWriter(name, written, writers), 'write a value');
      await this.#step(() => values.retry(id, value, UNUSABLE_PAUSE_MS));
      return false;
    }
    try {
      await writer(written.value, written.key, { namespace: written.namespace });
    } catch (error) {
      this.#checkOpen();
      return this.#failed(id, value, written, error);
    }
    this.#checkOpen();
    return this.#landed(id, value, await this.#again(value, written));
  }

  async #landed(id: string, { version }: ClaimedValue, written: WrittenValue): Promise<boolean> {
    const { values, host, process } = this.#parts;
    // First the cache: a process that dies before the end of the write fences the key again.
    await host.landed(written, () => this.#isReplaced(id, version));
    return this.#end(id, version, () => values.end(id, version, { outcome: 'landed', process }));
  }

  async #failed(id: string, value: ClaimedValue, written: WrittenValue, error: unknown): Promise<boolean> {
    const { values, host, process, own } = this.#parts;
    const { version, order } = value;
    const tries = value.tries + 1;
    if (tries <= order.retries) {
      await this.#step(() => values.retry(id, { version, tries }, backoffAfter(tries, order.backoffMs)));
      return false;
    }
    await host.failed(own.find(id, version) ?? written, error, () => this.#isReplaced(id, version));
    const text = error instanceof Error ? error.message : String(error);
    return this.#end(id, version, () => values.end(id, version, { outcome: 'failed', process, error: text }));
  }

  async #end(id: string, version: number, end: () => Promise<boolean>): Promise<boolean> {
    const isEnded = await this.#step(end);
    if (isEnded) this.#parts.own.ended(id, version);
    return isEnded;
  }

  /** The value once more: the writer might have changed the one that it got. */
  async #again({ bytes }: ClaimedValue, written: WrittenValue): Promise<WrittenValue> {
    return (await this.#parts.codec.decode(bytes)) ?? written;
  }

  async #isReplaced(id: string, version: number): Promise<boolean> {
    const pending = await this.#step(() => this.#parts.values.pendingVersion(id));
    return pending !== undefined && pending !== version;
  }

  /** Repeats a step until Redis has answered it. Every step may be done twice. @throws when the queue is closed */
  async #step<T>(step: () => Promise<T>): Promise<T> {
    const { clock, onFault } = this.#parts;
    for (let tries = 1; !this.#isClosed; tries++) {
      try {
        return await step();
      } catch (error) {
        if (tries === REPORTED_TRY) onFault(error);
        await new Promise<void>((resolve) => clock.schedule(STEP_PAUSE_MS, resolve));
      }
    }
    throw closed();
  }

  /** The cache is closed as well: another process will write the value once more. */
  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }

  async #onCompleted(id: string): Promise<void> {
    try {
      if ((await this.#parts.values.pendingVersion(id)) !== undefined) await this.schedule(id, 0);
    } catch {
      // `sweep` makes up for it.
    }
  }
}

function jobOptions(id: string, delayMs: number): JobsOptions {
  return {
    jobId: id,
    delay: Math.ceil(delayMs),
    removeOnComplete: true,
    removeOnFail: true,
    // The kit counts the tries of a value. BullMQ repeats what fails besides, such as a command to Redis.
    attempts: WITHOUT_END,
    backoff: { type: 'fixed', delay: 1_000 },
    stackTraceLimit: 1,
  };
}

function closed(): Error {
  return new Error('The queue is closed.');
}

function unreadable(): CacheConfigError {
  return new CacheConfigError(
    'A value that another process has left cannot be read. It is kept until a process with its `encryption` keys and ' +
      '`types` writes it.',
  );
}

function unknownWriter(name: string, { key }: WrittenValue, writers: object): CacheConfigError {
  return new CacheConfigError(
    `The value of \`${key}\` waits for the writer \`${name}\`, which this process does not have: ` +
      `${Object.keys(writers).join(', ')}. Add it to \`writers\` until nothing is pending for it.`,
  );
}
