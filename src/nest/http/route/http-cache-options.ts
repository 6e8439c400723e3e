import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { type Duration, parseTtl, type Ttl } from '../../../core/vocabulary/duration.js';
import {
  checkNames,
  readBoolean,
  readCount,
  readDuration,
  readFunction,
} from '../../../core/vocabulary/option-checks.js';
import { show } from '../../../core/vocabulary/show.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { type IdentitySigns, withCommonSigns } from './identity-signs.js';
import type { QueryOptions } from '../message/query-parameters.js';
import type { ShownHeaders } from '../response/answer-headers.js';
import type { VaryHeader } from '../response/vary-marker.js';
import { hostOf } from '../exchange/host-name.js';

/**
 * A function of the request. Written as a method, so that a parameter may be annotated with the platform's own type:
 * `(request: FastifyRequest) => ...`.
 */
export type RequestFunction<T> = { of(request: CacheRequest): T }['of'];

/** Whose answers a route gives: everybody's, each user's own, each tenant's, or those of whoever the function names. */
export type RouteScope = 'public' | 'user' | 'tenant' | RequestFunction<string | undefined>;

/**
 * Names of request headers; as an object, with functions that map the many values of a header to the few that make a
 * difference.
 */
export type VaryBy = string[] | Record<string, (value: string | undefined) => string>;

/** Defaults of all routes of a cache. */
export interface HttpCacheOptions {
  /**
   * How long an answer that declares nothing is fresh; 0: only what the answer itself declares. Default: the cache's
   * `defaultTtl` for routes that ask to be cached, by `@CacheRoute` or an interceptor of their own or of their
   * controller, and 0 for those that are covered by an interceptor of the whole application.
   */
  ttl?: Ttl;
  /** Only routes with `@CacheRoute` take part. @default false */
  optIn?: boolean;
  /**
   * By what else a request says who asks, beside the headers and properties in common use: see docs/http.md.
   * @default none
   */
  identity?: {
    /** Names of request headers, such as `x-session`. */
    headers?: string[];
    /** Properties of the request, such as `member` or `session.member`. */
    properties?: string[];
  };
  /** @default 'public', and requests that carry an identity are bypassed unless the route declares its scope */
  scope?: RouteScope;
  /**
   * Request headers whose values are part of the key, and are added to `Vary`; with functions the handler is given what
   * those make of a value.
   * @default none
   */
  varyBy?: VaryBy;
  /** Which query parameters are part of the key; the others are hidden from the handler. @default all */
  query?: QueryOptions;
  headers?: {
    /** `X-Cache` and `X-Cache-TTL`. @default true */
    xCache?: boolean;
    /** `Cache-Status` (RFC 9211); `'debug'` adds the key, and why an answer was not stored. @default true */
    cacheStatus?: boolean | 'debug';
    /** `Surrogate-Key` and `Cache-Tag` with the tags, for a CDN in front. @default false */
    surrogateKey?: boolean;
  };
  /**
   * What to send where the handler sets no `Cache-Control`: `auto` is `public, max-age=<ttl>`, or `private`.
   * @default 'auto'
   */
  cacheControl?: 'auto' | 'none' | (string & {});
  /**
   * Whether `Cache-Control` and `Pragma` of a request are obeyed: anybody can then make the handler run.
   * @default false
   */
  honourRequestDirectives?: boolean;
  /** Larger bodies are sent and not stored. @default 1048576 (1 MiB) */
  maxBodyBytes?: number;
  /**
   * How long answers of other statuses than 200 and 204 are fresh that declare nothing, also thrown ones, such as `{
   * 404: '10s' }`.
   * @default none is stored
   */
  statusTtl?: Record<number, Ttl>;
  /** The hosts that are cached for; requests for others are bypassed. @default all */
  hosts?: string[];
}

/** The options that a route may override, and those of the cache that it may. */
export interface RouteDefaultOptions extends Pick<
  HttpCacheOptions,
  'ttl' | 'scope' | 'varyBy' | 'query' | 'cacheControl' | 'honourRequestDirectives' | 'maxBodyBytes' | 'statusTtl'
