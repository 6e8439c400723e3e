import {
  CACHE_OPTION_NAMES,
  type CacheOptions,
  type ResolvedCacheOptions,
  resolveCacheOptions,
} from './core/cache-options.js';
import { shortDurationsIn } from './core/vocabulary/finding.js';
import { checkNames, readBoolean } from './core/vocabulary/option-checks.js';
import { OTHER_ROOT_NAMES } from './core/vocabulary/other-names.js';
import { type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './nest/admin/admin-options.js';
import {
  type HttpCacheOptions,
  resolveHttpCacheOptions,
  type ResolvedHttpOptions,
} from './nest/http/route/http-cache-options.js';

/** Everything a cache and what Nest sees of it can be told. */
export interface CacheKitOptions extends CacheOptions {
  /** Whether the cache can be injected everywhere without importing the module again. @default true */
  isGlobal?: boolean;
  /** Defaults of `CacheInterceptor`. */
  http?: HttpCacheOptions;
  /** The stats controller. @default false, not mounted */
  admin?: false | AdminOptions;
}

export interface ResolvedCacheKitOptions {
  readonly cache: ResolvedCacheOptions;
  readonly http: ResolvedHttpOptions;
  readonly admin: ResolvedAdminOptions | undefined;
  /** The options themselves, to be compared with those of another module. */
  readonly given: CacheKitOptions;
}

/** @throws CacheConfigError naming the first option that is wrong */
export function resolveCacheKitOptions(options: CacheKitOptions): ResolvedCacheKitOptions {
  checkNames(options, [...CACHE_OPTION_NAMES, 'isGlobal', 'http', 'admin'], '', OTHER_ROOT_NAMES);
  const { isGlobal, http, admin, ...cache } = options;
  readBoolean(isGlobal, 'isGlobal', true);
  const resolved = resolveCacheOptions(cache);
  const findings = shortDurationsIn(http ?? {}, 'CacheKitModule.forRoot({ http }): ');
  const { staleWhileRevalidateMs, staleIfErrorMs } = resolved.load;
  return {
    cache: Object.freeze({ ...resolved, findings: [...resolved.findings, ...findings] }),
    http: resolveHttpCacheOptions(http, { ttlMs: resolved.defaultTtlMs, staleWhileRevalidateMs, staleIfErrorMs }),
    admin: resolveAdminOptions(admin),
    given: options,
  };
}
