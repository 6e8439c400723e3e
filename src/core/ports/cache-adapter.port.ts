/**
 * The port behind every backend: where entries live and what keeps old values out of them.
 *
 * ## What an adapter promises
 * - **An invalidation wins over every load that began before it.** `begin` takes a fence; when `commit` comes, a key
 *   that was set, deleted or otherwise invalidated since `begin` is refused. This holds for tags that `begin` could not
 *   know, because they were computed from the result: the adapter must be able to tell that such a tag was invalidated
 *   since `begin`, and refuse when it cannot tell.
 * - **An invalidated entry is gone** from `get`, `getMany`, `scan` and `usage` when `invalidate` has answered. Freeing
 *   its memory may come later. Invalidated `soft` it is expired instead, and kept as a stale one.
 * - **An expired entry is still returned** until `staleUntilMs`: whether an expired value may be served is decided by
 *   the caller, never by the adapter. After `staleUntilMs` it is gone, read or not.
 * - **Values are private.** What `set` and `commit` were given, and what `read()` gave, may be changed by their owners
 *   without any effect on the stored value (unless the user chose `isolation: 'none'`).
 * - A value that cannot be stored is refused with a `CacheSerializationError` before anything was changed.
 * - Losing metadata makes an entry unreadable, never an old one readable.
 *
 * A key is looked up inside its namespace; `undefined` is a namespace of its own. A batch stays inside one namespace.
 * An answer may be given at once or as a promise: an adapter that lives in the process answers at once, which is what
 * makes a memory hit cost one promise in all. Errors may be thrown or rejected, the kit treats both as a fault.
 */
export interface CacheAdapter {
  /** What it is, in the words of `CacheStats.backend`, such as `memory`. */
  readonly kind: string;

  /** The entry under `key`, fresh or expired, or `undefined`. Counts as a use of the entry for eviction. */
  get(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined>;

  /** One answer per key, in the order of `keys`: one round trip, one per node in a cluster. */
  getMany(keys: readonly string[], namespace: string | undefined): Awaitable<(StoredEntry | undefined)[]>;

  /** Opens a load of `keys`: fences them against invalidations that come later, and elects who loads. */
  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Awaitable<LoadGrant>;

  /**
   * Stores whatever was there. Counts as an invalidation of every load of these keys that is under way.
   * A draft with `ttlMs` 0 stores nothing and removes the key.
   */
  set(drafts: readonly EntryDraft[], namespace: string | undefined): Awaitable<void>;

  /**
   * Removes from view and answers how many live entries that took. With `soft` entries expire instead and stay as stale
   * ones; with `dryRun` nothing changes and only the number is given.
   */
  invalidate(target: InvalidationTarget, how?: { soft?: boolean; dryRun?: boolean }): Awaitable<number>;

  /** One page of what is stored, in no promised order, for people who look into the cache. Never counts as a use. */
  scan(query: ScanQuery): Awaitable<ScanPage>;

  /** What the store holds now. Never scans a remote store on the caller's time. */
  usage(): Awaitable<AdapterUsage>;

  /** Frees timers, sockets and memory. Later calls are misses and no-ops. */
  close(): Awaitable<void>;

  /** The name under which an operator finds an entry in the store, where it has names. */
  storedKey?(key: string, namespace: string | undefined): string;

  /**
   * What each tier has under a key, from near to far, for people who look into the cache; only where there are several.
   */
  look?(key: string, namespace: string | undefined): Awaitable<readonly TierEntry[]>;
}

export interface TierEntry {
  readonly name: string;
  readonly entry: StoredEntry | undefined;
}

export type Awaitable<T> = T | Promise<T>;

/** A factory that makes an adapter once the options are known, for `CacheKitOptions.adapter`. */
export type CacheAdapterFactory = (context: CacheAdapterContext) => Awaitable<CacheAdapter>;

/** What an adapter needs from the kit. */
export interface CacheAdapterContext {
  /** The cache's name, `default` unless said otherwise. */
  readonly name: string;
  /** Entries that were stored with another version must not be found. */
  readonly version: string | undefined;
  /**
   * The classes whose instances the adapter gives back as instances, for `createEntryCodec` or `encodeEntry`; none
   * where it is absent.
   */
  readonly types?: import('../vocabulary/value-types.js').ValueTypes;
  readonly clock: import('./clock.port.js').Clock;
  /** Tells of an entry that was dropped to make room. */
  onEvict(entry: StoredEntry): void;
  /** Tells of a fault that no caller is waiting for. */
  onError(error: unknown): void;
  /**
   * Tells operators, in a sentence, of something about the deployment that they may want to know. Not for what recurs.
   * @param level default `log`
   */
  onNotice(sentence: string, level?: 'log' | 'warn' | 'error'): void;
  /**
   * Called with what works and is probably not meant, such as a store that is set up for something else. The start-up
   * advisor lists it.
   */
  readonly onFinding?: (finding: import('../vocabulary/finding.js').Finding) => void;
  /**
   * Given while an application starts, which may fail: connections must not keep the process alive, and this does
   * instead.
   */
  readonly hold?: import('./process-hold.js').ProcessHold;
}

/** An entry as an adapter gives it out. All `..Ms` times but `createdAtMs` are on the scale of `Clock.nowMs()`. */
export interface StoredEntry {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
  /** When it was stored, as milliseconds since 1970. */
  readonly createdAtMs: number;
  /** The TTL it was stored with; `Infinity` for ever. */
  readonly ttlMs: number;
  /** Until when it is fresh; `Infinity` for ever. */
  readonly freshUntilMs: number;
  /** How long beyond being fresh it is kept, as it was stored. */
  readonly staleMs: number;
  /** Until when it is kept; never before `freshUntilMs`. */
  readonly staleUntilMs: number;
  /** How long computing the value took, 0 where unknown. */
  readonly loadMs: number;
  readonly sizeBytes: number;
  /** How often a caller of this process was answered with this entry, and when last (since 1970; 0 for never). */
  readonly hits: number;
  readonly lastReadAtMs: number;
  /** Counts in `hits`. Called once for each caller that is answered with the entry. */
  countHit(): void;
  /** A value of the caller's own, to do with as it likes. */
  read(): unknown;
  /** The stored value itself, without a copy: for callers that never change it and never hand it on. */
  readonly shared: unknown;
}

/** An entry to be stored. */
export interface EntryDraft {
  readonly key: string;
  readonly value: unknown;
  /** More than 0; `Infinity` for ever. */
  readonly ttlMs: number;
  /** How long beyond the TTL the entry is kept for callers that accept a stale value. */
  readonly staleMs: number;
  readonly tags: readonly string[];
  readonly loadMs: number;
  /** Kept from an earlier entry by `touch`; default now. Milliseconds since 1970. */
  readonly createdAtMs?: number;
}

export interface LoadRequest {
  /**
   * `load`: only what is not fresh is granted, a fresh entry comes back as `found`. `refresh`: granted although fresh.
   * `write`: granted always, and voids every other load of the key, because its value replaces theirs.
   */
  readonly purpose: 'load' | 'refresh' | 'write';
  /** One loader at a time among all processes that share the store; the others are told to wait (`held`). */
  readonly exclusive: boolean;
  /** The tags the result is known to carry. */
  readonly tags: readonly string[];
  /** More tags may come with the draft, computed from the result. */
  readonly computesTags: boolean;
  /**
   * How long the caller has waited for the store already, in milliseconds: all waits of one call share one limit.
   * @default 0
   */
  readonly waitedMs?: number;
}

/**
 * The answer to `begin`. Ends with `commit` or `release`; a grant that is never ended must not block others for ever.
 */
export interface LoadGrant {
  /** One ticket per key, in the order of the keys. */
  readonly tickets: readonly LoadTicket[];

