import type {
  AdapterUsage,
  CacheAdapter,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  StoredEntry,
} from './cache-adapter.port.js';

/** What the hybrid adapter needs of its near tier: an adapter that answers at once, and stores copies of entries. */
export interface NearTier extends CacheAdapter {
  get(key: string, namespace: string | undefined): NearEntry | undefined;
  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): NearGrant;
  invalidate(target: InvalidationTarget): number;
  usage(): AdapterUsage;
}

/** A copy. It may be found for a moment after its time, since the near tier judges by the coarse clock. */
export interface NearEntry extends StoredEntry {
  /** Until when it may be used, on the scale of `Clock.nowMs()`. */
  readonly keptUntilMs: number;
}

export interface NearGrant extends LoadGrant {
  commit(copies: readonly EntryCopy[]): (StoredEntry | undefined)[];
  release(): void;
}

/** A draft that takes over what another tier knows of the entry, where any other draft begins anew. */
export interface EntryCopy extends EntryDraft {
  readonly copied: {
    /** How long it is fresh from now on; `ttlMs` is what it was stored with in the first place. */
    readonly freshMs: number;
    /** How long the copy may be used from now on, fresh or not; `Infinity` for as long as the entry itself. */
    readonly limitMs: number;
    readonly hits: number;
    readonly lastReadAtMs: number;
  };
}
