import { CacheConfigError } from './vocabulary/cache.errors.js';
import { show } from './vocabulary/show.js';

/**
 * `parts`; without them where Nest makes the service for a module that lists the class among its providers.
 * @throws CacheConfigError
 */
export function checkedParts<P>(parts: P | undefined): P {
  if (parts !== undefined) return parts;
  throw new CacheConfigError(
    'CacheService cannot be made by hand or by a module of yours. Take it out of `providers`, and import CacheKitModule.forRoot() in the root module; without Nest, write `await createCache()`.',
  );
}

/** `entries`, where they can be iterated over. @throws CacheConfigError */
export function checkedEntries<E>(entries: Iterable<E>): Iterable<E> {
  if (typeof (entries as Partial<Iterable<E>> | null | undefined)?.[Symbol.iterator] === 'function') return entries;
  throw new CacheConfigError(
    `Expected the entries as pairs of a key and a value, such as [['a', 1]], got \`${show(entries)}\`. Write \`Object.entries(...)\` around an object.`,
  );
}
