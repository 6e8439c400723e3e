import type { ExecutionContext, InjectionToken } from '@nestjs/common';
import { CALLER, type Caller } from '../../../core/observation/caller.js';
import { type ModuleRef, ModulesContainer } from '@nestjs/core';
import { type CacheInternals, internalsOf } from '../../../core/cache-internals.js';
import { type CacheService, isCacheService } from '../../../core/cache.service.js';
import type { GetOrSetOptions } from '../../../core/load/call-options.js';
import { getCacheToken } from '../../inject-cache.decorator.js';
import type { ShownHeaders } from '../response/answer-headers.js';
import { type CachedResponse, retentionMs } from '../response/cached-response.js';
import { type CacheRouteOptions, routeOptionsOf, type TagsFunction } from './cache-route.decorator.js';
import {
  type Class,
  configOf,
  controllersOf,
  factsOf,
  type Handler,
  type HandlerFacts,
  handlersOf,
  type Hindrance,
  hindranceOf,
  isCovered,
} from './handler-facts.js';
import {
  getHttpOptionsToken,
  readRouteDefaults,
  type RequestFunction,
  type ResolvedHttpOptions,
  type ResolvedRouteDefaults,
} from './http-cache-options.js';
import type { IdentitySigns } from './identity-signs.js';
import { type KeyRules, routePathOf } from './route-key.js';
import { isUnstoredAnswer, type UnstoredAnswer } from '../response/unstored-answer.js';
import { isVaryMarker, markerTtlMs, type VaryMarker } from '../response/vary-marker.js';

/** A value that the cache stores for a route. */
export type StoredValue = CachedResponse | VaryMarker;
/** The result of a load of a route; `undefined` when the response of the handler must not be shared. */
export type LoadedValue = StoredValue | UnstoredAnswer | undefined;
export type RouteLoadOptions = GetOrSetOptions<LoadedValue> & { readonly [CALLER]?: Caller | undefined };

/** Caching of one handler, read once from decorators, module options and Nest's metadata. */
export interface RoutePolicy extends ResolvedRouteDefaults, ShownHeaders, KeyRules {
  readonly cache: CacheInternals;
  readonly namespace: string | undefined;
  readonly tags: readonly string[] | TagsFunction;
  /** True when the route, or the module for all routes, declares a scope. */
  readonly isScopeDeclared: boolean;
  /**
   * True with `@CacheRoute`, or with an interceptor of the handler or controller; false for a route that is only
   * covered.
   */
  readonly isExplicit: boolean;
  readonly identitySigns: IdentitySigns;
  readonly headerNames: readonly string[];
  readonly hosts: readonly string[] | undefined;
  /** Request header that selects the API version, in lower case. */
  readonly versionHeader: string | undefined;
  /** The reason why the route is never cached: `@NoCache()`, or a hindrance in the handler. */
  readonly bypass: 'no-cache-decorator' | Hindrance | undefined;
  /** True when no interceptor runs outside the cache. */
  readonly isOutermost: boolean;
  /** The route, for statistics. */
  readonly caller: Caller;
  /** Options for all loads of the route, in one object. */
  readonly load: RouteLoadOptions;
}

/** Finds the policy of a handler; `undefined` for one that is not cached. */
export class RoutePolicies {
  readonly #known = new WeakMap<object, WeakMap<object, RoutePolicy | undefined>>();
  #caches: ReadonlySet<CacheService> | undefined;

  readonly #moduleRef: ModuleRef;
  readonly #interceptor: object;

  /** @param interceptor class of the interceptor that caches the routes */
  constructor(moduleRef: ModuleRef, interceptor: object) {
    this.#moduleRef = moduleRef;
    this.#interceptor = interceptor;
  }

