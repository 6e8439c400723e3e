import { CacheConfigError } from '../../core/cache.errors.js';
import { type Duration, parseTtl, type Ttl } from '../../core/duration.js';
import { checkNames, readBoolean, readCount, readDuration } from '../../core/option-checks.js';
import { show } from '../../core/show.js';
import type { CacheRequest } from './exchange.js';
import type { QueryOptions } from './query-parameters.js';

/**
 * A function of the request. Written as a method, so that a parameter may be annotated with the platform's own type:
 * `(request: FastifyRequest) => ...`.
 */
export type RequestFunction<T> = { of(request: CacheRequest): T }['of'];

/** Whose answers a route gives: everybody's, each user's own, or those of whoever the function names. */
export type RouteScope = 'public' | 'user' | RequestFunction<string | undefined>;

/** Defaults of all routes of a cache. */
export interface HttpCacheOptions {
  /** How long an answer that declares nothing is fresh; 0: only what the answer itself declares. @default the cache's `defaultTtl` */
  ttl?: Ttl;
  /** Only routes with `@CacheRoute` take part. @default false */
  optIn?: boolean;
  /** @default 'public', and requests that carry an identity are bypassed unless the route declares its scope */
  scope?: RouteScope;
  /** Request headers whose values are part of the key, and are added to `Vary`. @default none */
  varyBy?: string[];
  /** Which query parameters are part of the key; the others are hidden from the handler. @default all */
  query?: QueryOptions;
  headers?: {
    /** `X-Cache` and `X-Cache-TTL`. @default true */
    xCache?: boolean;
  };
  /** What to send where the handler sets no `Cache-Control`: `auto` is `public, max-age=<ttl>`, or `private`. @default 'auto' */
  cacheControl?: 'auto' | 'none' | (string & {});
  /** Larger bodies are sent and not stored. @default 1048576 (1 MiB) */
  maxBodyBytes?: number;
}

/** The options that a route may override, and those of the cache that it may. */
export interface RouteDefaultOptions extends Pick<HttpCacheOptions, 'ttl' | 'scope' | 'varyBy' | 'query' | 'cacheControl' | 'maxBodyBytes'> {
  /** Answer with the expired response this long when the handler throws something other than a 4xx. @default the cache's */
  staleIfError?: Duration;
}

/** `RouteDefaultOptions`, read. */
export interface ResolvedRouteDefaults {
  readonly ttlMs: number;
  readonly scope: RouteScope;
  readonly varyBy: readonly string[];
  readonly query: Readonly<QueryOptions> | undefined;
  readonly cacheControl: string;
  readonly maxBodyBytes: number;
  readonly staleIfErrorMs: number;
}

/** `HttpCacheOptions`, said once and read once. */
export interface ResolvedHttpOptions extends ResolvedRouteDefaults {
  readonly isOptIn: boolean;
  readonly showsXCache: boolean;
}

const OPTION_NAMES = ['ttl', 'optIn', 'scope', 'varyBy', 'query', 'headers', 'cacheControl', 'maxBodyBytes'] satisfies (keyof HttpCacheOptions)[];

/** The injection token of the resolved options of the routes of a cache. */
export function getHttpOptionsToken(name = 'default'): string {
  // A sentence, because Nest prints the token when it cannot resolve it.
  return `the HTTP options of the cache '${name}'`;
}

/**
 * @param user the section `http` of the module's options
 * @param defaultTtlMs the cache's `defaultTtl`
 * @param staleIfErrorMs the cache's `staleIfError`
 * @throws CacheConfigError naming the first option that is unknown or unreadable
 */
export function resolveHttpCacheOptions(user: unknown, defaultTtlMs: number, staleIfErrorMs = 0): ResolvedHttpOptions {
  const options = (user ?? {}) as HttpCacheOptions;
  checkNames(options, OPTION_NAMES, 'http.');
  const headers = options.headers ?? {};
  checkNames(headers, ['xCache'], 'http.headers.');
  const defaults = { ...DEFAULTS, ttlMs: defaultTtlMs, staleIfErrorMs };
  return Object.freeze({
    ...readRouteDefaults(options, defaults, 'http.'),
    isOptIn: readBoolean(options.optIn, 'http.optIn', false),
    showsXCache: readBoolean(headers.xCache, 'http.headers.xCache', true),
  });
}

const DEFAULTS = { scope: 'public', varyBy: [], query: undefined, cacheControl: 'auto', maxBodyBytes: 1024 * 1024 } as const;

/** Reads what routes and their defaults have in common. @param where the path before the names, for messages */
export function readRouteDefaults(options: RouteDefaultOptions, base: ResolvedRouteDefaults, where: string): ResolvedRouteDefaults {
  return {
    ttlMs: options.ttl === undefined ? base.ttlMs : parseTtl(options.ttl, `${where}ttl`),
    scope: readScope(options.scope, `${where}scope`) ?? base.scope,
    varyBy: readNames(options.varyBy, `${where}varyBy`)?.map((name) => name.toLowerCase()) ?? base.varyBy,
    query: readQuery(options.query, `${where}query`) ?? base.query,
    cacheControl: readCacheControl(options.cacheControl, `${where}cacheControl`) ?? base.cacheControl,
    maxBodyBytes: readCount(options.maxBodyBytes, `${where}maxBodyBytes`, base.maxBodyBytes),
    staleIfErrorMs: readDuration(options.staleIfError, `${where}staleIfError`, base.staleIfErrorMs),
  };
}

function readScope(scope: unknown, option: string): RouteScope | undefined {
  if (scope === undefined || scope === 'public' || scope === 'user' || typeof scope === 'function') return scope as RouteScope | undefined;
  throw new CacheConfigError(`Expected \`${option}\` to be 'public', 'user' or a function of the request, got \`${show(scope)}\`.`);
}

function readNames(names: unknown, option: string): string[] | undefined {
  if (names === undefined) return undefined;
  const isList = Array.isArray(names) && names.every((name) => typeof name === 'string' && /^[^\s,*]+$/.test(name));
  if (isList) return [...new Set(names as string[])].sort();
  throw new CacheConfigError(`Expected \`${option}\` to be an array of names such as ['accept-language'], got \`${show(Array.isArray(names) ? names.join(', ') : names)}\`.`);
}

function readQuery(query: unknown, option: string): QueryOptions | undefined {
  if (query === undefined) return undefined;
  checkNames(query, ['allow', 'ignore'], `${option}.`);
  const { allow, ignore } = query as QueryOptions;
  if (allow !== undefined && ignore !== undefined) throw new CacheConfigError(`Expected either \`${option}.allow\` or \`${option}.ignore\`, got both. Leave out \`ignore\`: what is not allowed is ignored.`);
  const names = { allow: readNames(allow, `${option}.allow`), ignore: readNames(ignore, `${option}.ignore`) };
  return { ...(names.allow === undefined ? {} : { allow: names.allow }), ...(names.ignore === undefined ? {} : { ignore: names.ignore }) };
}

function readCacheControl(value: unknown, option: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^[\x20-\x7e]+$/.test(value))) return value;
  throw new CacheConfigError(`Expected \`${option}\` to be 'auto', 'none' or a field value such as 'public, max-age=30', got \`${show(value)}\`.`);
}
