import type { DataSource } from 'typeorm';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { installedVersion } from '../../core/vocabulary/installed-version.js';

/** Drivers without statements, or whose statements TypeORM announces to nobody. */
const SILENT_DRIVERS: readonly string[] = ['mongodb', 'aurora-mysql', 'aurora-postgres', 'capacitor', 'nativescript'];

const USABLE_VERSION = /^(?:0\.3\.[2-9]\d|1)(?:\.|$|-)/;

/** @throws CacheConfigError for a version of TypeORM for which the cache is not tested */
export function checkVersion(version: string | undefined = installedVersion('typeorm')): void {
  if (version === undefined || USABLE_VERSION.test(version)) return;
  throw new CacheConfigError(
    `Expected TypeORM 1, or 0.3.20 and later, for \`typeormCache\`, got ${version}. Install version 1: ` +
      '`npm install typeorm@1`.',
  );
}

/** @throws CacheConfigError for a data source whose writes cannot be seen */
export function checkDriver({ options: { type } }: DataSource): void {
  if (!SILENT_DRIVERS.includes(type)) return;
  throw new CacheConfigError(
    `Expected a data source whose statements TypeORM announces, for \`typeormCache\`, got one of type '${type}'. ` +
      'Leave `typeormCache` out there, and cache in services with `@Cached`.',
  );
}

/** @throws CacheConfigError when the data source does not have the subscriber that sees writes */
export function checkSubscriber({ subscribers }: DataSource, subscriber: new () => object): void {
  if (subscribers.some((one) => one instanceof subscriber)) return;
  throw new CacheConfigError(
    'Expected the `subscribers` of `typeormCache` in the options of the data source, which has others: writes would ' +
      'not be seen. Give it yours: `...typeormCache(cache, { subscribers: [Mine] })`, as the last of the options.',
  );
}
