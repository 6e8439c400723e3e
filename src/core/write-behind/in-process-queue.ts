import { KeyWrites } from './key-writes.js';
import type {
  LeftWrites,
  PendingWrite,
  PendingWrites,
  WriteBehindContext,
  WriteBehindHost,
  WriteBehindQueue,
} from '../ports/write-behind-queue.port.js';
import type { Clock } from '../ports/clock.port.js';
import { settledWithin } from '../ports/grace.js';
import { ProcessHold } from '../ports/process-hold.js';
import { storedKey } from '../vocabulary/cache-key.js';
import { CacheConfigError, CacheUnavailableError } from '../vocabulary/cache.errors.js';
import { show } from '../vocabulary/show.js';

/** Writers by name. Only a queue in the place of another one has some. */
export type Writers = Readonly<
  Record<string, (value: unknown, key: string, where: { readonly namespace: string | undefined }) => unknown>
>;

/** The queue of caches without another one: values wait in this process, and a crash loses them. */
export class InProcessQueue implements WriteBehindQueue {
  readonly #writers: Writers;

  constructor(writers: Writers = {}) {
    this.#writers = writers;
  }

  open(context: InProcessContext): InProcessWrites {
    return new InProcessWrites(context, this.#writers);
  }

  inProcess(): this {
    return this;
  }
}

type InProcessContext = Pick<WriteBehindContext, 'clock' | 'keepsProcess'>;

/** A caller that waits for room. */
interface Waiter {
  readonly write: PendingWrite;
  readonly admit: () => void;
  readonly refuse: (error: CacheUnavailableError) => void;
}

export class InProcessWrites implements PendingWrites {
  readonly #clock: Clock;
  readonly #keepsProcess: boolean;
  readonly #writers: Writers;
  readonly #keys = new Map<string, KeyWrites>();
  /** Callers in the order in which they came. */
  #waiters: Waiter[] = [];
  readonly #hold = new ProcessHold();
  #host: WriteBehindHost | undefined;
  #isHurried = false;
  #isClosed = false;
  #onEmpty: () => void = () => undefined;

  constructor({ clock, keepsProcess }: InProcessContext, writers: Writers = {}) {
    this.#clock = clock;
    this.#keepsProcess = keepsProcess;
    this.#writers = writers;
  }

  start(): void {
    // Values come from this process only, so there is nothing to write yet.
  }

  connect(host: WriteBehindHost): void {
    this.#host = host;
  }

  checkWriter(writer: unknown): PendingWrite['writer'] {
    if (typeof writer === 'function') return writer as (value: unknown) => unknown;
    if (typeof writer !== 'string')
      throw new CacheConfigError(
        `Expected the writer to be a function, got \`${show(writer)}\`. ` +
          'Write `cache.writeBehind(key, value, async (value) => { ... })`.',
      );
    if (Object.hasOwn(this.#writers, writer)) return writer;
    throw new CacheConfigError(
      `Expected the writer to be a function, got the name \`${show(writer)}\`: this cache writes in its own ` +
        'process, where writers have no names. Pass the function, or register it with `writeBehind: ' +
        'bullmqWriteBehind({ connection, writers })` of nestjs-cache-kit/bullmq.',
    );
  }

  async add(write: PendingWrite): Promise<void> {
    if (this.#isClosed) throw closed(write);
    const known = this.#keys.get(idOf(write));
    if (known !== undefined) known.replace(write);
    else if (this.#waiters.length === 0 && this.#hasRoomFor(write)) this.#begin(write);
    else
      await new Promise<void>((resolve, reject) => {
        this.#waiters.push({ write, admit: resolve, refuse: reject });
      });
  }

  isPending(write: PendingWrite): boolean {
    return this.#keys.get(idOf(write))?.isPending(write) === true;
  }

  async flush(graceMs: number): Promise<void> {
    this.#isHurried = true;
    for (const writes of this.#keys.values()) writes.hurry();
    if (this.#keys.size === 0) return;
    await settledWithin(this.#clock, graceMs, new Promise<void>((resolve) => (this.#onEmpty = resolve)));
  }

  async close(graceMs: number): Promise<LeftWrites> {
    await this.flush(graceMs);
    this.#isClosed = true;
    const left = [...this.#keys.values()];
    for (const writes of left) writes.end();
    this.#keys.clear();
    this.#hold.end();
    for (const { write, refuse } of this.#waiters.splice(0)) refuse(closed(write));
    return { writes: left.flatMap(({ latest }) => latest ?? []), areKept: false };
  }

  #hasRoomFor({ maxPending }: PendingWrite): boolean {
    return this.#keys.size < maxPending;
  }

  #begin(write: PendingWrite): void {
    const id = idOf(write);
    const writes = new KeyWrites({
      clock: this.#clock,
      host: this.#host as WriteBehindHost,
      run: (each) => this.#run(each),
      onDone: () => this.#done(id),
    });
    this.#keys.set(id, writes);
    if (this.#keepsProcess) this.#keepProcess();
    if (this.#isHurried) writes.hurry();
    writes.replace(write);
  }

  #done(id: string): void {
    this.#keys.delete(id);
    for (let next = this.#waiters[0]; next !== undefined && this.#canAdmit(next); next = this.#waiters[0]) {
      this.#waiters.shift();
      const known = this.#keys.get(idOf(next.write));
      if (known === undefined) this.#begin(next.write);
      else known.replace(next.write);
      next.admit();
    }
    if (this.#keys.size > 0) return;
    this.#hold.end();
    this.#onEmpty();
  }

  /** A process that has nothing else to do must not end before its writes. */
  #keepProcess(): void {
    this.#hold.need();
    this.#hold.stand();
  }

  #canAdmit({ write }: Waiter): boolean {
    return this.#keys.has(idOf(write)) || this.#hasRoomFor(write);
  }

  async #run({ writer, key, namespace, read }: PendingWrite): Promise<void> {
    if (typeof writer === 'function') await writer(read());
    else await this.#writers[writer]?.(read(), key, { namespace });
  }
}

function idOf({ key, namespace }: PendingWrite): string {
  return storedKey(key, namespace, undefined);
}

function closed({ key }: PendingWrite): CacheUnavailableError {
  return new CacheUnavailableError(
    `Nothing was taken over for \`${key}\`: the cache is closed. Write the value to its source yourself.`,
  );
}
