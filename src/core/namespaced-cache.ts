import type { CacheEntry } from './ports/cache-entry.js';
import type { CacheExplanation } from './observation/cache-explanation.js';
import type { CacheOperations } from './cache-operations.js';
import type {
  Factory,
  GetOrSetOptions,
  InvalidateOptions,
  InvalidateTagsOptions,
  ManyFactory,
  SetOptions,
  WriteThroughOptions,
} from './load/call-options.js';
import type { Ttl } from './vocabulary/duration.js';
import { recognizeInAllCopies } from './vocabulary/copies.js';
import { basePlan, DEFAULT_LOAD_POLICY, readLoadPlan } from './load/load-policy.js';
import type { WarmOptions, WarmReport } from './warm.js';
import type { WriteBehindOptions, Writer } from './write-behind/write-behind-options.js';

type InNamespace<O> = Omit<O, 'namespace'>;

/** Defaults of a namespace, for calls that do not set the option themselves. */
export type NamespaceDefaults = InNamespace<GetOrSetOptions<never>> & Pick<SetOptions, 'ttl' | 'tags'>;

/** A `CacheService` with the namespace filled in, and with the defaults of that namespace. */
export class NamespacedCache {
  readonly #here: { readonly namespace: string };
  readonly #loadDefaults: GetOrSetOptions<never>;
  readonly #setDefaults: SetOptions;

  readonly #cache: CacheOperations;

  constructor(
    cache: CacheOperations,
    readonly name: string,
    defaults: NamespaceDefaults = {},
  ) {
    this.#cache = cache;
    // This also checks the defaults: a wrong one must fail the start, not the first call.
    const plan = readLoadPlan(defaults, basePlan(DEFAULT_LOAD_POLICY, name, 0));
    this.#here = Object.freeze({ namespace: name });
    this.#loadDefaults = Object.freeze({ ...defaults, ...this.#here });
    const { ttl, tags } = defaults;
    const keepStale = Math.max(
      plan.staleWhileRevalidateMs,
      plan.staleIfErrorMs,
      typeof plan.keepStale === 'number' ? plan.keepStale : 0,
    );
    this.#setDefaults = Object.freeze({
      ...(ttl === undefined ? {} : { ttl }),
      ...(tags === undefined ? {} : { tags }),
      ...(keepStale === 0 ? {} : { keepStale }),
      ...this.#here,
    });
  }

  get<T>(key: string): Promise<T | undefined> {
    return this.#cache.get<T>(key, this.#here);
  }

  set<T>(key: string, value: T, options?: InNamespace<SetOptions>): Promise<void> {
    return this.#cache.set(key, value, this.#forSet(options));
  }

  delete(key: string): Promise<boolean> {
    return this.#cache.delete(key, this.#here);
  }

  has(key: string): Promise<boolean> {
    return this.#cache.has(key, this.#here);
  }

  touch(key: string, ttl: Ttl): Promise<boolean> {
    return this.#cache.touch(key, ttl, this.#here);
  }

  getEntry<T>(key: string): Promise<CacheEntry<T> | undefined> {
    return this.#cache.getEntry<T>(key, this.#here);
  }

  getOrSet<T>(key: string, factory: Factory<T>, options?: InNamespace<GetOrSetOptions<T>>): Promise<T> {
    return this.#cache.getOrSet(key, factory, this.#forLoad(options));
  }

  refresh<T>(key: string, factory: Factory<T>, options?: InNamespace<GetOrSetOptions<T>>): Promise<T> {
    return this.#cache.refresh(key, factory, this.#forLoad(options));
  }

  writeThrough<T>(key: string, write: () => Promise<T>, options?: InNamespace<WriteThroughOptions<T>>): Promise<T> {
    return this.#cache.writeThrough(key, write, { ...this.#setDefaults, ...options, ...this.#here });
  }

  writeBehind<T>(key: string, value: T, write: Writer<T>, options?: InNamespace<WriteBehindOptions>): Promise<void> {
    return this.#cache.writeBehind(key, value, write, this.#forSet(options));
  }

  getMany<T>(keys: readonly string[]): Promise<Map<string, T>> {
    return this.#cache.getMany<T>(keys, this.#here);
  }

  setMany<T>(entries: Iterable<readonly [string, T]>, options?: InNamespace<SetOptions>): Promise<void> {
    return this.#cache.setMany(entries, this.#forSet(options));
  }

  deleteMany(keys: readonly string[]): Promise<number> {
    return this.#cache.deleteMany(keys, this.#here);
  }

  getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: InNamespace<GetOrSetOptions<T>>,
  ): Promise<Map<string, T>> {
    return this.#cache.getOrSetMany(keys, factory, this.#forLoad(options));
  }

  /** Invalidates every entry of the cache that carries the tags, in this and in all other namespaces. */
  invalidateTags(tags: readonly string[], options?: InvalidateTagsOptions): Promise<number> {
    return this.#cache.invalidateTags(tags, options);
  }

  invalidatePattern(pattern: string, options?: { dryRun?: boolean }): Promise<number> {
    return this.#cache.invalidatePattern(pattern, { ...options, ...this.#here });
  }

  /** Invalidates every entry of this namespace. */
  invalidate(options?: InvalidateOptions): Promise<number> {
    return this.#cache.invalidateNamespace(this.name, options);
  }

  /** Removes every entry of this namespace, and of no other. */
  clear(): Promise<number> {
    return this.#cache.invalidateNamespace(this.name);
  }

  warm<T>(
    keys: Iterable<string> | AsyncIterable<string>,
    factory: (key: string) => T | Promise<T>,
    options?: InNamespace<WarmOptions<T>>,
  ): Promise<WarmReport> {
    return this.#cache.warm(keys, factory, this.#forLoad(options));
  }

  /** As that of the cache: changes of all its namespaces are kept back. */
  transaction<T>(work: () => T | Promise<T>): Promise<T> {
    return this.#cache.transaction(work);
  }

  /** As that of the cache: reads of all its namespaces are remembered. */
  runInRequest<T>(work: () => T): T {
    return this.#cache.runInRequest(work);
  }

  explain(key: string): Promise<CacheExplanation> {
    return this.#cache.explain(key, this.#here);
  }

  #forLoad<O extends object>(options: O | undefined): O & GetOrSetOptions<never> {
    return (options === undefined ? this.#loadDefaults : { ...this.#loadDefaults, ...options, ...this.#here }) as O &
      GetOrSetOptions<never>;
  }

  #forSet<O extends InNamespace<SetOptions>>(options: O | undefined): O & SetOptions {
    return (options === undefined ? this.#setDefaults : { ...this.#setDefaults, ...options, ...this.#here }) as O &
      SetOptions;
  }
}

recognizeInAllCopies(NamespacedCache, 'NamespacedCache');
