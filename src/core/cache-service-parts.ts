import type { CacheReporter } from './observation/cache-reporter.js';
import type { CacheAdapter } from './ports/cache-adapter.port.js';
import type { Clock } from './ports/clock.port.js';
import type { ResolvedServiceOptions } from './service-options.js';
import { CacheConfigError } from './vocabulary/cache.errors.js';

/** The collaborators of a `CacheService`. */
export interface CacheServiceParts {
  readonly options: ResolvedServiceOptions;
  readonly adapter: CacheAdapter;
  readonly clock: Clock;
  readonly reporter: CacheReporter;
}

/**
 * Returns `parts`. They are missing where Nest makes the service for a module that lists the class among its providers.
 * @throws CacheConfigError
 */
export function checkedParts(parts: CacheServiceParts | undefined): CacheServiceParts {
  if (parts !== undefined) return parts;
  throw new CacheConfigError(
    'CacheService cannot be made by hand or by a module of yours. Take it out of `providers`, and import ' +
      'CacheKitModule.forRoot() in the root module; without Nest, write `await createCache()`.',
  );
}
