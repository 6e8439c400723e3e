import { type ResolvedServiceOptions, resolveServiceOptions, type StoreTraits } from './service-options.js';
import { CacheReporter } from './observation/cache-reporter.js';
import { CacheService } from './cache.service.js';
import type { CacheError } from './vocabulary/cache.errors.js';
import type { CacheAdapter } from './ports/cache-adapter.port.js';
import { SystemClock } from './system-clock.js';

/** An adapter that stores nothing: every read is a miss, every load runs, and an invalidation finds no entry. */
export const passThroughAdapter: CacheAdapter = {
  kind: 'pass-through',
  get: () => undefined,
  getMany: (keys) => keys.map(() => undefined),
  begin: (keys) => ({
    tickets: keys.map(() => ({ state: 'granted' as const })),
    commit: (drafts) => drafts.map(() => undefined),
    release: () => undefined,
  }),
  set: () => undefined,
  invalidate: () => 0,
  scan: () => ({ entries: [] }),
  usage: () => ({ entries: 0, bytes: null, evictions: 0, oldestMs: null, newestMs: null, status: 'up', tiers: [] }),
  close: () => undefined,
};

/** The options of a cache that stores nothing: each caller gets the result of its own factory. */
export function passingThrough<Options extends ResolvedServiceOptions>(options: Options): Options {
  return Object.freeze({
    ...options,
    isolation: 'none',
    load: Object.freeze({ ...options.load, singleFlight: false }),
  });
}

const STORE_TRAITS: StoreTraits = { keepsInstances: true, isolation: 'none', singleFlight: 'process' };

/** A cache that stores nothing. */
export function passThroughCache(onError: (error: CacheError) => void): CacheService {
  const options = passingThrough(resolveServiceOptions({}, STORE_TRAITS));
  return new CacheService({
    options,
    adapter: passThroughAdapter,
    clock: new SystemClock(),
    reporter: new CacheReporter({ hasStats: true, onError }),
  });
}
