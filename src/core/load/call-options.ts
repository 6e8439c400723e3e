import type { CacheEntry } from '../ports/cache-entry.js';
import type { Duration, Ttl } from '../vocabulary/duration.js';

export interface NamespaceOption {
  /** @default the cache's `defaultNamespace` */
  namespace?: string;
}

export interface SetOptions extends NamespaceOption {
  /** @default the cache's `defaultTtl` */
  ttl?: Ttl;
  /** @default none */
  tags?: readonly string[];
  /**
   * Time beyond the TTL during which the value is kept for later calls with `staleIfError` or `staleWhileRevalidate`.
   * @default the longest that a stale option of the cache needs
   */
  keepStale?: Duration;
}

export interface WriteThroughOptions<T> extends NamespaceOption {
  /** @default the cache's `defaultTtl` */
  ttl?: Ttl;
  /** Tags, or a function of the result of `write`. @default none */
  tags?: readonly string[] | ((written: T) => readonly string[]);
  /**
   * Time beyond the TTL during which the value is kept for later calls with `staleIfError` or `staleWhileRevalidate`.
   * @default the longest that a stale option of the cache needs
   */
  keepStale?: Duration;
}

/** Options of one load. Each is also an option of the cache, as the default for all of its loads. */
export interface LoadOptions {
  /** Time after expiry during which the expired value is served while one refresh runs. @default 0 */
  staleWhileRevalidate?: Duration;
  /** Time after expiry during which the expired value is served when the factory fails. @default 0 */
  staleIfError?: Duration;
  /** Share of the TTL, 0 to 1, after which a hit refreshes the value in the background. @default 1, off */
  refreshAhead?: number;
  /**
   * Beta of XFetch (Vattani, Chierichetti, Lowenstein, VLDB 2015): a hit refreshes the value at random before it
   * expires. The slower the load, the earlier.
   * @default 0, off
   */
  earlyExpiration?: number;
  /**
   * Largest share of the TTL, 0 to 1, that is taken off at random, so that entries stored together do not expire
   * together.
   * @default 0
   */
  jitter?: number;
  /** TTL of `null` results. @default the TTL of any other value */
  negativeTtl?: Ttl;
  /**
   * Time after which a caller that waits for the factory gets an expired value, if there is one. The factory goes on,
   * and its result is stored.
   * @default off
   */
  softTimeout?: Duration;
  /** Time after which callers get a `CacheTimeoutError` and the factory is given up. @default off */
  hardTimeout?: Duration;
  /**
   * Callers that share one load: those of this process, those of all processes on the same store, or none.
   * @default 'cluster' with the backends redis and hybrid, else 'process'
   */
  singleFlight?: 'process' | 'cluster' | false;
}

export interface GetOrSetOptions<T> extends LoadOptions, NamespaceOption {
  /** TTL, or a function of the result. @default the cache's `defaultTtl` */
  ttl?: Ttl | ((value: T) => Ttl);
  /** Tags, or a function of the result. @default none */
  tags?: readonly string[] | ((value: T) => readonly string[]);
  /** Returns false for a result that is given to its callers and not stored. @default every result is stored */
  storeIf?: (value: T) => boolean;
  /**
   * Time beyond the TTL during which a result is kept for `LoadContext.stale`. It is not served to callers.
   * @default the longest that a stale option needs
   */
  keepStale?: Duration | ((value: T) => Duration);
  /** Check of a stored value; one that fails is a miss. What a schema would transform is not used. @default none */
  validate?: ValueValidator<T>;
}

export interface InvalidateOptions {
  /** True to expire the entries instead: callers that accept stale values may still get them. @default false */
  soft?: boolean;
  /** True to count the entries only. @default false */
  dryRun?: boolean;
}

export interface InvalidateTagsOptions extends InvalidateOptions {
  /** The entries that are invalidated: those with any of the tags, or with all of them. @default 'any' */
  mode?: 'any' | 'all';
}

export interface InvalidatePatternOptions extends NamespaceOption {
  /** True to count the entries only. @default false */
  dryRun?: boolean;
}

export type ValueValidator<T> = ((stored: unknown) => stored is T) | ((stored: unknown) => boolean) | StandardSchema;

/**
 * The part of the Standard Schema interface (standardschema.dev, v1) that validation needs. Schemas of zod, valibot
 * and arktype have it.
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

/** The argument of a factory. */
export interface LoadContext<T> {
  readonly key: string;
  /** Aborted when no caller waits for the result any more, or when the cache is closed. */
  readonly signal: AbortSignal;
  /** False while the store cannot be reached: the result goes to the waiting callers and is not stored. */
  readonly canStore: boolean;
  /** The entry that the result will replace, if one is left. For conditional requests. */
  readonly stale?: CacheEntry<T>;
  /**
   * Gives the value of `stale`. Return it when the source says that the value has not changed: it is stored again.
   * @throws when there is no `stale`
   */
  notModified(): T;
}

export type Factory<T> = (load: LoadContext<T>) => T | Promise<T>;

/** Computes the values of the missing keys, by key. Keys without a value are left out. */
export type ManyFactory<T> = (missing: string[]) => Values<T> | Promise<Values<T>>;
type Values<T> = Map<string, T> | Record<string, T>;
