import type { Observable } from 'rxjs';
import { type CacheEntry, type LoadOutcome, StoredOutcome } from './ports/cache-entry.js';
import type { CacheEvent, InvalidationSubject } from './observation/cache-events.js';
import type { CacheExplanation } from './observation/cache-explanation.js';
import { hasInternals, internalsOf, keepInternals, type TimedRead } from './cache-internals.js';
import { CacheInspector } from './cache-inspector.js';
import { checkKey, checkKeys } from './vocabulary/cache-key.js';
import type {
  CacheOperations,
  EntryPage,
  InvalidateOptions,
  InvalidatePatternOptions,
  InvalidateTagsOptions,
  ListOptions,
} from './cache-operations.js';
import type { ResolvedServiceOptions } from './service-options.js';
import type { CacheReporter } from './observation/cache-reporter.js';
import type { CacheStats } from './observation/cache-stats.js';
import { isCallersFault } from './vocabulary/cache.errors.js';
import type { Caller } from './observation/caller.js';
import type {
  Factory,
  GetOrSetOptions,
  ManyFactory,
  NamespaceOption,
  SetOptions,
  WriteThroughOptions,
} from './load/call-options.js';
import { enterCopy, recognizeInAllCopies } from './vocabulary/copies.js';
import { parseTtl, type Ttl } from './vocabulary/duration.js';
import { checkedEntries, checkedParts } from './caller-checks.js';
import { checkFactory, forMany, forOne } from './load/factories.js';
import { compileGlob } from './vocabulary/glob.js';
import { GuardedStore, UNREADABLE } from './load/guarded-store.js';
import {
  basePlan,
  draftOf,
  isDue,
  isPlainPlan,
  type LoadPlan,
  readLoadPlan,
  readWritePlan,
  staleWindowMs,
} from './load/load-policy.js';
import { NamespacedCache } from './namespaced-cache.js';
import { checkNames, readBoolean, readOneOf } from './vocabulary/option-checks.js';
import { answerOf, readComputedTags } from './vocabulary/option-functions.js';
import type {
  Awaitable,
  CacheAdapter,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  StoredEntry,
} from './ports/cache-adapter.port.js';
import { type Clock, idleMs } from './ports/clock.port.js';
import { type LoadOrder, ValueLoader } from './load/value-loader.js';
import { isValid, isValidAtOnce } from './load/value-validation.js';
import { type WarmOptions, type WarmReport, warmKeys } from './warm.js';

/** What a `CacheService` is made of. */
export interface CacheServiceParts {
  readonly options: ResolvedServiceOptions;
  readonly adapter: CacheAdapter;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
}

/** Of so many reads one is measured. */
const SAMPLE_EVERY = 64;

/** How long `close()` waits for loads that are under way. */
const CLOSE_GRACE_MS = 5_000;

/** True for a cache, false for an object that a test has put in its place. */
export function isCacheService(value: object): value is CacheService {
  return hasInternals(value);
}

