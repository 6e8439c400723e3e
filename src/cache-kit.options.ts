import {
  type ResolvedServiceOptions,
  resolveServiceOptions,
  SERVICE_OPTION_NAMES,
  type ServiceOptions,
} from './core/service-options.js';
import { CacheConfigError } from './core/vocabulary/cache.errors.js';
import { shortDurationsIn } from './core/vocabulary/finding.js';
import { checkNames, type OtherNames, readBoolean } from './core/vocabulary/option-checks.js';
import { type AdminOptions, type ResolvedAdminOptions, resolveAdminOptions } from './nest/admin/admin-options.js';
import {
  type HttpCacheOptions,
  resolveHttpCacheOptions,
  type ResolvedHttpOptions,
} from './nest/http/route/http-cache-options.js';
import { type ResolvedStore, resolveStore, STORE_OPTION_NAMES, type StoreOptions, traitsOf } from './store.options.js';

/** All options of a cache that do not concern Nest. */
export interface CacheOptions extends ServiceOptions, StoreOptions {}

/** All options of a cache, and of its parts in a Nest application. */
export interface CacheKitOptions extends CacheOptions {
  /** True to inject the cache everywhere without importing the module again. @default true */
  isGlobal?: boolean;
  /** Defaults of `CacheInterceptor`. */
  http?: HttpCacheOptions;
  /** The stats controller. @default false, not mounted */
  admin?: false | AdminOptions;
}

/** `CacheOptions`, read once. */
export interface ResolvedCacheOptions extends ResolvedServiceOptions {
  readonly store: ResolvedStore;
}

/** `CacheKitOptions`, read once. */
export interface ResolvedCacheKitOptions {
  readonly cache: ResolvedCacheOptions;
  readonly http: ResolvedHttpOptions;
  readonly admin: ResolvedAdminOptions | undefined;
  /** The options as they were written, to compare them with those of another module. */
  readonly given: CacheKitOptions;
}

export const CACHE_OPTION_NAMES: readonly string[] = [...SERVICE_OPTION_NAMES, ...STORE_OPTION_NAMES];

const REDIS_URL = "`redis: { url: 'redis://localhost:6379' }`";
const BACKEND = "`backend: 'memory'`, `'redis'`, `'hybrid'` or `'file'`, or an `adapter`,";

/** Names of options in other libraries, and options that belong to a group. */
export const OTHER_OPTION_NAMES: OtherNames = {
  host: REDIS_URL,
  port: REDIS_URL,
  url: REDIS_URL,
  password: "`redis: { url: 'redis://:password@localhost:6379' }`",
  username: "`redis: { url: 'redis://user:password@localhost:6379' }`",
  db: "`redis: { url: 'redis://localhost:6379/1' }`",
  store: BACKEND,
  stores: BACKEND,
  driver: BACKEND,
  ttl: '`defaultTtl`',
  namespace: '`defaultNamespace`',
  prefix: '`redis: { keyPrefix }`',
  keyPrefix: '`redis: { keyPrefix }`',
  max: '`memory: { maxEntries }`',
  maxSize: '`memory: { maxEntries }`',
  maxItems: '`memory: { maxEntries }`',
  lruSize: '`memory: { maxEntries }`',
  maxEntries: '`memory: { maxEntries }`',
  maxBytes: '`memory: { maxBytes }` or `file: { maxBytes }`',
  isolation: '`memory: { isolation }`',
  coherence: '`redis: { coherence }`',
  maxStaleness: '`redis: { maxStaleness }`',
  commandTimeout: '`redis: { commandTimeout }`',
  directory: '`file: { directory }`',
  path: '`file: { directory }`',
  durable: '`file: { durable }`',
  refreshThreshold: '`refreshAhead` or `staleWhileRevalidate`',
  global: '`isGlobal`',
};

/** @throws CacheConfigError that names the first wrong option */
export function resolveCacheKitOptions(options: CacheKitOptions): ResolvedCacheKitOptions {
  checkNames(options, [...CACHE_OPTION_NAMES, 'isGlobal', 'http', 'admin'], '', OTHER_OPTION_NAMES);
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

/** @throws CacheConfigError that names the first option that is unknown, unreadable or contradicts another */
export function resolveCacheOptions(options: CacheOptions): ResolvedCacheOptions {
  const store = resolveStore(options);
  checkTypesWith(store, options);
  const resolved = resolveServiceOptions(options, traitsOf(store));
  checkClockWith(store, options);
  return Object.freeze({ ...resolved, store });
}

/** An adapter that exists already cannot receive the classes. @throws CacheConfigError */
function checkTypesWith(store: ResolvedStore, { types }: CacheOptions): void {
  if (types === undefined || store.kind !== 'adapter' || typeof store.adapter === 'function') return;
  throw new CacheConfigError(
    'Expected `types` beside an `adapter` that is a function, got an adapter that is made already and does not know ' +
      'them. Write `adapter: (context) => ...`, and give `context.types` to `createEntryCodec`.',
  );
}

/**
 * Refuses a fake clock with a server, which uses its own time, and with files, which other processes read at the real
 * time.
 */
function checkClockWith(store: ResolvedStore, { clock }: CacheOptions): void {
  if (clock === undefined || store.kind === 'memory' || store.kind === 'adapter') return;
  const reason =
    store.kind === 'file' ? 'whose files other processes read at the real time' : 'whose server keeps its own time';
  throw new CacheConfigError(
    `Expected \`clock\` with \`backend: 'memory'\` or an \`adapter\`, got it with '${store.kind}', ${reason}. ` +
      'In tests use `CacheKitTestingModule` of nestjs-cache-kit/testing, or leave out `clock`.',
  );
}
