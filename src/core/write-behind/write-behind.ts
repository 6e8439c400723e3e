import { isDeepStrictEqual } from 'node:util';
import { InProcessWrites } from './in-process-queue.js';
import { KeyTurns } from './key-turns.js';
import { readWriteBehind, type WriteBehindOptions } from './write-behind-options.js';
import { draftOfSet } from '../load/entry-drafts.js';
import type { GuardedStore } from '../load/guarded-store.js';
import type { Invalidations } from '../load/invalidations.js';
import { type LoadPlan, readWritePlan } from '../load/load-policy.js';
import type { ValueLoader } from '../load/value-loader.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { Awaitable, EntryDraft, InvalidationTarget, LoadTicket } from '../ports/cache-adapter.port.js';
import type { Clock } from '../ports/clock.port.js';
import type {
  FailedWrite,
  LeftWrites,
  PendingWrite,
  PendingWrites,
  WriteBehindHost,
  WrittenValue,
} from '../ports/write-behind-queue.port.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { copyValue } from '../values/value-copier.js';
import { checkKey, storedKey } from '../vocabulary/cache-key.js';
import { CacheUnavailableError } from '../vocabulary/cache.errors.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

/*
 * Values that are in the cache before they are in their source.
 *
 * A write is taken over by the queue first, and then stored: a process that dies in between leaves a value that will be
 * written, and never one in the cache that nobody writes. The calls of one process for one key take turns.
 *
 * Until a write has landed, the source is older than the cache. A read that finds no entry meanwhile (the key was
 * deleted, evicted, or has expired) loads the old value, and the cache stores it. So a write that has landed fences its
 * key: a load that began before is not stored, and the entry stays only if it has the value that was written. Entries
 * are compared by their values, which works in every process.
 *
 * Races, and who decides them:
 * - the write lands before its value is stored: another process may have changed the source again, so the value goes.
 * - a later write of the key is pending when the earlier one lands: the later one will fence the key.
 * - the store fails: the key is invalidated, as after `writeThrough`.
 */

export interface WriteBehindParts {
  /** `undefined` for a queue in this process. */
  readonly queue: PendingWrites | undefined;
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly loader: ValueLoader;
  readonly invalidations: Invalidations;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
  /** The plan of a call without options. */
  readonly plan: LoadPlan;
  readonly types: ValueTypes;
  /** Time for which `flush` and `close` together wait for pending writes. */
  readonly graceMs: number;
}

/** Names in a message at most. */
const NAMED = 100;

export class WriteBehind implements WriteBehindHost {
  readonly #parts: WriteBehindParts;
  readonly #queue: PendingWrites;
  readonly #turns = new KeyTurns();
  /** The rest of the time for which `flush` and `close` wait, in ms. */
  #graceMs: number;

  constructor(parts: WriteBehindParts) {
    this.#parts = parts;
    this.#queue = parts.queue ?? new InProcessWrites({ clock: parts.clock, keepsProcess: false });
    this.#graceMs = parts.graceMs;
    this.#queue.connect(this);
  }

  /** Begins to write, also what an earlier process has left. */
  start(): void {
    this.#queue.start();
  }

  /**
   * Stores a value, and has it written later. In a transaction both are kept back until its end.
   * @throws CacheUnavailableError when nothing was taken over, and nothing stored
   */
  async write(key: string, value: unknown, writer: unknown, options: WriteBehindOptions): Promise<void> {
    checkKey(key, 'key');
    const { types } = this.#parts;
    const checkedWriter = this.#queue.checkWriter(writer);
    const { policy, set } = readWriteBehind(options);
    const plan = readWritePlan(set, this.#parts.plan);
    const { namespace } = plan;
    // The caller may change its value while the write waits.
    const own = copyValue(value, 'clone', types);
    const read = (): unknown => copyValue(own, 'clone', types);
    const write: PendingWrite = { key, namespace, value: own, read, writer: checkedWriter, ...policy };
    const take = (): Promise<void> => this.#inTurn(write, () => this.#take(write, draftOfSet(plan, key, own)));
    const { transaction } = this.#parts.scopes;
    if (transaction === undefined) await take();
    else transaction.after(take, write);
  }

  landed(written: WrittenValue, isReplaced: () => Awaitable<boolean>): Promise<void> {
    return this.#guarded('fence a key that was written', () =>
      this.#inTurn(written, () => this.#fence(written, isReplaced)),
    );
  }

