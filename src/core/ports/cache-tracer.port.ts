/** A part of the work of a cache that takes time. */
export interface TracedWork {
  /** `get`: a read, with what it loads. `load`: calls of factories. `invalidate`: also the removal of keys. */
  readonly operation: 'get' | 'load' | 'invalidate';
  /** Name of the cache. */
  readonly cache: string;
  /** Keys of the caller; none for an invalidation that names no keys. */
  readonly keys: readonly string[];
  readonly namespace: string | undefined;
}

/** Follows the work of a cache through an application. Its methods must not throw. */
export interface CacheTracer {
  /** Runs `work` as a part of what is running here, and returns its result. */
  run<T>(traced: TracedWork, work: () => Promise<T>): Promise<T>;

  /** Tells the result of a key that the read running here has asked for. */
  counted(result: 'hit' | 'stale' | 'miss'): void;

  /** The load that is running here, for `joined`. */
  current(): unknown;

  /** Tells that the read running here has waited for the load of another caller. @param load result of `current` */
  joined(load: unknown): void;
}
