import type { Observable } from 'rxjs';
import type { CacheInspector } from './cache-inspector.js';
import { hasInternals, internalsOf, keepInternals, type TimedRead } from './cache-internals.js';
import type { ClusterStats } from './cluster/cluster-stats.js';
import type { CacheOperations, EntryPage, ListOptions } from './cache-operations.js';
import { type CacheServiceParts, checkedParts, wire } from './cache-service-parts.js';
import type {
  Factory,
  GetOrSetOptions,
  InvalidateOptions,
  InvalidatePatternOptions,
  InvalidateTagsOptions,
  ManyFactory,
  NamespaceOption,
  SetOptions,
  WriteThroughOptions,
} from './load/call-options.js';
import { CallPlans } from './load/call-plans.js';
import { checkFactory, forMany, forOne } from './load/factories.js';
import { type GuardedStore, UNREADABLE } from './load/guarded-store.js';
import type { Invalidations } from './load/invalidations.js';
import type { TransactionRunner } from './load/transaction-runner.js';
import type { ReadOrder, ReadThrough } from './load/read-through.js';
import type { ValueLoader } from './load/value-loader.js';
import { isValidAtOnce } from './load/value-validation.js';
import type { ValueWriter } from './load/value-writer.js';
import { NamespacedCache } from './namespaced-cache.js';
import type { CacheEvent } from './observation/cache-events.js';
import type { CacheExplanation } from './observation/cache-explanation.js';
import type { CacheReporter } from './observation/cache-reporter.js';
import { callerIn } from './observation/caller.js';
import type { CacheStats } from './observation/cache-stats.js';
import type { Awaitable, StoredEntry } from './ports/cache-adapter.port.js';
import { type CacheEntry, type LoadOutcome, StoredOutcome } from './ports/cache-entry.js';
import { type Clock, idleMs } from './ports/clock.port.js';
import { checkKey, checkKeys } from './vocabulary/cache-key.js';
import type { CallScopes } from './scopes/call-scopes.js';
import { enterCopy, recognizeInAllCopies } from './vocabulary/copies.js';
import { parseTtl, type Ttl } from './vocabulary/duration.js';
import { type WarmOptions, type WarmReport, warmKeys } from './warm.js';
import type { WriteBehind } from './write-behind/write-behind.js';
import type { WriteBehindOptions, Writer } from './write-behind/write-behind-options.js';

/** Number of reads per measured one. */
const SAMPLE_EVERY = 64;

/** True for a cache, false for an object that a test has put in its place. */
export function isCacheService(value: object): value is CacheService {
  return hasInternals(value);
}

/** The cache. `CacheOperations` documents what each method promises. */
export class CacheService implements CacheOperations {
  /** The `name` of the options. @default 'default' */
  readonly name: string;
  readonly #clock: Clock;
  readonly #store: GuardedStore;
  readonly #loader: ValueLoader;
  readonly #reads: ReadThrough;
  readonly #writer: ValueWriter;
  readonly #scopes: CallScopes;
  readonly #transactions: TransactionRunner;
  readonly #writeBehind: WriteBehind;
  readonly #invalidations: Invalidations;
  readonly #reporter: CacheReporter;
  readonly #plans: CallPlans;
  readonly #inspector: CacheInspector;
  /** Reads until the next measured one. Counted here, not in the statistics: a hit with fewer calls compiles better. */
  #readsToSample = 1;
  readonly #end: () => Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(parts: CacheServiceParts) {
    const { options, clock, reporter } = checkedParts(parts);
    const collaborators = wire(parts);
    this.name = options.name;
    this.#clock = clock;
    this.#reporter = reporter;
    this.#plans = new CallPlans(collaborators.plan);
    this.#store = collaborators.store;
    this.#scopes = collaborators.scopes;
    this.#loader = collaborators.loader;
    this.#invalidations = collaborators.invalidations;
    this.#reads = collaborators.reads;
    this.#writer = collaborators.writer;
    this.#transactions = collaborators.transactions;
    this.#writeBehind = collaborators.writeBehind;
    this.#end = collaborators.end;
    this.#inspector = collaborators.inspector;
    keepInternals(this, {
      ...collaborators.internals,
      find: (key, own) => this.#find(key, own),
      load: (key, factory, own, found) =>
        reporter.tracedRead([key], own?.namespace, () => this.#load(key, factory, own, found)),
      open: (key, own) => collaborators.openLoads.open(key, this.#plans.namespaceOf(own), () => this.#plans.of(own)),
      delete: (key, own) => this.delete(key, own),
      isClosed: () => this.#closed !== undefined,
    });
  }

  get events(): Observable<CacheEvent> {
    return this.#reporter.stream.observable;
  }

  get<T>(key: string, options?: NamespaceOption): Promise<T | undefined> {
    return this.#reporter.isTraced ? this.#tracedGet(key, options) : this.#get(key, options);
  }

  async getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    return this.#reporter.isTraced
      ? this.#tracedGetOrSet(key, factory, options)
      : this.#getOrSet(key, factory, options);
  }

