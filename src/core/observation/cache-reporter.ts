import type { EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';
import type { LoadOutcome } from '../ports/cache-entry.js';
import type { CacheTracer, TracedWork } from '../ports/cache-tracer.port.js';
import type { Clock } from '../ports/clock.port.js';
import type { EntryTarget } from '../ports/invalidation-target.js';
import { type CacheMessage, channelOf, CHANNELS } from './cache-channels.js';
import { type CacheEvent, CacheEventStream, type InvalidationSubject } from './cache-events.js';
import { WriteLedger } from './write-ledger.js';
import { RecentRemovals } from './recent-removals.js';
import { StatsRecorder } from './cache-stats.js';
import {
  CacheConfigError,
  CacheError,
  type CacheErrorCode,
  CacheUnavailableError,
  isCallersFault,
} from '../vocabulary/cache.errors.js';
import { type Caller, notStored } from './caller.js';

export interface ReporterOptions {
  /** Name of the cache. */
  readonly name: string;
  readonly clock: Clock;
  readonly hasStats: boolean;
  readonly onError: (error: CacheError) => void;
}

/**
 * Reports what happens in a cache to the statistics, the events, the channels and the user's `onError`. Makes no event
 * while nobody listens.
 */
export class CacheReporter {
  readonly stream = new CacheEventStream();
  /** `undefined` with `stats: false`. */
  readonly stats: StatsRecorder | undefined;
  readonly writes = new WriteLedger();
  readonly removals: RecentRemovals;
  readonly #clock: Clock;
  #tracer: CacheTracer | undefined;
  readonly name: string;
  readonly #onError: (error: CacheError) => void;
  /** The codes that were reported for each decorated method or route. */
  readonly #reported = new WeakMap<Caller, Set<CacheErrorCode>>();

  constructor({ name, clock, hasStats, onError }: ReporterOptions) {
    this.stats = hasStats ? new StatsRecorder() : undefined;
    this.removals = new RecentRemovals(clock);
    this.#clock = clock;
    this.name = name;
    this.#onError = onError;
  }

  get isTraced(): boolean {
    return this.#tracer !== undefined;
  }

  /**
   * Follows the work of the cache from now on. Returns the function that ends it.
   * @throws CacheConfigError where the cache is traced already
   */
  traceWith(tracer: CacheTracer): () => void {
    if (this.isTraced)
      throw new CacheConfigError(
        `The cache '${this.name}' is traced already. Make its telemetry once, and close it before you make another.`,
      );
    this.#tracer = tracer;
    return () => (this.#tracer = undefined);
  }

  /** Runs a read, and measures it for the statistics. */
  measuredRead<T>(read: () => T | Promise<T>): T | Promise<T> {
    const { stats } = this;
    if (stats === undefined) return read();
    const startedMs = this.#clock.nowMs();
    const measure = (): void => stats.read(this.#clock.nowMs() - startedMs, this.#clock.wallMs());
    const found = read();
    if (found instanceof Promise) found.then(measure, measure);
    else measure();
    return found;
  }

  /** Runs a read in a span where the cache is traced. */
  tracedRead<T>(keys: readonly string[], namespace: string | undefined, read: () => Promise<T>): Promise<T> {
    return this.#traced({ operation: 'get', cache: this.name, keys, namespace }, read);
  }

  /** Runs a load in a span where the cache is traced. @param onSpan called with the load, for `joined` */
  tracedLoad<T>(
    keys: readonly string[],
    namespace: string | undefined,
    load: () => Promise<T>,
    onSpan: (span: unknown) => void,
  ): Promise<T> {
    const tracer = this.#tracer;
    if (tracer === undefined) return load();
    return tracer.run({ operation: 'load', cache: this.name, keys, namespace }, () => {
      onSpan(tracer.current());
      return load();
    });
  }

  /** Runs an invalidation in a span where the cache is traced. */
  tracedInvalidation<T>(target: EntryTarget, invalidate: () => Promise<T>): Promise<T> {
    const keys = target.kind === 'keys' ? target.keys : [];
    const namespace = 'namespace' in target ? target.namespace : undefined;
    return this.#traced({ operation: 'invalidate', cache: this.name, keys, namespace }, invalidate);
  }

  /** Tells that the caller has waited for the load of another one. @param load given by `tracedLoad` */
  joined(load: unknown): void {
    this.#tracer?.joined(load);
  }

  /** Counts a fresh entry that was served to a caller. */
  hit(entry: StoredEntry, caller: Caller | undefined): void {
    entry.countHit();
    this.stats?.hit(entry, caller);
    if (this.#tracer !== undefined) this.#tracer.counted('hit');
    if (this.stream.isObserved || CHANNELS.hit.hasSubscribers) this.#announce('hit', entry);
  }

  /** Counts an expired entry that was served to a caller. */
  stale(entry: StoredEntry, caller: Caller | undefined): void {
    entry.countHit();
    this.stats?.stale(entry, caller);
    if (this.#tracer !== undefined) this.#tracer.counted('stale');
    if (this.stream.isObserved || CHANNELS.hit.hasSubscribers) this.#announce('stale', entry);
  }

  miss(key: string, namespace: string | undefined, caller: Caller | undefined): void {
    this.stats?.miss(key, namespace, caller);
    if (this.#tracer !== undefined) this.#tracer.counted('miss');
    if (this.stream.isObserved || CHANNELS.miss.hasSubscribers) this.#emit({ type: 'miss', key, namespace });
  }

  /** @param outcome absent when the load failed */
  outcome(
    key: string,
    namespace: string | undefined,
    outcome: LoadOutcome | undefined,
    caller: Caller | undefined,
  ): void {
    if (outcome?.entry === undefined || outcome.status === 'miss') this.miss(key, namespace, caller);
    else this[outcome.status](outcome.entry, caller);
  }

  stored({ key, tags, ttlMs }: StoredDraft, namespace: string | undefined): void {
    if (this.stats !== undefined) this.stats.sets++;
    this.writes.stored(key, tags, ttlMs);
    this.removals.stored(key, namespace, tags);
    if (this.stream.isObserved) this.stream.emit({ type: 'set', key, namespace });
  }

  /** @returns `count` */
  deleted(keys: readonly string[], namespace: string | undefined, count: number): number {
    if (this.stats !== undefined) {
      this.stats.deletes += count;
      this.stats.invalidated.key++;
    }
    this.removals.removed({ kind: 'keys', keys, namespace }, false);
    if (this.stream.isObserved || CHANNELS.invalidate.hasSubscribers)
      this.#emit({ type: 'delete', keys, namespace, count });
    return count;
  }

  /** @param target names no keys */
  invalidated(target: Exclude<EntryTarget, { kind: 'keys' }>, isSoft: boolean, count: number): void {
    if (this.stats !== undefined) {
      this.stats.invalidations++;
      this.stats.invalidated[KIND_OF[target.kind]]++;
    }
    this.removals.removed(target, isSoft);
    if (target.kind === 'tags') this.writes.invalidated(target.tags, target.mode, count);
    if (this.stream.isObserved || CHANNELS.invalidate.hasSubscribers)
      this.#emit({ type: 'invalidate', target: subjectOf(target), isSoft, count });
  }

  evicted(key: string, namespace: string | undefined): void {
    this.removals.evicted(key, namespace);
    if (this.stream.isObserved) this.stream.emit({ type: 'evict', key, namespace });
  }

  /** @param stored the entries that were stored */
  loaded(
    keys: readonly string[],
    { namespace, caller }: LoadPlace,
    durationMs: number,
    stored: ReadonlyMap<string, StoredDraft>,
  ): void {
    this.stats?.loaded(durationMs, false, caller);
    const isObserved = this.stream.isObserved || CHANNELS.load.hasSubscribers;
    for (const key of keys) {
      const draft = stored.get(key);
      if (draft !== undefined) this.stored(draft, namespace);
      if (isObserved) this.#emit({ type: 'load', key, namespace, durationMs, isStored: draft !== undefined });
    }
  }

  loadFailed(keys: readonly string[], { namespace, caller }: LoadPlace, durationMs: number, error: unknown): void {
    this.stats?.loaded(durationMs, true, caller);
    if (!this.stream.isObserved && !CHANNELS.load.hasSubscribers) return;
    for (const key of keys) this.#emit({ type: 'load-failed', key, namespace, durationMs, error });
  }

  /** Counts a request that went past the cache. */
  bypassed(caller: Caller): void {
    if (this.stats !== undefined) this.stats.users.of(caller).bypasses++;
  }

  /** Counts a caller that waited for a load as long as its `hardTimeout` allows. */
  timedOut(): void {
    if (this.stats !== undefined) this.stats.timeouts++;
  }

  coalesced(): void {
    if (this.stats !== undefined) this.stats.coalesced++;
  }

  /** Reports a result that was returned and not stored. @param caller the decorated method that loaded it */
  notStored(error: unknown, key: string, caller: Caller | undefined): void {
    if (isCallersFault(error)) this.misuse(notStored(error, key, caller), caller);
    else this.fault(error, 'store a value');
  }

  /**
   * Reports a fault in how the cache is used. A wrongly decorated method repeats its fault with each call; it is
   * reported with the first one.
   */
  misuse(error: CacheError, caller: Caller | undefined): void {
    if (caller === undefined) {
      this.fault(error, 'use the cache');
      return;
    }
    const reported = this.#reported.get(caller) ?? new Set();
    this.#reported.set(caller, reported);
    if (!reported.has(error.code)) this.fault(error, 'cache a method');
    else this.stats?.failed(error.code);
    reported.add(error.code);
  }

  /**
   * Reports a fault that must not reach a caller.
   * @returns the fault as a CacheError, for the few calls that reject with it
   */
  fault(error: unknown, doing: string): CacheError {
    const fault =
      error instanceof CacheError
        ? error
        : new CacheUnavailableError(`Could not ${doing}: ${error instanceof Error ? error.message : String(error)}`, {
            cause: error,
          });
    this.stats?.failed(fault.code);
    if (this.stream.isObserved || CHANNELS.error.hasSubscribers) this.#emit({ type: 'error', error: fault });
    try {
      this.#onError(fault);
    } catch {
      // The user's own handler has failed, and there is nobody else to report that to.
    }
    return fault;
  }

  #traced<T>(traced: TracedWork, work: () => Promise<T>): Promise<T> {
    return this.#tracer === undefined ? work() : this.#tracer.run(traced, work);
  }

  #announce(type: 'hit' | 'stale', { key, namespace }: StoredEntry): void {
    this.#emit({ type, key, namespace });
  }

  #emit(event: CacheEvent): void {
    if (this.stream.isObserved) this.stream.emit(event);
    const channel = channelOf(event.type);
    if (channel?.hasSubscribers === true) channel.publish({ cache: this.name, ...event } satisfies CacheMessage);
  }
}

/** The parts of a stored entry that are reported. */
export type StoredDraft = Pick<EntryDraft, 'key' | 'tags' | 'ttlMs'>;

/** The place of a load. */
interface LoadPlace {
  readonly namespace: string | undefined;
  readonly caller: Caller | undefined;
}

const KIND_OF = { tags: 'tag', namespace: 'namespace', pattern: 'pattern', all: 'clear' } as const;

/** Returns the target as events show it. */
function subjectOf(target: Exclude<EntryTarget, { kind: 'keys' }>): InvalidationSubject {
  switch (target.kind) {
    case 'tags':
      return { tags: target.tags, mode: target.mode };
    case 'namespace':
      return { namespace: target.namespace };
    case 'pattern':
      return { pattern: target.pattern, namespace: target.namespace };
    case 'all':
      return 'all';
  }
}
