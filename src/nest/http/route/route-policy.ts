import type { ExecutionContext, InjectionToken } from '@nestjs/common';
import { type ModuleRef, ModulesContainer } from '@nestjs/core';
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

/** What the cache keeps for a route; `undefined` is the outcome of a run whose answer is nobody else's. */
export type StoredValue = CachedResponse | VaryMarker;
/** What a load of a route brings. */
export type LoadedValue = StoredValue | UnstoredAnswer | undefined;
export type RouteLoadOptions = GetOrSetOptions<LoadedValue>;

/** How one handler is cached: decorators, module options and Nest's metadata, read once. */
export interface RoutePolicy extends ResolvedRouteDefaults, ShownHeaders, KeyRules {
  readonly cache: CacheService;
  readonly namespace: string | undefined;
  readonly tags: readonly string[] | TagsFunction;
  /** The route, not only the module's defaults, says whose answers it gives. */
  readonly isScopeDeclared: boolean;
  /** It is to be cached by `@CacheRoute`, or by an interceptor of its own or its controller's, and not only covered. */
  readonly isAsked: boolean;
  readonly identitySigns: IdentitySigns;
  readonly headerNames: readonly string[];
  readonly hosts: readonly string[] | undefined;
  /** The request header that chooses the API version, in lower case. */
  readonly versionHeader: string | undefined;
  /**
   * Why the route is never cached: `@NoCache()`, Nest does not send what the handler returns, or it is guarded and
   * nobody has said whose its answers are.
   */
  readonly bypass: 'no-cache-decorator' | Hindrance | undefined;
  /** No interceptor stands outside the cache. */
  readonly isOutermost: boolean;
  /** One object for all loads of the route. */
  readonly load: RouteLoadOptions;
}

/** Finds the policy of a handler, `undefined` where the cache leaves it alone. */
export class RoutePolicies {
  readonly #known = new WeakMap<object, WeakMap<object, RoutePolicy | undefined>>();
  #caches: ReadonlySet<CacheService> | undefined;

  /** @param interceptor the class whose routes these are */
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly interceptor: object,
  ) {}

  of(context: ExecutionContext): RoutePolicy | undefined {
    const controller = context.getClass();
    const handler = context.getHandler() as Handler;
    // By controller too: a controller may inherit a handler and have options of its own.
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
        return options === false ? undefined : findCache(this.moduleRef, options?.cache ?? 'default')?.cache;
      }),
    );
    return new Set(caches.filter((cache) => cache !== undefined && isCacheService(cache)));
  }

  #factsOf(controller: Class, handler: Handler): HandlerFacts {
    return factsOf(controller, handler, this.#modules(), configOf(this.moduleRef));
  }

  #modules(): ModulesContainer {
    return this.moduleRef.get(ModulesContainer, { strict: false });
  }

  #policyOf(controller: Class, handler: Handler): RoutePolicy | undefined {
    const route = routeOptionsOf(controller, handler);
    const facts = this.#factsOf(controller, handler);
    const options: CacheRouteOptions = route === false || route === undefined ? {} : route;
    const found = findCacheToUse(this.moduleRef, options.cache ?? 'default');
    // The start has refused every route that was meant to be cached and has no cache.
    if (found === undefined) return undefined;
    const { cache, http } = found;
    if (facts.isStream || (http.isOptIn && route === undefined)) return undefined;
    const isAsked = route !== undefined || isCovered({ controller, handler }, this.interceptor);
    const defaults = readRouteDefaults(options, isAsked ? http : asCovered(http), '@CacheRoute ');
    const { namespace, key, tags = [] } = options;
    const isScopeDeclared = declaresScope(options, http);
    return {
      ...shownHeadersOf(http),
      ...defaults,
      cache,
      namespace,
      key,
      tags,
      identity: facts.identity,
      distinction: distinctionOf(facts, key),
      versionHeader: facts.version.header,
      identitySigns: http.identitySigns,
      isScopeDeclared,
      isAsked,
      headerNames: facts.headerNames,
      hosts: http.hosts,
      bypass: route === false ? 'no-cache-decorator' : hindranceOf(facts, isScopeDeclared),
      isOutermost: facts.outermost === this.interceptor,
      load: loadOptionsOf(namespace, defaults.honoursRequestDirectives),
    };
  }
}

function asCovered(http: ResolvedHttpOptions): ResolvedHttpOptions {
  return { ...http, ttlMs: http.coveredTtlMs };
}

/** A cache of the application, and the options of its routes; `undefined` where there is none of that name. */
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

/** The same, unless it is one that a test passes by, or an object that a test has put in its place. */
function findCacheToUse(moduleRef: ModuleRef, name: string): ReturnType<typeof findCache> {
  const found = findCache(moduleRef, name);
  return found === undefined || found.http.standsAside === true || !isCacheService(found.cache) ? undefined : found;
}

/** Whether the route, or the module for all routes, says whose answers it gives. */
export function declaresScope(options: CacheRouteOptions | undefined, http: ResolvedHttpOptions): boolean {
  return options?.scope !== undefined || http.scope !== 'public';
}

/** One handler may serve several versions, or several paths with one `key`. */
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
 * When a stored response may be served is decided here and not by the cache, which only keeps it long enough: the
 * response says itself whether and for how long it may be served stale.
 */
function loadOptionsOf(namespace: string | undefined, obeysMaxStale: boolean): RouteLoadOptions {
  return Object.freeze({
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