  of(context: ExecutionContext): RoutePolicy | undefined {
    const controller = context.getClass();
    const handler = context.getHandler() as Handler;
    // By controller too, because a controller may inherit a handler and have its own options.
    let ofController = this.#known.get(controller);
    if (ofController === undefined) this.#known.set(controller, (ofController = new WeakMap()));
    if (!ofController.has(handler)) {
      ofController.set(handler, this.#policyOf(controller, handler));
    }
    return ofController.get(handler);
  }

  /** The caches that routes use. */
  get caches(): Iterable<CacheService> {
    return (this.#caches ??= this.#findCaches());
  }

  #findCaches(): Set<CacheService> {
    const caches = controllersOf(this.#modules()).flatMap(({ controller }) =>
      handlersOf(controller.prototype as object | null).map((handler) => {
        const options = routeOptionsOf(controller, handler);
        return options === false ? undefined : findCache(this.#moduleRef, options?.cache ?? 'default')?.cache;
      }),
    );
    return new Set(caches.filter((cache) => cache !== undefined && isCacheService(cache)));
  }

  #factsOf(controller: Class, handler: Handler): HandlerFacts {
    return factsOf(controller, handler, this.#modules(), configOf(this.#moduleRef));
  }

  #modules(): ModulesContainer {
    return this.#moduleRef.get(ModulesContainer, { strict: false });
  }

  #policyOf(controller: Class, handler: Handler): RoutePolicy | undefined {
    const route = routeOptionsOf(controller, handler);
    const facts = this.#factsOf(controller, handler);
    const options: CacheRouteOptions = route === false || route === undefined ? {} : route;
    const found = findCacheToUse(this.#moduleRef, options.cache ?? 'default');
    // The route is only covered, or a test has switched its cache off: the start refuses an explicit route without one.
    if (found === undefined) return undefined;
    const { cache, http } = found;
    if (facts.isStream || (http.isOptIn && route === undefined)) return undefined;
    const isExplicit = route !== undefined || isCovered({ controller, handler }, this.#interceptor);
    const defaults = readRouteDefaults(options, isExplicit ? http : asCovered(http), '@CacheRoute ');
    const { namespace, key, tags = [] } = options;
    const isScopeDeclared = declaresScope(options, http);
    const caller: Caller = { kind: 'route', place: facts.route, label: facts.route };
    return {
      ...shownHeadersOf(http),
      ...defaults,
      cache: internalsOf(cache),
      namespace,
      key,
      tags,
      identity: facts.identity,
      distinction: distinctionOf(facts, key),
      versionHeader: facts.version.header,
      identitySigns: http.identitySigns,
      isScopeDeclared,
      isExplicit,
      headerNames: facts.headerNames,
      hosts: http.hosts,
      bypass: route === false ? 'no-cache-decorator' : hindranceOf(facts, isScopeDeclared),
      isOutermost: facts.outermost === this.#interceptor,
      caller,
      load: loadOptionsOf(namespace, defaults.honoursRequestDirectives, caller),
    };
  }
}

function asCovered(http: ResolvedHttpOptions): ResolvedHttpOptions {
  return { ...http, ttlMs: http.coveredTtlMs };
}

/** A cache of the application with the options of its routes; `undefined` if no cache has the name. */
export function findCache(
  moduleRef: ModuleRef,
  name: string,
): { cache: CacheService; http: ResolvedHttpOptions } | undefined {
  const find = <T>(token: InjectionToken): T => moduleRef.get<T>(token as string, { strict: false });
  try {
    return {
      cache: find<CacheService>(getCacheToken(name)),
      http: find<ResolvedHttpOptions>(getHttpOptionsToken(name)),
    };
  } catch {
    return undefined;
  }
}

/** The same; `undefined` also for a cache that a test has switched off or replaced. */
function findCacheToUse(moduleRef: ModuleRef, name: string): ReturnType<typeof findCache> {
  const found = findCache(moduleRef, name);
  return found === undefined || found.http.isDisabled === true || !isCacheService(found.cache) ? undefined : found;
}

/** True when the route, or the module for all routes, declares a scope. */
export function declaresScope(options: CacheRouteOptions | undefined, http: ResolvedHttpOptions): boolean {
  return options?.scope !== undefined || http.scope !== 'public';
}

/**
 * The function that tells requests of one handler apart, if it serves several versions, or several paths with one
 * `key`.
 */
function distinctionOf(
  { isIdentityShared, version }: HandlerFacts,
  key: CacheRouteOptions['key'],
): RequestFunction<string> | undefined {
  const { requested, isInPath } = version;
  const isByPath = key !== undefined && (isIdentityShared || isInPath);
  if (requested === undefined) return isByPath ? (request) => `:${routePathOf(request)}` : undefined;
  return isByPath
    ? (request) => `=${requested(request)}:${routePathOf(request)}`
    : (request) => `=${requested(request)}`;
}

function shownHeadersOf({ showsXCache, showsCacheStatus, showsSurrogateKey, isDebugging }: ShownHeaders): ShownHeaders {
  return { showsXCache, showsCacheStatus, showsSurrogateKey, isDebugging };
}

/**
 * Load options with which the cache only keeps responses long enough. The route decides when to serve them, because
 * each response has its own rules for being served stale.
 */
function loadOptionsOf(namespace: string | undefined, obeysMaxStale: boolean, caller: Caller): RouteLoadOptions {
  return Object.freeze({
    [CALLER]: caller,
    ttl: (loaded: LoadedValue) => {
      const stored = storable(loaded);
      const ttlMs =
        stored === undefined ? 0 : isVaryMarker(stored) ? stored.ttlMs : Math.max(1, Math.ceil(stored.freshMs));
      return ttlMs === Infinity ? 'forever' : ttlMs;
    },
    keepStale: (loaded: LoadedValue) => {
      const stored = storable(loaded);
      return stored === undefined ? 0 : isVaryMarker(stored) ? markerTtlMs(0) : retentionMs(stored, obeysMaxStale);
    },
    tags: (loaded: LoadedValue) => storable(loaded)?.tags ?? [],
    staleWhileRevalidate: 0,
    staleIfError: 0,
    refreshAhead: 1,
    earlyExpiration: 0,
    ...(namespace === undefined ? {} : { namespace }),
  });
}

function storable(loaded: LoadedValue): StoredValue | undefined {
  return isUnstoredAnswer(loaded) ? undefined : loaded;
}
