import type { CacheEntry } from '../ports/cache-entry.js';
import type { Duration, Ttl } from '../vocabulary/duration.js';

export interface NamespaceOption {
  /** Default: the cache's `defaultNamespace`, or none. */
  namespace?: string;
}

export interface SetOptions extends NamespaceOption {
  /** @default the cache's `defaultTtl` */
  ttl?: Ttl;
  tags?: readonly string[];
  /**
   * How long beyond its TTL the value is kept, for later calls with `staleIfError` or `staleWhileRevalidate`.
   * @default as long as the cache's own stale options ask
   */
  keepStale?: Duration;
}

export interface WriteThroughOptions<T> extends NamespaceOption {
  ttl?: Ttl;
  tags?: readonly string[] | ((written: T) => readonly string[]);
  /**
   * How long beyond its TTL what was written is kept, for later calls with `staleIfError` or `staleWhileRevalidate`.
   * @default as long as the cache's own stale options ask
   */
  keepStale?: Duration;
}

/** How a load behaves; each is also an option of the cache, for all of its loads. */
export interface LoadOptions {
  /** Serve the expired value this long while one refresh runs. @default 0 */
  staleWhileRevalidate?: Duration;
  /** Serve the expired value this long when the factory fails. @default 0 */
  staleIfError?: Duration;
  /** 0..1: refresh in the background once this share of the TTL has passed. @default off */
  refreshAhead?: number;
  /**
   * The beta of XFetch (Vattani, Chierichetti, Lowenstein, VLDB 2015): refresh at random before expiry, the likelier
   * the slower the load.
   * @default 0, off
   */
  earlyExpiration?: number;
  /** 0..1 of the TTL, taken off at random, so that entries stored together do not expire together. @default 0 */
  jitter?: number;
  /** TTL of `null` results. @default as any value */
  negativeTtl?: Ttl;
  /**
   * How long a factory may keep a caller waiting that could have an expired value; its result is stored when it comes.
   * @default off
   */
  softTimeout?: Duration;
  /** How long a factory may take before its callers get a `CacheTimeoutError` and it is given up. @default off */
  hardTimeout?: Duration;
  /**
   * Who shares one load: the callers of this process, of all processes on the same store, or nobody.
   * @default 'process' for memory
   */
  singleFlight?: 'process' | 'cluster' | false;
}

export interface GetOrSetOptions<T> extends LoadOptions, NamespaceOption {
  ttl?: Ttl | ((value: T) => Ttl);
  tags?: readonly string[] | ((value: T) => readonly string[]);
  /** A result for which this answers false is returned and not stored. */
  storeIf?: (value: T) => boolean;
  /**
   * How long beyond its TTL a result is kept, to be found by `LoadContext.stale` and served by nobody.
   * @default as long as a stale option asks
   */
  keepStale?: Duration | ((value: T) => Duration);
  /** A stored value that fails is a miss. A schema only judges: what it would transform is not taken over. */
  validate?: ValueValidator<T>;
}

export interface InvalidateOptions {
  /** Expire instead of remove: callers that accept stale values may still get them. @default false */
  soft?: boolean;
  /** Only count. @default false */
  dryRun?: boolean;
}

export interface InvalidateTagsOptions extends InvalidateOptions {
  /** Entries that carry any of the tags, or all of them. @default 'any' */
  mode?: 'any' | 'all';
}

export interface InvalidatePatternOptions extends NamespaceOption {
  /** Only count. @default false */
  dryRun?: boolean;
}

export type ValueValidator<T> = ((stored: unknown) => stored is T) | ((stored: unknown) => boolean) | StandardSchema;

/**
 * The part of the Standard Schema interface (standardschema.dev, v1) that validation needs; zod, valibot and arktype
 * have it.
 */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
  };
}
type StandardResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly unknown[] };

/** What a factory is given. */
export interface LoadContext<T> {
  readonly key: string;
  /** Aborted when nobody waits for the result any more, or the cache is closed. */
  readonly signal: AbortSignal;
  /** False while the store cannot be reached: the result goes to those who wait for it, and is not stored. */
  readonly canStore: boolean;
  /** The entry that the result will replace, where one is left: for conditional requests. */
  readonly stale?: CacheEntry<T>;
  /**
   * The value of `stale`, to be returned when the source says that it still holds: it is stored anew.
   * @throws when there is no `stale`
   */
  notModified(): T;
}

export type Factory<T> = (load: LoadContext<T>) => T | Promise<T>;

/** Computes the values of the keys that are missing, by key; keys without a value are left out. */
export type ManyFactory<T> = (missing: string[]) => Values<T> | Promise<Values<T>>;
type Values<T> = Map<string, T> | Record<string, T>;
