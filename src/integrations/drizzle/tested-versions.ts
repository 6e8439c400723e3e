import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';

/** The versions of drizzle-orm with which the suite of the kit has passed, and later patches of them. */
const TESTED = /^(?:0\.4[45]\.\d+|1\.\d+\.\d+(?:-rc\.(?:[5-9]|\d{2,}))?)(?:$|[-+])/;
/** Earlier candidates of 1.0 have other internals. */
const EARLY = /^1\.0\.0-(?!rc\.(?:[5-9]|\d{2,})(?:$|[-+]))/;

/** @throws CacheConfigError for a version of drizzle-orm that the kit was not tested with */
export function checkVersion(version: string): void {
  if (TESTED.test(version) && !EARLY.test(version)) return;
  throw new CacheConfigError(
    `Expected drizzle-orm 0.44, 0.45, or 1.0 from 1.0.0-rc.5 on, got ${version}. Install \`drizzle-orm@^0.45\`, or a ` +
      'version of nestjs-cache-kit that was tested with this one.',
  );
}