  failed(write: FailedWrite, error: unknown, isReplaced: () => Awaitable<boolean>): Promise<void> {
    return this.#guarded('end a write', () =>
      this.#inTurn(write, async () => {
        if (await isReplaced()) return;
        await this.#invalidate([write]);
        this.#tell(write, error);
      }),
    );
  }

  onError(error: unknown, doing: string): void {
    this.#parts.reporter.fault(error, doing);
  }

  /** Writes what is pending at once, and waits for it as long as there is time. */
  async flush(): Promise<void> {
    await this.#timed((graceMs) => this.#queue.flush(graceMs));
  }

  /** Does the same, reports what is left, and frees everything. */
  async close(): Promise<void> {
    await this.flush();
    const left = await this.#timed((graceMs) => this.#queue.close(graceMs));
    if (left.writes.length === 0) return;
    const error = leftError(left);
    if (!left.areKept) await this.#invalidate(left.writes);
    this.#parts.reporter.fault(error, 'close');
    if (!left.areKept) for (const write of left.writes) this.#callOnFailed(write, error);
  }

  async #take(write: PendingWrite, draft: EntryDraft): Promise<void> {
    await this.#queue.add(write);
    const isKept = (await this.#store(write, draft)) && (await this.#queue.isPending(write));
    if (!isKept) await this.#invalidate([write]);
  }

  async #store({ key, namespace }: PendingWrite, draft: EntryDraft): Promise<boolean> {
    const { store, loader, reporter } = this.#parts;
    try {
      if (!(await store.set([draft], namespace))) return false;
      loader.detach(targetOf([key], namespace));
      reporter.stored(draft, namespace);
      return true;
    } catch (error) {
      // The adapter refuses the value, which is on its way to the source already.
      reporter.notStored(error, key, undefined);
      return false;
    }
  }

  async #fence({ key, namespace, value }: WrittenValue, isReplaced: () => Awaitable<boolean>): Promise<void> {
    const { store, loader } = this.#parts;
    const grant = await store.begin([key], namespace, {
      purpose: 'write',
      exclusive: false,
      tags: [],
      computesTags: true,
    });
    try {
      if (await isReplaced()) return;
      if (grant.isFenced && this.#has(grant.tickets[0], value)) loader.detach(targetOf([key], namespace));
      else await this.#invalidate([{ key, namespace }]);
    } finally {
      await grant.release();
    }
  }

  #has(ticket: LoadTicket | undefined, value: unknown): boolean {
    const entry = ticket?.state === 'granted' ? ticket.current : undefined;
    return entry !== undefined && isDeepStrictEqual(this.#parts.store.read(entry), value);
  }

  /** Removes the keys. Where that fails it is reported, and with Redis repeated. */
  async #invalidate(writes: readonly Pick<PendingWrite, 'key' | 'namespace'>[]): Promise<void> {
    // GuardedStore reports the faults.
    await Promise.allSettled(writes.map(({ key, namespace }) => this.#parts.invalidations.ofOutdated(key, namespace)));
  }

  #tell(write: FailedWrite, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.reporter.fault(
      new CacheUnavailableError(`The write of \`${write.key}\` failed for the last time: ${message}`, { cause: error }),
      'write',
    );
    this.#callOnFailed(write, error);
  }

  #callOnFailed({ key, onFailed, read }: FailedWrite, error: unknown): void {
    const report = (fault: unknown): void => this.onError(fault, `call \`onFailed\` for \`${key}\``);
    try {
      Promise.resolve(onFailed?.(error, key, read?.()) as unknown).catch(report);
    } catch (fault) {
      report(fault);
    }
  }

  #inTurn<T>({ key, namespace }: Pick<PendingWrite, 'key' | 'namespace'>, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(storedKey(key, namespace, undefined), work);
  }

  /** What a queue says is not part of the transaction in which the write was called for. */
  async #guarded(doing: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.#parts.scopes.outsideTransaction(work);
    } catch (error) {
      this.#parts.reporter.fault(error, doing);
    }
  }

  /** Takes the time that `work` needs off the time that is left. */
  async #timed<T>(work: (graceMs: number) => Promise<T>): Promise<T> {
    const startedMs = this.#parts.clock.nowMs();
    const result = await work(this.#graceMs);
    this.#graceMs = Math.max(0, this.#graceMs - (this.#parts.clock.nowMs() - startedMs));
    return result;
  }
}

function targetOf(keys: readonly string[], namespace: string | undefined): InvalidationTarget {
  return { kind: 'keys', keys, namespace };
}

function leftError({ writes, areKept }: LeftWrites): CacheUnavailableError {
  const names = writes
    .slice(0, NAMED)
    .map(({ key, namespace }) => `\`${key}\`${namespace === undefined ? '' : ` of \`${namespace}\``}`);
  const others = writes.length > NAMED ? ` and ${writes.length - NAMED} more` : '';
  const end = areKept
    ? 'They are kept: another process, or the next start, writes them.'
    : 'They are not written, and not in the cache any more.';
  return new CacheUnavailableError(
    `The cache was closed before ${writes.length} pending writes had landed: ${names.join(', ')}${others}. ${end}`,
  );
}
