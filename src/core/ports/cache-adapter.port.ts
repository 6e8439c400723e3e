import type { Clock } from './clock.port.js';
import type { ProcessBoard } from './process-board.port.js';
import type { ProcessHold } from './process-hold.js';
import type { Finding } from '../vocabulary/finding.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

/**
 * The port behind every backend: it stores entries and keeps old values out of them.
 *
 * ## What an adapter promises
 * - **An invalidation wins over every load that began before it.** `begin` takes a fence. `commit` refuses a key that
 *   was set, deleted or otherwise invalidated since `begin`. This also holds for tags that `begin` could not know,
 *   because they were computed from the result: the adapter must know that such a tag was invalidated since `begin`,
 *   and must refuse when it cannot know.
 * - **An invalidated entry is gone** from `get`, `getMany`, `scan` and `usage` when `invalidate` has answered. Its
 *   memory may be freed later. With `soft` it is expired instead, and kept as a stale entry.
 * - **An expired entry is still returned** until `staleUntilMs`. The caller decides whether to serve an expired value,
 *   never the adapter. After `staleUntilMs` the entry is gone, read or not.
 * - **Values are private.** Owners may change the values that they gave to `set` and `commit`, or got from `read()`,
 *   without any effect on the stored value (unless the user chose `isolation: 'none'`).
 * - A value that cannot be stored is refused with a `CacheSerializationError`, and nothing is changed.
 * - Lost metadata makes an entry unreadable. It never makes an old entry readable.
 *
 * A key is looked up inside its namespace; `undefined` is a namespace of its own. A batch stays inside one namespace.
 * Methods answer at once or with a promise. An adapter inside the process answers at once, so that a memory hit costs
 * one promise in all. Errors may be thrown or rejected; the kit treats both as a fault.
 */
export interface CacheAdapter {
  /** Name of the backend for `CacheStats.backend`, such as `memory`. */
  readonly kind: string;