  /**
   * Stores the results of granted keys and ends the grant. One answer per draft: the stored entry, or `undefined` where
   * the draft was refused because its key, one of its tags or its namespace was invalidated since `begin`.
   */
  commit(drafts: readonly EntryDraft[]): Awaitable<(StoredEntry | undefined)[]>;

  /** Ends the grant without a result; others may load at once. Harmless after `commit`. */
  release(): Awaitable<void>;
}

export type LoadTicket =
  /**
   * `current` is the entry that the load will replace, fresh or expired, where there is one: read under the fence, so
   * it may be stored anew.
   */
  | { readonly state: 'granted'; readonly current?: StoredEntry }
  | { readonly state: 'found'; readonly entry: StoredEntry }
  /** Another process loads; `settled` resolves when it has ended or its lease ran out. Never rejects. */
  | { readonly state: 'held'; readonly settled: Promise<void> };

export type InvalidationTarget =
  | { readonly kind: 'keys'; readonly keys: readonly string[]; readonly namespace: string | undefined }
  /** Entries that carry any, or all, of `tags`. */
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly mode: 'any' | 'all' }
  | { readonly kind: 'namespace'; readonly namespace: string }
  /** Keys of one namespace that match a glob (see `compileGlob`). */
  | { readonly kind: 'pattern'; readonly pattern: string; readonly namespace: string | undefined }
  | { readonly kind: 'all' }
  /** What has outlived `staleUntilMs` and was not freed yet. Fences no load. */
  | { readonly kind: 'expired' };

export interface ScanQuery {
  /** Only this namespace; default all. */
  readonly namespace?: string;
  /** Only keys that match this glob. */
  readonly pattern?: string;
  /** From the page before; absent for the first page. Anything else is a CacheConfigError. */
  readonly cursor?: string;
  /** How many entries at most. */
  readonly limit: number;
}

export interface ScanPage {
  readonly entries: readonly StoredEntry[];
  /** Absent after the last page. */
  readonly cursor?: string;
}

export interface AdapterUsage {
  /** Entries that are stored and not past `staleUntilMs`. */
  readonly entries: number;
  /** What the tiers take together, as far as they tell; `null` where none does. */
  readonly bytes: number | null;
  /** Since the adapter was made. */
  readonly evictions: number;
  /** The extremes of `createdAtMs`, `null` while empty. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  readonly status: 'up' | 'degraded' | 'down';
  /** From near to far; an adapter of one tier gives one. `hits` and `misses` are this process's own. */
  readonly tiers: readonly TierUsage[];
  /** Only where copies of shared entries are kept in the process. */
  readonly coherence?: CoherenceUsage;
}

/** How near copies learn of changes. */
export interface CoherenceUsage {
  /**
   * `tracking`: the server tells of every change. `bus`: those who change something tell. `ttl`: nobody tells, and a
   * copy is used for no longer than `maxStaleness`.
   */
  readonly mode: 'tracking' | 'bus' | 'ttl';
  /** A sentence that says why this one. */
  readonly reason: string;
  /**
   * Whether it is certain at this moment that this process hears of every change. By `ttl` always true: nothing has to
   * be heard.
   */
  readonly isProven: boolean;
}

export interface TierUsage {
  readonly name: 'memory' | 'redis' | 'file';
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number | null;
}
