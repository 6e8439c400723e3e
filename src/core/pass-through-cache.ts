import { type ResolvedServiceOptions, resolveServiceOptions, type StoreTraits } from './service-options.js';
import { CacheReporter } from './observation/cache-reporter.js';
import { CacheService } from './cache.service.js';
import type { CacheError } from './vocabulary/cache.errors.js';
import { passThroughAdapter } from './pass-through-adapter.js';
import { SystemClock } from './system-clock.js';

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
  const clock = new SystemClock();
  const options = passingThrough(resolveServiceOptions({}, STORE_TRAITS));
  return new CacheService({
    options,
    adapter: passThroughAdapter,
    clock,
    reporter: new CacheReporter({ name: options.name, clock, hasStats: true, onError }),
  });
}
