import { randomUUID } from 'node:crypto';
import type { ResolvedBullmqOptions } from './bullmq-options.js';
import { JobRunner } from './job-runner.js';
import type { Packages } from './load-bullmq.js';
import { OutcomeListener } from './store/outcome-listener.js';
import { OwnWrites } from './own-writes.js';
import { type Added, PendingValues } from './store/pending-values.js';
import { QueueClients } from './store/queue-clients.js';
import { idOf, queueNames } from './store/queue-names.js';
import { RoomQueue } from './room-queue.js';
import type { Clock, Timer } from '../../core/ports/clock.port.js';
import { settledWithin } from '../../core/ports/grace.js';
import { ProcessHold } from '../../core/ports/process-hold.js';
import type {
  LeftWrites,
  PendingWrite,
  PendingWrites,
  WriteBehindContext,
  WriteBehindHost,
} from '../../core/ports/write-behind-queue.port.js';
import { SystemClock } from '../../core/system-clock.js';
import { CacheConfigError, CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import { errorWithoutSecrets } from '../../core/vocabulary/error-without-secrets.js';
import { show } from '../../core/vocabulary/show.js';

export interface BullmqWritesParts {
  readonly packages: Packages;
  readonly options: ResolvedBullmqOptions;
  readonly context: WriteBehindContext;
}

/** The parts that exist while the queue works. */
interface Engine {
  readonly clients: QueueClients;
  readonly values: PendingValues;
  readonly runner: JobRunner;
  readonly listener: OutcomeListener;
  readonly own: OwnWrites;
  /** Resolves when the listener was stopped. */
  readonly listening: Promise<void>;
}

/** Pause between two sweeps, and after one that has failed. */
const SWEEP_MS = 3_000;
const SWEEP_AGAIN_MS = 500;
/** Time for which a call waits for the job of its value. */
const SCHEDULE_LIMIT_MS = 500;
/** Time after which a value that is due has been written, or else has no job any more. */
const OVERDUE_MS = 5_000;
/** A time within which every value is due. */
const EVER_MS = 1e15;

/**
 * The pending writes of one cache on BullMQ. Values are in Redis (`PendingValues`), a job for each key starts their
 * writes (`JobRunner`), and a stream says which of them have ended (`OutcomeListener`).
 *
 * Nothing is connected before the application has started: a start that fails elsewhere must leave nothing open, and
 * writers need the application.
 */
export class BullmqWrites implements PendingWrites {
  readonly #parts: BullmqWritesParts;
  /** Redis and other processes know only the real time. */
  readonly #clock: Clock = new SystemClock();
  readonly #process = randomUUID();
  readonly #room = new RoomQueue(this.#clock);
  /** Without a connection nothing else keeps the process alive while it waits. */
  readonly #hold = new ProcessHold();
  #host: WriteBehindHost | undefined;
  #engine: Engine | undefined;
  #sweep: Timer | undefined;
  #isHurried = false;
  #isClosed = false;
  #isOutageReported = false;

  constructor(parts: BullmqWritesParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#isClosed || this.#engine !== undefined) return;
    this.#engine = this.#begin(this.#host as WriteBehindHost);
    this.#sweepAfter(0, EVER_MS);
  }

  connect(host: WriteBehindHost): void {
    this.#host = host;
  }

  checkWriter(writer: unknown): PendingWrite['writer'] {
    const { writers } = this.#parts.options;
    if (typeof writer === 'string' && Object.hasOwn(writers, writer)) return writer;
    const names = Object.keys(writers).map((name) => `'${name}'`);
    throw new CacheConfigError(
      `Expected the name of a writer of \`bullmqWriteBehind\` (${names.join(', ')}), got \`${show(writer)}\`. ` +
        (typeof writer === 'string'
          ? `Add it: \`writers: { ${show(writer)}: async (value, key) => { ... } }\`.`
          : 'A function cannot be run by another process: add it to `writers`, and pass its name.'),
    );
  }

  async add(write: PendingWrite): Promise<void> {
    const id = idOf(write);
    const { own, runner } = this.#working(write);
    const bytes = await this.#parts.context.codec.encode(write);
    const { version, dueInMs, isEarlier } = await this.#take(id, write, bytes);
    own.add(id, write, version);
    const scheduled = runner.schedule(id, dueInMs).then(() => (isEarlier ? runner.moveUp(id, dueInMs) : undefined));
    scheduled.catch((error: unknown) => this.#report(error));
    // The value is safe: if this takes longer, or fails, a sweep adds its job.
    await settledWithin(this.#clock, SCHEDULE_LIMIT_MS, scheduled);
  }

  async isPending(write: PendingWrite): Promise<boolean> {
    const id = idOf(write);
    try {
      const { own, values } = this.#working(write);
      if ((await values.pendingVersion(id)) !== undefined) return true;
      own.drop(id, write);
    } catch (error) {
      this.#report(error);
    }
    return false;
  }

  async flush(graceMs: number): Promise<void> {
    this.#isHurried = true;
    if (this.#engine === undefined) return;
    const { own } = this.#engine;
    const hurried = this.#hurry(this.#engine).catch((error: unknown) => this.#report(error));
    const landed = Promise.all([hurried, own.untilEmpty()]);
    await this.#hold.during(() => settledWithin(this.#clock, graceMs, landed));
  }

  async close(graceMs: number): Promise<LeftWrites> {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#room.nudge();
    if (this.#engine === undefined) return { writes: [], areKept: true };
    await this.#hold.during(() => this.#end(this.#engine as Engine, graceMs));
    return { writes: this.#engine.own.all, areKept: true };
  }

  async #end({ clients, values, runner, listener, listening }: Engine, graceMs: number): Promise<void> {
    values.close();
    await runner.close(graceMs);
    listener.stop();
    await clients.close();
    await listening;
  }

  #begin(host: WriteBehindHost): Engine {
    const { packages, options, context } = this.#parts;
    const clock = this.#clock;
    const own = new OwnWrites(host);
    const { prefix, queue } = queueNames(options.name, context);
    const clients = new QueueClients(options.connection, packages.Redis, {
      clock,
      onError: (error) => this.#report(error),
    });
    const values: PendingValues = new PendingValues(clients.commands, {
      clock,
      root: `${prefix}:${queue}`,
      isReady: (): boolean => clients.isReady && listener.isListening,
    });
    const listener: OutcomeListener = new OutcomeListener({
      client: clients.outcomes,
      clock,
      values,
      onOutcome: (outcome) => {
        if (outcome.process !== this.#process) own.heard(outcome);
        this.#room.nudge();
      },
    });
    const runner = new JobRunner({
      packages,
      jobs: clients.jobs,
      names: { prefix, queue },
      values,
      writers: options.writers,
      codec: context.codec,
      clock,
      host,
      own,
      isReady: () => clients.isReady,
      onFault: (error) => this.#report(error),
      process: this.#process,
    });
    return { clients, values, runner, listener, own, listening: listener.run() };
  }

  async #take(id: string, write: PendingWrite, bytes: Buffer): Promise<Added> {
    const { writer, key, delayMs, maxPending, retries, backoffMs } = write;
    const order = { writer: writer as string, retries, backoffMs };
    const add = (most: number): Promise<Added | undefined> =>
      this.#working(write).values.add({
        id,
        key,
        delayMs: this.#isHurried ? 0 : delayMs,
        maxPending: most,
        order,
        bytes,
      });
    // A key that is pending needs no room, so its value must not wait behind others.
    const added = await add(this.#room.isEmpty ? maxPending : 0);
    return added ?? this.#room.wait(async () => add(maxPending));
  }

  #working({ key }: PendingWrite): Engine {
    this.start();
    if (!this.#isClosed && this.#engine !== undefined) return this.#engine;
    throw new CacheUnavailableError(
      `Nothing was taken over for \`${key}\`: the cache is closed. Write the value to its source yourself.`,
    );
  }

  async #hurry({ values, runner, own }: Engine): Promise<void> {
    const { ids } = own;
    await values.hurry(ids);
    await Promise.all(ids.map((id) => runner.moveUp(id, 0)));
  }

  #sweepAfter(delayMs: number, dueWithinMs: number): void {
    if (!this.#isClosed) this.#sweep = this.#clock.schedule(delayMs, () => void this.#sweepNow(dueWithinMs));
  }

  /** The first sweep looks at all pending writes, each later one at those that should have ended. */
  async #sweepNow(dueWithinMs: number): Promise<void> {
    const { clients, runner, values, listener, own } = this.#engine as Engine;
    if (!clients.isReady) {
      this.#sweepAfter(SWEEP_AGAIN_MS, dueWithinMs);
      return;
    }
    try {
      await runner.sweep(dueWithinMs);
      const look = { missing: await values.missing(own.ids), latest: await values.latestOutcome() };
      own.giveUpLost(look, (outcome) => listener.hasReached(outcome));
      this.#isOutageReported = false;
      this.#sweepAfter(SWEEP_MS, -OVERDUE_MS);
    } catch (error) {
      this.#report(error);
      this.#sweepAfter(SWEEP_AGAIN_MS, dueWithinMs);
    }
  }

  /** Reports a fault of Redis; of an outage only the first. */
  #report(error: unknown): void {
    if (this.#isClosed || this.#isOutageReported) return;
    this.#isOutageReported = true;
    this.#host?.onError(errorWithoutSecrets(error), 'reach the Redis of `bullmqWriteBehind`');
  }
}