  #get<T>(key: string, options: NamespaceOption | undefined): Promise<T | undefined> {
    // Not an async function: that would put a promise around the store's.
    try {
      checkKey(key, 'key');
      const namespace = options === undefined ? this.#plans.base.namespace : this.#plans.namespaceIn(options);
      const found =
        --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.tryGet(key, namespace);
      if (found instanceof Promise)
        return this.#store.continueWith(found, (entry) => this.#answer<T>(key, namespace, entry));
      return Promise.resolve(this.#answer<T>(key, namespace, found));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async set<T>(key: string, value: T, options?: SetOptions): Promise<void> {
    await this.setMany([[key, value]], options);
  }

  async delete(key: string, options?: NamespaceOption): Promise<boolean> {
    return (await this.deleteMany([key], options)) > 0;
  }

  async has(key: string, options?: NamespaceOption): Promise<boolean> {
    checkKey(key, 'key');
    const entry = await this.#store.get(key, this.#plans.namespaceIn(options));
    return entry !== undefined && this.#clock.nowMs() < entry.freshUntilMs;
  }

  async touch(key: string, ttl: Ttl, options?: NamespaceOption): Promise<boolean> {
    checkKey(key, 'key');
    const ttlMs = parseTtl(ttl, 'ttl');
    return ttlMs === 0 ? this.delete(key, options) : this.#writer.touch(key, this.#plans.namespaceIn(options), ttlMs);
  }

  async getEntry<T>(key: string, options?: NamespaceOption): Promise<CacheEntry<T> | undefined> {
    checkKey(key, 'key');
    return this.#inspector.entry<T>(key, this.#plans.namespaceIn(options));
  }

  #getOrSet<T>(key: string, factory: Factory<T>, options: GetOrSetOptions<T> | undefined): T | Promise<T> {
    checkKey(key, 'key');
    checkFactory(factory);
    const namespace = options === undefined ? this.#plans.base.namespace : this.#plans.namespaceOf(options);
    const found = --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.tryGet(key, namespace);
    return found instanceof Promise
      ? this.#answerOrLoadLater(key, factory, options, found)
      : this.#answerOrLoad(key, factory, options, { entry: found, waitedMs: 0 });
  }

