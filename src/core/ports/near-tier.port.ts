import type {
  AdapterUsage,
  CacheAdapter,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  StoredEntry,
} from './cache-adapter.port.js';

/** The near tier of the hybrid adapter: an adapter that answers at once and stores copies of entries. */
export interface NearTier extends CacheAdapter {
  get(key: string, namespace: string | undefined): NearEntry | undefined;
  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): NearGrant;
  invalidate(target: InvalidationTarget): number;
  usage(): AdapterUsage;
}

/** A copy. It might be found for a moment after its time, because the near tier uses the coarse clock. */
export interface NearEntry extends StoredEntry {
  /** Time until which it may be used, on the scale of `Clock.nowMs()`. */
  readonly keptUntilMs: number;
}

export interface NearGrant extends LoadGrant {
  commit(copies: readonly EntryCopy[]): (StoredEntry | undefined)[];
  release(): void;
}

/** A draft that takes over times and counts from another tier; any other draft starts with new ones. */
export interface EntryCopy extends EntryDraft {
  readonly copied: {
    /** Time for which it is still fresh; `ttlMs` is the one with which it was first stored. */
    readonly freshMs: number;
    /** Time for which the copy may be used, fresh or not; `Infinity` for as long as the entry itself. */
    readonly limitMs: number;
    readonly hits: number;
    readonly lastReadAtMs: number;
  };
}