  /** Gives the entry under `key`, fresh or expired, or `undefined`. Counts as a use of the entry for eviction. */
  get(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined>;

  /** Gives one answer per key, in the order of `keys`. One round trip, or one per node in a cluster. */
  getMany(keys: readonly string[], namespace: string | undefined): Awaitable<(StoredEntry | undefined)[]>;

  /** Opens a load of `keys`: fences them against later invalidations, and elects the loader of each. */
  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Awaitable<LoadGrant>;

  /**
   * Stores the drafts and replaces earlier entries. Invalidates every running load of these keys. A draft with `ttlMs`
   * 0 stores nothing and removes the key.
   */
  set(drafts: readonly EntryDraft[], namespace: string | undefined): Awaitable<void>;

  /**
   * Removes entries from view and answers the number of live ones among them. With `soft` they expire instead and stay
   * as stale entries. With `dryRun` nothing changes, and the number is the same.
   */
  invalidate(target: InvalidationTarget, how?: { soft?: boolean; dryRun?: boolean }): Awaitable<number>;

  /** Gives one page of entries, in any order, for people who look into the cache. Never counts as a use. */
  scan(query: ScanQuery): Awaitable<ScanPage>;

  /** Gives the current use of the store. Never scans a remote store while the caller waits. */
  usage(): Awaitable<AdapterUsage>;

  /** Frees timers, sockets and memory. Later calls are misses and no-ops. */
  close(): Awaitable<void>;

  /** Gives the name of an entry in the store, for operators. Only where entries have names. */
  storedKey?(key: string, namespace: string | undefined): string;

  /**
   * Gives the entry of each tier under a key, from near to far, for people who look into the cache. Only with several
   * tiers.
   */
  look?(key: string, namespace: string | undefined): Awaitable<readonly TierEntry[]>;

  /**
   * Asks the store how it is set up, for the doctor. `undefined` where it cannot be asked now. Never rejects for a
   * store that is away.
   */
  diagnose?(): Awaitable<readonly Finding[] | undefined>;

  /** Where the processes that share the store show each other their statistics. Only with a shared store. */
  readonly processes?: ProcessBoard | undefined;
}

export interface TierEntry {
  readonly name: string;
  readonly entry: StoredEntry | undefined;
}

export type Awaitable<T> = T | Promise<T>;

/** Makes an adapter when the options are known, for `CacheKitOptions.adapter`. */
export type CacheAdapterFactory = (context: CacheAdapterContext) => Awaitable<CacheAdapter>;

/** Services of the kit for an adapter. */
export interface CacheAdapterContext {
  /** Name of the cache. */
  readonly name: string;
  /** Version of the entries: those of another version must not be found. */
  readonly version: string | undefined;
  /**
   * Classes whose instances the adapter gives back as instances, for `createEntryCodec` or `encodeEntry`.
   * @default none
   */
  readonly types?: ValueTypes;
  readonly clock: Clock;
  /** Reports an entry that was evicted to make room. */
  onEvict(entry: StoredEntry): void;
  /** Reports a fault that no caller waits for. */
  onError(error: unknown): void;
  /**
   * Announces a fact about the deployment to operators, in one sentence. Not for facts that recur often.
   * @param level `log` by default
   */
  onNotice(sentence: string, level?: 'log' | 'warn' | 'error'): void;
  /**
   * Reports a state that works and is probably a mistake, such as a store that is set up for another purpose. The
   * start-up advisor lists it.
   */
  readonly onFinding?: (finding: Finding) => void;
  /**
   * Keeps the process alive in place of connections, which must not: a start that fails could otherwise not end it.
   * Absent outside a Nest application.
   */
  readonly hold?: ProcessHold;
}

/** A stored entry. All times except `createdAtMs` are on the scale of `Clock.nowMs()`. */
export interface StoredEntry {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
  /** Time when it was stored, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /** TTL with which it was stored; `Infinity` for ever. */
  readonly ttlMs: number;
  /** End of its freshness; `Infinity` for ever. */
  readonly freshUntilMs: number;
  /** Time for which it is kept after it expires, as it was stored. */
  readonly staleMs: number;
  /** Time until which it is kept; never before `freshUntilMs`. */
  readonly staleUntilMs: number;
  /** Time that the value took to compute; 0 where unknown. */
  readonly loadMs: number;
  readonly sizeBytes: number;
  /** Number of callers of this process that got this entry. */
  readonly hits: number;
  /** Time of the last of them, in milliseconds since 1970; 0 for never. */
  readonly lastReadAtMs: number;
  /** Adds one to `hits`. Called once for each caller that gets the entry. */
  countHit(): void;
  /** Makes a copy of the value, which the caller may change. */
  read(): unknown;
  /** The stored value itself, without a copy: for callers that never change it and never give it away. */
  readonly shared: unknown;
}

/** An entry that is not stored yet. */
export interface EntryDraft {
  readonly key: string;
  readonly value: unknown;
  /** More than 0; `Infinity` for ever. */
  readonly ttlMs: number;
  /** Time beyond the TTL during which the entry is kept for callers that accept a stale value. */
  readonly staleMs: number;
  readonly tags: readonly string[];
  readonly loadMs: number;
  /** Creation time of the earlier entry, for `touch`, in milliseconds since 1970. @default now */
  readonly createdAtMs?: number;
}

export interface LoadRequest {
  /**
   * `load`: granted unless the entry is fresh; a fresh one comes back as `found`. `refresh`: granted even if it is
   * fresh. `write`: always granted, and voids every other load of the key, because its value replaces theirs.
   */
  readonly purpose: 'load' | 'refresh' | 'write';
  /** True for one loader at a time among all processes that share the store. The others get `held` and wait. */
  readonly exclusive: boolean;
  /** Tags that the result will carry. */
  readonly tags: readonly string[];
  /** True when the draft may carry more tags, which are computed from the result. */
  readonly computesTags: boolean;
  /**
   * Time that the caller has waited for the store already, in milliseconds. All waits of one call share one limit.
   * @default 0
   */
  readonly waitedMs?: number;
}

/**
 * The answer to `begin`. `commit` or `release` ends it. A grant that is never ended must not block others for ever.
 */
export interface LoadGrant {
  /** One ticket for each key, in the order of the keys. */
  readonly tickets: readonly LoadTicket[];

