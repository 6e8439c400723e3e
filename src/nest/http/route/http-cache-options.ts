import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { type Duration, parseTtl, type Ttl } from '../../../core/vocabulary/duration.js';
import {
  checkNames,
  expected,
  readBoolean,
  readCount,
  readDuration,
  readFunction,
} from '../../../core/vocabulary/option-checks.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { type IdentitySigns, withCommonSigns } from './identity-signs.js';
import type { QueryOptions } from '../message/query-parameters.js';
import type { ShownHeaders } from '../response/answer-headers.js';
import type { VaryHeader } from '../response/vary-marker.js';
import { hostOf } from '../exchange/host-name.js';

/**
 * A function of the request. Written as a method, so that users can annotate the parameter with the platform's own
 * type: `(request: FastifyRequest) => ...`.
 */
export type RequestFunction<T> = { of(request: CacheRequest): T }['of'];

/** The clients that share a response: all, those of a user, of a tenant, or of a name that the function returns. */
export type RouteScope = 'public' | 'user' | 'tenant' | RequestFunction<string | undefined>;

/** Names of request headers, or an object with functions that map many values of a header to a few. */
export type VaryBy = string[] | Record<string, (value: string | undefined) => string>;

/** Defaults for all routes of a cache. */
export interface HttpCacheOptions {
  /**
   * Freshness of a response that declares none; 0 stores only responses that declare theirs. Default: the cache's
   * `defaultTtl` for routes with `@CacheRoute`, or with an interceptor of their own or of their controller; 0 for
   * routes that only an interceptor of the whole application covers.
   */
  ttl?: Ttl;
  /** Caches only routes with `@CacheRoute`. @default false */
  optIn?: boolean;
  /**
   * Further signs of an identity in a request, beside the common headers and properties: see docs/http.md.
   * @default none
   */
  identity?: {
    /** Names of request headers, such as `x-session`. */
    headers?: string[];
    /** Properties of the request, such as `member` or `session.member`. */
    properties?: string[];
  };
  /** @default 'public', and requests with an identity bypass the cache unless the route declares its scope */
  scope?: RouteScope;
  /**
   * Request headers that are added to `Vary`, and whose values are part of the key. With functions, key and handler get
   * the mapped values.
   * @default none
   */
  varyBy?: VaryBy;
  /** Query parameters that are part of the key; the others are hidden from the handler. @default all */
  query?: QueryOptions;
  headers?: {
    /** `X-Cache` and `X-Cache-TTL`. @default true */
    xCache?: boolean;
    /** `Cache-Status` (RFC 9211); `'debug'` adds the key, and why a response was not stored. @default true */
    cacheStatus?: boolean | 'debug';
    /** `Surrogate-Key` and `Cache-Tag` with the tags for a CDN in front. @default false */
    surrogateKey?: boolean;
  };
  /**
   * `Cache-Control` to send if the handler sets none; `auto` is `public, max-age=<ttl>`, or `private` with a scope.
   * @default 'auto'
   */
  cacheControl?: 'auto' | 'none' | (string & {});
  /**
   * Obeys `Cache-Control` and `Pragma` of requests. Any client can then make the handler run.
   * @default false
   */
  honourRequestDirectives?: boolean;
  /** Largest body that is stored, in bytes. @default 1048576 (1 MiB) */
  maxBodyBytes?: number;
  /**
   * Freshness of responses with other statuses than 200 and 204 that declare none, thrown ones too. Example:
   * `{ 404: '10s' }`.
   * @default none is stored
   */
  statusTtl?: Record<number, Ttl>;
  /** Hosts whose requests are cached; requests to others bypass the cache. @default all */
  hosts?: string[];
}

/** The options of `http`, and of the cache, that a route may override. */
export interface RouteDefaultOptions extends Pick<
  HttpCacheOptions,
  'ttl' | 'scope' | 'varyBy' | 'query' | 'cacheControl' | 'honourRequestDirectives' | 'maxBodyBytes' | 'statusTtl'
> {
  /**
   * Time for which an expired response is served while a background request refreshes it.
   * @default the cache's
   */
  staleWhileRevalidate?: Duration;
  /**
   * Time for which an expired response is served when the handler fails, but not with a 4xx.
   * @default the cache's
   */
  staleIfError?: Duration;
}