/** The cache. What each method promises is written in `CacheOperations`. */
export class CacheService implements CacheOperations {
  /** The name the cache was given, `default` unless said otherwise. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #adapter: CacheAdapter;
  readonly #store: GuardedStore;
  readonly #loader: ValueLoader;
  readonly #reporter: CacheReporter;
  readonly #plan: LoadPlan;
  readonly #isPlain: boolean;
  readonly #inspector: CacheInspector;
  /** Kept here and not where the statistics are, because a hit that calls little can be compiled into one piece. */
  #readsToSample = 1;
  /** The last one that passed, because calls with one namespace come in a row. */
  #checkedNamespace: string | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: CacheServiceParts) {
    const { options, adapter, clock, reporter } = checkedParts(parts);
    this.name = options.name;
    this.#clock = clock;
    this.#adapter = adapter;
    this.#reporter = reporter;
    this.#plan = basePlan(options.load, options.defaultNamespace, options.defaultTtlMs);
    this.#isPlain = isPlainPlan(this.#plan);
    this.#store = new GuardedStore(adapter, (error, doing) => void reporter.fault(error, doing));
    this.#inspector = new CacheInspector({
      name: options.name,
      version: options.version,
      adapter,
      store: this.#store,
      reporter,
      clock,
    });
    this.#loader = new ValueLoader({
      store: this.#store,
      clock,
      reporter,
      isolatesCallers: options.isolation !== 'none',
      types: options.types,
    });
    keepInternals(this, {
      clock,
      find: (key, own) => this.#find(key, own),
      load: (key, factory, own, found) => this.#load(key, factory, own, found),
      delete: (key, own) => this.delete(key, own),
      countServed: (entry, status) => reporter[status](entry),
      reportMisuse: (error, caller) => reporter.misuse(error, caller),
    });
  }

  get events(): Observable<CacheEvent> {
    return this.#reporter.stream.observable;
  }

  get<T>(key: string, options?: NamespaceOption): Promise<T | undefined> {
    // Not an async function: that would put a promise around the store's.
    try {
      checkKey(key, 'key');
      const namespace = options === undefined ? this.#plan.namespace : this.#namespaceIn(options);
      const found = --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.find(key, namespace);
      if (found instanceof Promise) return this.#store.go(found, (entry) => this.#answer<T>(key, namespace, entry));
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
    const entry = await this.#store.get(key, this.#namespaceIn(options));
    return entry !== undefined && this.#isFresh(entry);
  }

  async touch(key: string, ttl: Ttl, options?: NamespaceOption): Promise<boolean> {
    checkKey(key, 'key');
    const ttlMs = parseTtl(ttl, 'ttl');
    if (ttlMs === 0) return this.delete(key, options);
    const grant = await this.#store.begin([key], this.#namespaceIn(options), {
      purpose: 'refresh',
      exclusive: false,
      tags: [],
      computesTags: true,
    });
    try {
      const [ticket] = grant.tickets;
      const entry = ticket?.state === 'granted' ? ticket.current : undefined;
      if (entry === undefined || !this.#isFresh(entry)) return false;
      const { createdAtMs, tags, loadMs, staleMs } = entry;
      return await this.#commit(grant, { key }, () => ({
        key,
        value: entry.shared,
        ttlMs,
        staleMs: Math.max(staleMs, staleWindowMs(this.#plan, ttlMs)),
        tags,
        loadMs,
        createdAtMs,
      }));
    } finally {
      await grant.release();
    }
  }

  async getEntry<T>(key: string, options?: NamespaceOption): Promise<CacheEntry<T> | undefined> {
    checkKey(key, 'key');
    return this.#inspector.entry<T>(key, this.#namespaceIn(options));
  }

  async getOrSet<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    checkKey(key, 'key');
    checkFactory(factory);
    const namespace = options === undefined ? this.#plan.namespace : this.#namespaceOf(options);
    const found = --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.find(key, namespace);
    return found instanceof Promise
      ? this.#answerOrLoadLater(key, factory, options, found)
      : this.#answerOrLoad(key, factory, options, { entry: found, waitedMs: 0 });
  }

  async refresh<T>(key: string, factory: Factory<T>, options?: GetOrSetOptions<T>): Promise<T> {
    checkKey(key, 'key');
    checkFactory(factory);
    const outcomes = await this.#loader.load({
      keys: [key],
      plan: this.#planOf(options),
      factory: forOne(factory),
      purpose: 'refresh',
    });
    return outcomes.get(key)?.value as T;
  }

  async writeThrough<T>(
    key: string,
    write: () => Promise<T>,
    { tags, ...options }: WriteThroughOptions<T> = {},
  ): Promise<T> {
    checkKey(key, 'key');
    checkFactory(write);
    const known = typeof tags === 'function' ? [] : (tags ?? []);
    const plan = readWritePlan({ ...options, tags: known }, this.#plan);
    const grant = await this.#store.begin([key], plan.namespace, {
      purpose: 'write',
      exclusive: false,
      tags: known,
      computesTags: typeof tags === 'function',
    });
    try {
      const startedMs = this.#clock.nowMs();
      const value = await write();
      const loadMs = this.#clock.nowMs() - startedMs;
      const isStorable = value !== undefined && plan.ttlMs > 0;
      const isStored =
        isStorable &&
        (await this.#commit(grant, { key, caller: plan.caller }, () => ({
          ...draftOf(plan, { key, value, loadMs }),
          tags: typeof tags === 'function' ? answerOf('tags', key, () => tags(value), readComputedTags) : known,
        })));
      const target: InvalidationTarget = { kind: 'keys', keys: [key], namespace: plan.namespace };
      if (!isStored) await this.#invalidate(target);
      else this.#loader.detach(target);
      return value;
    } finally {
      await grant.release();
    }
  }

  async getMany<T>(keys: readonly string[], options?: NamespaceOption): Promise<Map<string, T>> {
    checkKeys(keys, 'key');
    const namespace = this.#namespaceIn(options);
    const values = new Map<string, T>();
    const unique = [...new Set(keys)];
    const entries = await this.#store.getMany(unique, namespace);
    unique.forEach((key, i) => {
      const entry = entries[i];
      const value = entry !== undefined && this.#isFresh(entry) ? this.#store.read(entry) : UNREADABLE;
      if (entry === undefined || value === UNREADABLE) return this.#reporter.miss(key, namespace);
      this.#reporter.hit(entry);
      values.set(key, value as T);
    });
    return values;
  }

  async setMany<T>(entries: Iterable<readonly [string, T]>, options?: SetOptions): Promise<void> {
    const plan = readWritePlan(options ?? {}, this.#plan);
    // Of several values for one key the last one counts.
    const values = new Map(checkedEntries(entries));
    const drafts = [...values].map(([key, value]) => {
      checkKey(key, 'key');
      return draftOf(plan, { key, value, loadMs: 0 });
    });
    if (drafts.length === 0) return;
    try {
      await this.#adapter.set(drafts, plan.namespace);
    } catch (error) {
      if (isCallersFault(error)) throw error;
      this.#reporter.fault(error, 'store a value');
      return;
    }
    this.#loader.detach({ kind: 'keys', keys: [...values.keys()], namespace: plan.namespace });
    for (const key of values.keys()) this.#reporter.stored(key, plan.namespace);
  }

  async deleteMany(keys: readonly string[], options?: NamespaceOption): Promise<number> {
    checkKeys(keys, 'key');
    const namespace = this.#namespaceIn(options);
    return this.#reporter.deleted(
      keys,
      namespace,
      await this.#invalidate({ kind: 'keys', keys: [...new Set(keys)], namespace }),
    );
  }

  async getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: GetOrSetOptions<T>,
  ): Promise<Map<string, T>> {
    checkKeys(keys, 'key');
    checkFactory(factory);
    const order = { plan: this.#planOf(options), factory: forMany(factory) };
    const unique = [...new Set(keys)];
    const sentMs = idleMs(this.#clock);
    const found = await this.#store.getMany(unique, order.plan.namespace);
    const known = await this.#valuesOf(
      await this.#loadAll({ ...order, keys: unique, found, waitedMs: idleMs(this.#clock) - sentMs }),
      order,
    );
    return new Map(
      unique.flatMap((key) => (known.get(key) === undefined ? [] : [[key, known.get(key) as T] as const])),
    );
  }

  async invalidateTags(tags: readonly string[], options: InvalidateTagsOptions = {}): Promise<number> {
    checkKeys(tags, 'tag');
    checkNames(options, ['mode', 'soft', 'dryRun']);
    const mode = readOneOf(options.mode, ['any', 'all'], 'mode') ?? 'any';
    const unique = [...new Set(tags)];
    return unique.length === 0
      ? 0
      : this.#invalidateAndTell({ kind: 'tags', tags: unique, mode }, { tags: unique, mode }, options);
  }

  async invalidateNamespace(namespace: string, options: InvalidateOptions = {}): Promise<number> {
    checkKey(namespace, 'namespace');
    checkNames(options, ['soft', 'dryRun']);
    return this.#invalidateAndTell({ kind: 'namespace', namespace }, { namespace }, options);
  }

  async invalidatePattern(pattern: string, options: InvalidatePatternOptions = {}): Promise<number> {
    checkKey(pattern, 'pattern');
    compileGlob(pattern);
    checkNames(options, ['namespace', 'dryRun']);
    const namespace = this.#namespaceOf(options);
    return this.#invalidateAndTell({ kind: 'pattern', pattern, namespace }, { pattern, namespace }, options);
  }

  async clear(): Promise<number> {
    return this.#invalidateAndTell({ kind: 'all' }, 'all', {});
  }

  async cleanupExpired(): Promise<number> {
    return this.#invalidate({ kind: 'expired' });
  }

  warm<T>(
    keys: Iterable<string> | AsyncIterable<string>,
    factory: (key: string) => T | Promise<T>,
    options?: WarmOptions<T>,
  ): Promise<WarmReport> {
    return warmKeys(internalsOf(this), keys, factory, options ?? {});
  }

  getStats(): Promise<CacheStats> {
    return this.#inspector.stats();
  }

  async list(options: ListOptions = {}): Promise<EntryPage> {
    return this.#inspector.list(options);
  }

  async explain(key: string, options?: NamespaceOption): Promise<CacheExplanation> {
    checkKey(key, 'key');
    return this.#inspector.explain(key, this.#namespaceIn(options));
  }

  /** The same methods with the namespace filled in. */
  namespace(name: string): NamespacedCache {
    checkKey(name, 'namespace');
    return new NamespacedCache(this, name);
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#loader.drain(CLOSE_GRACE_MS);
    await this.#store.close();
    this.#reporter.stream.complete();
  }

  /**
   * Finds an entry, and measures for the statistics how long that takes. A promise may reject, as that of
   * `GuardedStore.find`.
   */
  #findMeasured(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    const { stats } = this.#reporter;
    if (stats === undefined) return this.#store.find(key, namespace);
    this.#readsToSample = SAMPLE_EVERY;
    const startedMs = this.#clock.nowMs();
    const measure = (): void => stats.read(this.#clock.nowMs() - startedMs);
    const found = this.#store.find(key, namespace);
    if (found instanceof Promise) found.then(measure, measure);
    else measure();
    return found;
  }

  async #load<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: TimedRead | undefined,
  ): Promise<LoadOutcome<T>> {
    checkKey(key, 'key');
    checkFactory(factory);
    const known = found ?? (await this.#found(key, this.#namespaceOf(options)));
    if (!this.#isOrdinaryHit(known.entry, options)) return this.#loadOutcome(key, factory, options, known);
    this.#reporter.hit(known.entry);
    return new StoredOutcome<T>(known.entry, 'hit', false);
  }

  #find(key: string, options: NamespaceOption | undefined): Awaitable<StoredEntry | undefined> {
    const namespace = this.#namespaceOf(options);
    const found = --this.#readsToSample === 0 ? this.#findMeasured(key, namespace) : this.#store.find(key, namespace);
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
      this.#reporter.miss(key, namespace);
      return undefined;
    }
    this.#reporter.hit(entry);
    return value as T;
  }

  /** Stands apart because a closure in a method costs each of its calls, and a hit needs none. */
  #answerOrLoadLater<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    found: Promise<StoredEntry | undefined>,
  ): Promise<T> {
    const sentMs = idleMs(this.#clock);
    return this.#store.go(found, (entry) =>
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
    this.#reporter.hit(found.entry);
    return value as T;
  }

  async #loadValue<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    { entry, waitedMs }: TimedRead,
  ): Promise<T> {
    const order = { plan: this.#planOf(options), factory: forOne(factory) };
    const outcomes = await this.#loadAll({ ...order, keys: [key], found: [entry], waitedMs });
    return (await this.#valuesOf(outcomes, order)).get(key) as T;
  }

  /** The values of what was found or loaded. A stored one that cannot be read is a miss: it is loaded. */
  async #valuesOf(
    outcomes: ReadonlyMap<string, LoadOutcome>,
    order: Pick<LoadOrder, 'plan' | 'factory'>,
  ): Promise<Map<string, unknown>> {
    const values = new Map([...outcomes].map(([key, outcome]) => [key, this.#store.valueOf(outcome)]));
    const keys = [...values.keys()].filter((key) => values.get(key) === UNREADABLE);
    if (keys.length === 0) return values;
    const loaded = await this.#loader.load({ ...order, keys, purpose: 'refresh' });
    for (const key of keys) values.set(key, loaded.get(key)?.value);
    return values;
  }

  async #loadOutcome<T>(
    key: string,
    factory: Factory<T>,
    options: GetOrSetOptions<T> | undefined,
    { entry, waitedMs }: TimedRead,
  ): Promise<LoadOutcome<T>> {
    const outcomes = await this.#loadAll({
      keys: [key],
      plan: this.#planOf(options),
      factory: forOne(factory),
      found: [entry],
      waitedMs,
    });
    return (outcomes.get(key) ?? { value: undefined, status: 'miss', isCollapsed: true }) as LoadOutcome<T>;
  }

  /** Answers from what was found what is fresh and valid, and loads the rest. */
  async #loadAll({
    keys,
    plan,
    factory,
    found,
    waitedMs,
  }: Required<Omit<LoadOrder, 'purpose'>>): Promise<Map<string, LoadOutcome>> {
    const outcomes = new Map<string, LoadOutcome>();
    const expired = new Map<string, StoredEntry>();
    const invalid: string[] = [];
    for (const [i, key] of keys.entries()) {
      const entry = found[i];
      if (entry === undefined) continue;
      const isFresh = this.#isFresh(entry);
      if (await isValid(plan.validate, entry)) {
        if (isFresh) outcomes.set(key, new StoredOutcome(entry, 'hit', false));
        else expired.set(key, entry);
      } else if (isFresh) {
        invalid.push(key);
      }
    }
    const due = [...outcomes.values()].flatMap(({ entry }) =>
      entry !== undefined && isDue(entry, plan, this.#clock.nowMs()) ? [entry] : [],
    );
    if (due.length > 0) this.#loader.renewInBackground(due, plan, factory);
    const missing = keys.filter((key) => !outcomes.has(key) && !invalid.includes(key));
    try {
      const loads = [
        this.#loader.load({ keys: missing, plan, factory, waitedMs, found: missing.map((key) => expired.get(key)) }),
        this.#loader.load({ keys: invalid, plan, factory, waitedMs, purpose: 'refresh' }),
      ];
      for (const loaded of await Promise.all(loads)) for (const [key, outcome] of loaded) outcomes.set(key, outcome);
    } finally {
      for (const key of keys) this.#reporter.outcome(key, plan.namespace, outcomes.get(key));
    }
    return outcomes;
  }

  /** @returns whether what `make` makes is stored now; a fault of either is told and means that it is not */
  async #commit(
    grant: LoadGrant,
    { key, caller }: { key: string; caller?: Caller | undefined },
    make: () => EntryDraft,
  ): Promise<boolean> {
    try {
      const [stored] = await grant.commit([make()]);
      if (stored !== undefined) this.#reporter.stored(stored.key, stored.namespace);
      return stored !== undefined;
    } catch (error) {
      this.#reporter.notStored(error, key, caller);
      return false;
    }
  }

  async #invalidateAndTell(
    target: InvalidationTarget,
    subject: InvalidationSubject,
    options: InvalidateOptions,
  ): Promise<number> {
    const soft = readBoolean(options.soft, 'soft', false);
    const dryRun = readBoolean(options.dryRun, 'dryRun', false);
    const count = await this.#invalidate(target, { soft, dryRun });
    if (!dryRun) this.#reporter.invalidated(subject, soft, count);
    return count;
  }

  async #invalidate(
    target: InvalidationTarget,
    how: { soft: boolean; dryRun: boolean } = { soft: false, dryRun: false },
  ): Promise<number> {
    try {
      const count = await this.#adapter.invalidate(target, how);
      if (!how.dryRun) this.#loader.detach(target);
      return count;
    } catch (error) {
      throw this.#reporter.fault(error, 'invalidate');
    }
  }

  #isFresh(entry: StoredEntry): boolean {
    return this.#clock.nowMs() < entry.freshUntilMs;
  }

  #namespaceOf(options: NamespaceOption | undefined): string | undefined {
    const namespace = options?.namespace;
    if (namespace === undefined) return this.#plan.namespace;
    if (namespace !== this.#checkedNamespace) {
      checkKey(namespace, 'namespace');
      this.#checkedNamespace = namespace;
    }
    return namespace;
  }

  /** The namespace of a call that has no other option. */
  #namespaceIn(options: NamespaceOption | undefined): string | undefined {
    if (options !== undefined && (options as NamespaceOption | null)?.namespace === undefined)
      checkNames(options, ['namespace']);
    return this.#namespaceOf(options);
  }

  #planOf<T>(options: GetOrSetOptions<T> | undefined): LoadPlan {
    return options === undefined ? this.#plan : readLoadPlan(options, this.#plan);
  }

  /** A hit that needs nothing but to be served; all other reads that may load are decided in `#loadAll`. */
  #isOrdinaryHit<T>(entry: StoredEntry | undefined, options: GetOrSetOptions<T> | undefined): entry is StoredEntry {
    if (entry === undefined || entry.freshUntilMs <= this.#clock.coarseNowMs()) return false;
    if (options === undefined) return this.#isPlain;
    const { validate, refreshAhead = this.#plan.refreshAhead, earlyExpiration = this.#plan.earlyExpiration } = options;
    return refreshAhead === 1 && earlyExpiration === 0 && (validate === undefined || isValidAtOnce(validate, entry));
  }
}

recognizeInAllCopies(CacheService, 'CacheService');
enterCopy(CacheService);