  /**
   * Stores the results of granted keys and ends the grant. Gives one answer per draft: the stored entry, or `undefined`
   * where the draft was refused because its key, one of its tags or its namespace was invalidated since `begin`.
   */
  commit(drafts: readonly EntryDraft[]): Awaitable<(StoredEntry | undefined)[]>;

  /** Ends the grant without a result, so that others may load at once. Does nothing after `commit`. */
  release(): Awaitable<void>;
}

export type LoadTicket =
  /**
   * `current` is the entry that the load will replace, fresh or expired, if there is one. It is read under the fence,
   * so it may be stored again.
   */
  | { readonly state: 'granted'; readonly current?: StoredEntry }
  | { readonly state: 'found'; readonly entry: StoredEntry }
  /** Another process loads. `settled` resolves when that load has ended or its lease has run out, and never rejects. */
  | { readonly state: 'held'; readonly settled: Promise<void> };

export type InvalidationTarget =
  | { readonly kind: 'keys'; readonly keys: readonly string[]; readonly namespace: string | undefined }
  /** Entries that carry any, or all, of `tags`. */
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly mode: 'any' | 'all' }
  | { readonly kind: 'namespace'; readonly namespace: string }
  /** Keys of one namespace that match a glob (see `compileGlob`). */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly namespace: string | undefined }
  | { readonly kind: 'all' }
  /** Entries past `staleUntilMs` that are not freed yet. Fences no load. */
  | { readonly kind: 'expired' };

export interface ScanQuery {
  /** Only entries of this namespace. @default all */
  readonly namespace?: string;
  /** Only keys that match this glob. @default all */
  readonly pattern?: string;
  /** `cursor` of the page before; absent for the first page. Any other text is a CacheConfigError. */
  readonly cursor?: string;
  /** Largest number of entries in the page. */
  readonly limit: number;
}

export interface ScanPage {
  readonly entries: readonly StoredEntry[];
  /** Absent after the last page. */
  readonly cursor?: string;
}

export interface AdapterUsage {
  /** Number of stored entries that are not past `staleUntilMs`. */
  readonly entries: number;
  /** Bytes of all tiers that know theirs; `null` where none does. */
  readonly bytes: number | null;
  /** Number of evictions since the adapter was made. */
  readonly evictions: number;
  /** Smallest and largest `createdAtMs`; `null` while empty. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  readonly status: 'up' | 'degraded' | 'down';
  /** The tiers from near to far; one for an adapter of one tier. `hits` and `misses` are those of this process. */
  readonly tiers: readonly TierUsage[];
  /** Only with copies of shared entries in the process. */
  readonly coherence?: CoherenceUsage;
}

/** The way in which near copies learn of changes. */
export interface CoherenceUsage {
  /**
   * `tracking`: the server announces every change. `bus`: the process that makes a change announces it. `ttl`: nobody
   * announces changes, and a copy is used for no longer than `maxStaleness`.
   */
  readonly mode: 'tracking' | 'bus' | 'ttl';
  /** The reason for this mode, in one sentence. */
  readonly reason: string;
  /**
   * True when it is certain at this moment that this process hears of every change. Always true with `ttl`, which needs
   * no announcements.
   */
  readonly isProven: boolean;
}

export interface TierUsage {
  readonly name: 'memory' | 'redis' | 'file';
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number | null;
  /** Bounds of a tier in this process or on this machine; absent where there is none. */
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}