> {
  /**
   * Answer with the expired response this long, while one request in the background refreshes it.
   * @default the cache's
   */
  staleWhileRevalidate?: Duration;
  /**
   * Answer with the expired response this long when the handler fails with something other than a 4xx.
   * @default the cache's
   */
  staleIfError?: Duration;
}

/** `RouteDefaultOptions`, read. */
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

/** `HttpCacheOptions`, said once and read once. */
export interface ResolvedHttpOptions extends ResolvedRouteDefaults, ShownHeaders {
  readonly isOptIn: boolean;
  /** `ttlMs` of routes that do not ask to be cached. */
  readonly coveredTtlMs: number;
  readonly hosts: readonly string[] | undefined;
  readonly identitySigns: IdentitySigns;
  /** Every route answers as if there were no cache: for tests. */
  readonly standsAside?: true;
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

/** The injection token of the resolved options of the routes of a cache. */
export function getHttpOptionsToken(name = 'default'): string {
  return `${HTTP_OPTIONS_OF}'${name}'`;
}

export function isHttpOptionsToken(token: unknown): boolean {
  return typeof token === 'string' && token.startsWith(HTTP_OPTIONS_OF);
}

/** A sentence, because Nest prints the token when it cannot resolve it. */
const HTTP_OPTIONS_OF = 'the HTTP options of the cache ';

/** What routes take from the cache itself. */
export interface CacheDefaults {
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs?: number;
  readonly staleIfErrorMs?: number;
}

/**
 * @param user the section `http` of the module's options
 * @throws CacheConfigError naming the first option that is unknown or unreadable
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

/** What a route is like whose options say nothing. */
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

/** Reads what routes and their defaults have in common. @param where the path before the names, for messages */
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

/** Statuses that are never whole or never final answers are refused: 1xx, 206 and 304. */
function readStatusTtls(ttls: unknown, option: string): ReadonlyMap<number, number> | undefined {
  if (ttls === undefined) return undefined;
  if (typeof ttls !== 'object' || ttls === null || Array.isArray(ttls))
    throw new CacheConfigError(`Expected \`${option}\` to be an object such as { 404: '10s' }, got \`${show(ttls)}\`.`);
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
  throw new CacheConfigError(
    `Expected \`${option}\` to be 'public', 'user', 'tenant' or a function of the request, got \`${show(scope)}\`.`,
  );
}

function readNames(names: unknown, option: string): string[] | undefined {
  if (names === undefined) return undefined;
  const isList = Array.isArray(names) && names.every((name) => typeof name === 'string' && /^[^\s,*]+$/.test(name));
  if (isList) return [...new Set(names as string[])].sort();
  throw new CacheConfigError(
    `Expected \`${option}\` to be an array of names such as ['accept-language'], got \`${show(Array.isArray(names) ? names.join(', ') : names)}\`.`,
  );
}

function readQuery(query: unknown, option: string): QueryOptions | undefined {
  if (query === undefined) return undefined;
  checkNames(query, ['allow', 'ignore'], `${option}.`);
  const { allow, ignore } = query as QueryOptions;
  if (allow !== undefined && ignore !== undefined)
    throw new CacheConfigError(
      `Expected either \`${option}.allow\` or \`${option}.ignore\`, got both. Leave out \`ignore\`: what is not allowed is ignored.`,
    );
  const names = { allow: readNames(allow, `${option}.allow`), ignore: readNames(ignore, `${option}.ignore`) };
  return {
    ...(names.allow === undefined ? {} : { allow: names.allow }),
    ...(names.ignore === undefined ? {} : { ignore: names.ignore }),
  };
}

function readCacheControl(value: unknown, option: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && /^[\x20-\x7e]+$/.test(value))) return value;
  throw new CacheConfigError(
    `Expected \`${option}\` to be 'auto', 'none' or a field value such as 'public, max-age=30', got \`${show(value)}\`.`,
  );
}