  async refresh<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    checkKey(key, 'key');
    checkFactory(factory);
    const plan = this.#plans.of(options);
    this.#scopes.forget({ kind: 'keys', keys: [key], namespace: plan.namespace });
    const outcomes = await this.#reporter.tracedRead([key], plan.namespace, () =>
      this.#loader.load({ keys: [key], plan, factory: forOne(factory), purpose: 'refresh' }),
    );
    if (this.#scopes.transaction !== undefined) await this.#invalidations.ofOutdated(key, plan.namespace);
    return outcomes.get(key)?.value as T;
  }

  async writeThrough<T>(key: string, write: () => Promise<T>, options: WriteThroughOptions<T> = {}): Promise<T> {
    checkKey(key, 'key');
    checkFactory(write);
    return this.#writer.writeThrough(key, write, options);
  }

  async writeBehind<T>(key: string, value: T, write: Writer<T>, options: WriteBehindOptions = {}): Promise<void> {
    await this.#writeBehind.write(key, value, write, options);
  }

  async getMany<T>(keys: readonly string[], options?: NamespaceOption): Promise<Map<string, T>> {
    checkKeys(keys, 'key');
    const namespace = this.#plans.namespaceIn(options);
    return this.#reporter.tracedRead(keys, namespace, () => this.#reads.freshValues<T>([...new Set(keys)], namespace));
  }

  async setMany<T>(entries: Iterable<readonly [string, T]>, options?: SetOptions): Promise<void> {
    await this.#writer.set(entries, options ?? {});
  }

  async deleteMany(keys: readonly string[], options?: NamespaceOption): Promise<number> {
    checkKeys(keys, 'key');
    const namespace = this.#plans.namespaceIn(options);
    return this.#invalidations.ofKeys([...new Set(keys)], namespace);
  }

  async getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: GetOrSetOptions<T>,
  ): Promise<Map<string, T>> {
    checkKeys(keys, 'key');
    checkFactory(factory);
    const plan = this.#plans.of(options);
    const read = (): Promise<Map<string, T>> => this.#reads.many([...new Set(keys)], plan, forMany(factory));
    return this.#reporter.tracedRead(keys, plan.namespace, read);
  }

  async invalidateTags(tags: readonly string[], options: InvalidateTagsOptions = {}): Promise<number> {
    return this.#invalidations.ofTags(tags, options);
  }

  async invalidateNamespace(namespace: string, options: InvalidateOptions = {}): Promise<number> {
    return this.#invalidations.ofNamespace(namespace, options);
  }

  async invalidatePattern(pattern: string, options: InvalidatePatternOptions = {}): Promise<number> {
    return this.#invalidations.ofPattern(pattern, this.#plans.namespaceOf(options), options);
  }

  async clear(): Promise<number> {
    return this.#invalidations.ofAll();
  }

  async cleanupExpired(): Promise<number> {
    return this.#invalidations.ofExpired();
  }

  warm<T>(
    keys: Iterable<string> | AsyncIterable<string>,
    factory: (key: string) => T | Promise<T>,
    options?: WarmOptions<T>,
  ): Promise<WarmReport> {
    return warmKeys(internalsOf(this), keys, factory, options ?? {});
  }

  async transaction<T>(work: () => T | Promise<T>): Promise<T> {
    checkFactory(work);
    return this.#transactions.run(work);
  }

  runInRequest<T>(work: () => T): T {
    checkFactory(work);
    return this.#scopes.inRequest(work);
  }

  getStats(): Promise<CacheStats> {
    return this.#inspector.stats();
  }

  getClusterStats(): Promise<ClusterStats> {
    return this.#inspector.clusterStats();
  }

  async list(options: ListOptions = {}): Promise<EntryPage> {
    return this.#inspector.list(options);
  }

  async explain(key: string, options?: NamespaceOption): Promise<CacheExplanation> {
    checkKey(key, 'key');
    return this.#inspector.explain(key, this.#plans.namespaceIn(options));
  }

  /** The same methods, with the namespace filled in. */
  namespace(name: string): NamespacedCache {
    checkKey(name, 'namespace');
    return new NamespacedCache(this, name);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  /** A method of its own, as the next one: a closure in a method costs each of its calls. */
  #tracedGet<T>(key: string, options: NamespaceOption | undefined): Promise<T | undefined> {
    return this.#reporter.tracedRead([key], options?.namespace, () => this.#get<T>(key, options));
  }

  #tracedGetOrSet<T>(key: string, factory: Factory<T>, options: GetOrSetOptions<T> | undefined): Promise<T> {
    return this.#reporter.tracedRead([key], options?.namespace, async () => this.#getOrSet(key, factory, options));
  }

  /** Its promise may reject, as that of `GuardedStore.tryGet`. */
  #findMeasured(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    this.#readsToSample = SAMPLE_EVERY;
    return this.#reporter.measuredRead(() => this.#store.tryGet(key, namespace));
  }

  async #load<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: TimedRead | undefined,
  ): Promise<LoadOutcome<T>> {
    checkKey(key, 'key');
    checkFactory(factory);
    const known = found ?? (await this.#found(key, this.#plans.namespaceOf(options)));
    if (this.#isOrdinaryHit(known.entry, options)) {
      this.#reporter.hit(known.entry, options === undefined ? undefined : callerIn(options));
      return new StoredOutcome<T>(known.entry, 'hit', false);
    }
    const outcomes = await this.#reads.outcomes(this.#orderOf(key, factory, options, known));
    return (outcomes.get(key) ?? { value: undefined, status: 'miss', isCollapsed: true }) as LoadOutcome<T>;
  }

  #find(key: string, options: NamespaceOption | undefined): Awaitable<StoredEntry | undefined> {
    const namespace = this.#plans.namespaceOf(options);
    const found = --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.tryGet(key, namespace);
    return found instanceof Promise ? this.#store.orReported(found) : found;
  }

  async #found(key: string, namespace: string | undefined): Promise<TimedRead> {
    const sentMs = idleMs(this.#clock);
    const entry = await this.#store.get(key, namespace);
    return { entry, waitedMs: idleMs(this.#clock) - sentMs };
  }

  #answer<T>(key: string, namespace: string | undefined, entry: StoredEntry | undefined): T | undefined {
    const value =
      entry === undefined || entry.freshUntilMs <= this.#clock.coarseNowMs() ? UNREADABLE : this.#store.read(entry);
    if (entry === undefined || value === UNREADABLE) {
      this.#reporter.miss(key, namespace, undefined);
      return undefined;
    }
    this.#reporter.hit(entry, undefined);
    return value as T;
  }

  /** A method of its own, because a closure in a method costs each of its calls, and a hit needs none. */
  #answerOrLoadLater<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: Promise<StoredEntry | undefined>,
  ): Promise<T> {
    const sentMs = idleMs(this.#clock);
    return this.#store.continueWith(found, (entry) =>
      this.#answerOrLoad(key, factory, options, { entry, waitedMs: idleMs(this.#clock) - sentMs }),
    );
  }

  #answerOrLoad<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: TimedRead,
  ): T | Promise<T> {
    if (!this.#isOrdinaryHit(found.entry, options)) return this.#loadValue(key, factory, options, found);
    const value = this.#store.read(found.entry);
    if (value === UNREADABLE) return this.#loadValue(key, factory, options, found);
    this.#reporter.hit(found.entry, options === undefined ? undefined : callerIn(options));
    return value as T;
  }

  async #loadValue<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: TimedRead,
  ): Promise<T> {
    return (await this.#reads.values(this.#orderOf(key, factory, options, found))).get(key) as T;
  }

  #orderOf<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    { entry, waitedMs }: TimedRead,
  ): ReadOrder {
    return { keys: [key], plan: this.#plans.of(options), factory: forOne(factory), found: [entry], waitedMs };
  }

  /** True for a hit that can be served without a look at the plan; `ReadThrough` decides about all other reads. */
  #isOrdinaryHit<T>(entry: StoredEntry | undefined, options: GetOrSetOptions<T> | undefined): entry is StoredEntry {
    if (entry === undefined || entry.freshUntilMs <= this.#clock.coarseNowMs()) return false;
    if (options === undefined) return this.#plans.isPlain;
    const {
      validate,
      refreshAhead = this.#plans.base.refreshAhead,
      earlyExpiration = this.#plans.base.earlyExpiration,
    } = options;
    return refreshAhead === 1 && earlyExpiration === 0 && (validate === undefined || isValidAtOnce(validate, entry));
  }
}

recognizeInAllCopies(CacheService, 'CacheService');
enterCopy(CacheService);