/** `RouteDefaultOptions` after reading. */
export interface ResolvedRouteDefaults {
  readonly ttlMs: number;
  readonly scope: RouteScope;
  readonly varyBy: readonly VaryHeader[];
  readonly query: Readonly<QueryOptions> | undefined;
  readonly cacheControl: string;
  readonly honoursRequestDirectives: boolean;
  readonly maxBodyBytes: number;
  readonly statusTtlsMs: ReadonlyMap<number, number>;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** `HttpCacheOptions` after reading. */
export interface ResolvedHttpOptions extends ResolvedRouteDefaults, ShownHeaders {
  readonly isOptIn: boolean;
  /** `ttlMs` of routes that only an interceptor of the whole application covers. */
  readonly coveredTtlMs: number;
  readonly hosts: readonly string[] | undefined;
  readonly identitySigns: IdentitySigns;
  /** Present in tests that run every route without its cache. */
  readonly isDisabled?: true;
}

const ROUTE_OPTION_NAMES = [
  'ttl',
  'scope',
  'varyBy',
  'query',
  'cacheControl',
  'honourRequestDirectives',
  'maxBodyBytes',
  'statusTtl',
] as const satisfies (keyof HttpCacheOptions & keyof RouteDefaultOptions)[];
const OPTION_NAMES = [
  ...ROUTE_OPTION_NAMES,
  'optIn',
  'identity',
  'headers',
  'hosts',
] satisfies (keyof HttpCacheOptions)[];
export const ROUTE_DEFAULT_NAMES = [
  ...ROUTE_OPTION_NAMES,
  'staleWhileRevalidate',
  'staleIfError',
] satisfies (keyof RouteDefaultOptions)[];

/** The injection token of the resolved HTTP options of a cache. */
export function getHttpOptionsToken(name = 'default'): string {
  return `${HTTP_OPTIONS_OF}'${name}'`;
}

export function isHttpOptionsToken(token: unknown): boolean {
  return typeof token === 'string' && token.startsWith(HTTP_OPTIONS_OF);
}

/** Start of the token. Words, because Nest prints the token when it cannot resolve it. */
const HTTP_OPTIONS_OF = 'the HTTP options of the cache ';

/** Defaults that routes take from the options of the cache. */
export interface CacheDefaults {
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs?: number;
  readonly staleIfErrorMs?: number;
}

/**
 * @param user section `http` of the module's options
 * @throws CacheConfigError that names the first unknown or invalid option
 */
export function resolveHttpCacheOptions(user: unknown, ofCache: CacheDefaults): ResolvedHttpOptions {
  const options = (user ?? {}) as HttpCacheOptions;
  checkNames(options, OPTION_NAMES, 'http.');
  const defaults = readRouteDefaults(options, { ...ROUTE_DEFAULTS, ...ofCache }, 'http.');
  return Object.freeze({
    ...defaults,
    coveredTtlMs: options.ttl === undefined ? 0 : defaults.ttlMs,
    ...readShownHeaders(options.headers),
    isOptIn: readBoolean(options.optIn, 'http.optIn', false),
    hosts: readHosts(options.hosts),
    identitySigns: readIdentity(options.identity),
  });
}

function readIdentity(identity: HttpCacheOptions['identity'] = {}): IdentitySigns {
  checkNames(identity, ['headers', 'properties'], 'http.identity.');
  const headers = readNames(identity.headers, 'http.identity.headers') ?? [];
  return withCommonSigns(headers, readNames(identity.properties, 'http.identity.properties') ?? []);
}

function readShownHeaders(headers: NonNullable<HttpCacheOptions['headers']> = {}): ShownHeaders {
  checkNames(headers, ['xCache', 'cacheStatus', 'surrogateKey'], 'http.headers.');
  const isDebugging = headers.cacheStatus === 'debug';
  return {
    showsXCache: readBoolean(headers.xCache, 'http.headers.xCache', true),
    showsCacheStatus: isDebugging || readBoolean(headers.cacheStatus, 'http.headers.cacheStatus', true),
    showsSurrogateKey: readBoolean(headers.surrogateKey, 'http.headers.surrogateKey', false),
    isDebugging,
  };
}

/** Options of a route where neither the route nor the module sets them. */
export const ROUTE_DEFAULTS: ResolvedRouteDefaults = Object.freeze({
  ttlMs: 0,
  scope: 'public',
  varyBy: [],
  query: undefined,
  cacheControl: 'auto',
  honoursRequestDirectives: false,
  maxBodyBytes: 1024 * 1024,
  statusTtlsMs: new Map<number, number>(),
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
});

/** Reads the options that routes and their defaults share. @param where path before the names in messages */
export function readRouteDefaults(
  options: RouteDefaultOptions,
  base: ResolvedRouteDefaults,
  where: string,
): ResolvedRouteDefaults {
  return {
    ttlMs: options.ttl === undefined ? base.ttlMs : parseTtl(options.ttl, `${where}ttl`),
    scope: readScope(options.scope, `${where}scope`) ?? base.scope,
    varyBy: readVaryBy(options.varyBy, `${where}varyBy`) ?? base.varyBy,
    query: readQuery(options.query, `${where}query`) ?? base.query,
    cacheControl: readCacheControl(options.cacheControl, `${where}cacheControl`) ?? base.cacheControl,
    honoursRequestDirectives: readBoolean(
      options.honourRequestDirectives,
      `${where}honourRequestDirectives`,
      base.honoursRequestDirectives,
    ),
    maxBodyBytes: readCount(options.maxBodyBytes, `${where}maxBodyBytes`, base.maxBodyBytes),
    statusTtlsMs: readStatusTtls(options.statusTtl, `${where}statusTtl`) ?? base.statusTtlsMs,
    staleWhileRevalidateMs: readDuration(
      options.staleWhileRevalidate,
      `${where}staleWhileRevalidate`,
      base.staleWhileRevalidateMs,
    ),
    staleIfErrorMs: readDuration(options.staleIfError, `${where}staleIfError`, base.staleIfErrorMs),
  };
}

function readVaryBy(varyBy: unknown, option: string): VaryHeader[] | undefined {
  if (typeof varyBy !== 'object' || varyBy === null || Array.isArray(varyBy)) {
    const names = new Set(readNames(varyBy, option)?.map((name) => name.toLowerCase()));
    return varyBy === undefined ? undefined : [...names].sort().map((name) => ({ name, normalize: undefined }));
  }
  for (const [name, normalize] of Object.entries(varyBy)) readFunction(normalize ?? null, `${option}.${name}`);
  const entries = Object.entries(varyBy as Record<string, NonNullable<VaryHeader['normalize']>>);
  return entries
    .map(([name, normalize]) => ({ name: name.toLowerCase(), normalize }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Refuses statuses of responses that are not final or not complete: 1xx, 206 and 304. */
function readStatusTtls(ttls: unknown, option: string): ReadonlyMap<number, number> | undefined {
  if (ttls === undefined) return undefined;
  if (typeof ttls !== 'object' || ttls === null || Array.isArray(ttls))
    throw expected(option, "an object such as { 404: '10s' }", ttls);
  return new Map(
    Object.entries(ttls).map(([status, ttl]) => [readStatus(status, option), parseTtl(ttl, `${option}.${status}`)]),
  );
}

function readStatus(text: string, option: string): number {
  const status = Number(text);
  if (Number.isInteger(status) && status >= 200 && status <= 599 && status !== 206 && status !== 304) return status;
  throw new CacheConfigError(
    `Expected \`${option}\` to name statuses from 200 to 599 other than 206 and 304, got \`${text}\`.`,
  );
}

function readHosts(hosts: unknown): string[] | undefined {
  return readNames(hosts, 'http.hosts')?.map((host) => hostOf({ host }));
}

function readScope(scope: unknown, option: string): RouteScope | undefined {
  if (
    scope === undefined ||
    scope === 'public' ||
    scope === 'user' ||
    scope === 'tenant' ||
    typeof scope === 'function'
  )
    return scope as RouteScope | undefined;
  throw expected(option, "'public', 'user', 'tenant' or a function of the request", scope);
}

function readNames(names: unknown, option: string): string[] | undefined {
  if (names === undefined) return undefined;
  const isList = Array.isArray(names) && names.every((name) => typeof name === 'string' && /^[^\s,*]+$/.test(name));
  if (isList) return [...new Set(names as string[])].sort();
  const given = Array.isArray(names) ? names.join(', ') : names;
  throw expected(option, "an array of names such as ['accept-language']", given);
}

function readQuery(query: unknown, option: string): QueryOptions | undefined {
  if (query === undefined) return undefined;
  checkNames(query, ['allow', 'ignore'], `${option}.`);
  const { allow, ignore } = query as QueryOptions;
  if (allow !== undefined && ignore !== undefined)
    throw new CacheConfigError(
      `Expected either \`${option}.allow\` or \`${option}.ignore\`, got both. ` +
        'Leave out `ignore`: what is not allowed is ignored.',
    );
  const names = { allow: readNames(allow, `${option}.allow`), ignore: readNames(ignore, `${option}.ignore`) };
  return {
    ...(names.allow === undefined ? {} : { allow: names.allow }),
    ...(names.ignore === undefined ? {} : { ignore: names.ignore }),
  };
}

function readCacheControl(value: unknown, option: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^[\x20-\x7e]+$/.test(value))) return value;
  throw expected(option, "'auto', 'none' or a header value such as 'public, max-age=30'", value);
}
