import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';

/** The versions of drizzle-orm with which the suite of the kit has passed, and later patches of them. */
const TESTED = /^0\.4[45]\.\d+(?:$|[-+])/;

/** @throws CacheConfigError for a version of drizzle-orm that the kit was not tested with */
export function checkVersion(version: string): void {
  if (TESTED.test(version)) return;
  throw new CacheConfigError(
    `Expected drizzle-orm 0.44 or 0.45, got ${version}. Install \`drizzle-orm@^0.45\`, or a version of ` +
      'nestjs-cache-kit that was tested with this one.',
  );
}
