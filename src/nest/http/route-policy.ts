import type { ExecutionContext, InjectionToken } from '@nestjs/common';
import { type ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import type { GetOrSetOptions } from '../../core/call-options.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { type CachedResponse, keptStaleMs } from './cached-response.js';
import { type CacheRouteOptions, isDecorated, routeOptionsOf, type TagsFunction } from './cache-route.decorator.js';
import { type Class, factsOf, globalInterceptorsOf, type Handler, type HandlerFacts, handlersOf } from './handler-facts.js';
import { getHttpOptionsToken, readRouteDefaults, type ResolvedHttpOptions, type ResolvedRouteDefaults, type ShownHeaders } from './http-cache-options.js';
import type { IdentitySigns } from './identity-signs.js';
import type { KeyRules } from './route-key.js';
import { warningOf } from './route-warnings.js';
import { isVaryMarker, markerTtlMs, type VaryMarker } from './vary-marker.js';

/** What the cache keeps for a route; `undefined` is the outcome of a run whose answer is nobody else's. */
export type Stored = CachedResponse | VaryMarker;
export type RouteLoadOptions = GetOrSetOptions<Stored | undefined>;

/** How one handler is cached: decorators, module options and Nest's metadata, read once. */
export interface RoutePolicy extends ResolvedRouteDefaults, ShownHeaders, KeyRules {
  readonly cache: CacheService;
  readonly namespace: string | undefined;
  readonly tags: readonly string[] | TagsFunction;
  /** The route, not only the module's defaults, says whose answers it gives. */
  readonly isScopeDeclared: boolean;
  readonly identitySigns: IdentitySigns;
  readonly headerNames: readonly string[];
  readonly hosts: readonly string[] | undefined;
  /** Why the route is never cached: `@NoCache()`, or Nest does not send what the handler returns. */
  readonly bypass: 'no-cache-decorator' | 'sends-itself' | undefined;
  /** No interceptor stands outside the cache. */
  readonly isOutermost: boolean;
  /** One object for all loads of the route. */
  readonly load: RouteLoadOptions;
}

/** Finds the policy of a handler, `undefined` where the cache leaves it alone. */
export class RoutePolicies {
  readonly #known = new WeakMap<object, WeakMap<object, RoutePolicy | undefined>>();
  readonly #caches = new Set<CacheService>();

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
      ofController.set(handler, this.#policyOf(routeOptionsOf(controller, handler), this.#factsOf(controller, handler)));
    }
    return ofController.get(handler);
  }

  /** The caches that routes use, as far as they are known. */
  get caches(): Iterable<CacheService> {
    return this.#caches;
  }

  /**
   * @returns what should be told of routes that were meant to be cached and never can be
   * @throws CacheConfigError for a route that names a cache which does not exist
   */
  check(): string[] {
    const controllers = [...this.#modules().values()].flatMap((module) => [...module.controllers.values()]);
    return controllers.flatMap(({ metatype }) => (typeof metatype === 'function' ? this.#checkController(metatype as Class) : []));
  }

  #checkController(controller: Class): string[] {
    return handlersOf(controller.prototype as object | null).flatMap((handler) => {
      const route = routeOptionsOf(controller, handler);
      if (route === false) return [];
      if (route?.cache !== undefined) this.#caches.add(this.#find<CacheService>(getCacheToken(route.cache), route.cache));
      const facts = this.#factsOf(controller, handler as Handler);
      return warningOf({ controller, handler, facts, isDecorated: isDecorated(handler) }, this.interceptor) ?? [];
    });
  }

  #factsOf(controller: Class, handler: Handler): HandlerFacts {
    return factsOf(controller, handler, this.#modules(), globalInterceptorsOf(this.moduleRef));
  }

  #modules(): ModulesContainer {
    return this.moduleRef.get(ModulesContainer, { strict: false });
  }

  #policyOf(route: CacheRouteOptions | false | undefined, facts: HandlerFacts): RoutePolicy | undefined {
    const options = route === false ? {} : (route ?? {});
    const name = options.cache ?? 'default';
    const cache = this.#find<CacheService>(getCacheToken(name), name);
    const http = this.#find<ResolvedHttpOptions>(getHttpOptionsToken(name), name);
    this.#caches.add(cache);
    if (facts.isStream || (http.isOptIn && route === undefined)) return undefined;
    const defaults = readRouteDefaults(options, http, '@CacheRoute ');
    const { namespace, key, tags = [], scope } = options;
    return {
      ...shownHeadersOf(http),
      ...defaults,
      cache,
      namespace,
      key,
      tags,
      identity: facts.identity,
      identitySigns: http.identitySigns,
      isScopeDeclared: scope !== undefined || http.scope !== 'public',
      headerNames: facts.headerNames,
      hosts: http.hosts,
      bypass: route === false ? 'no-cache-decorator' : facts.sendsItself ? 'sends-itself' : undefined,
      isOutermost: facts.outermost === this.interceptor,
      load: loadOptionsOf(namespace, defaults.honoursRequestDirectives),
    };
  }

  #find<T>(token: InjectionToken, name: string): T {
    try {
      return this.moduleRef.get<T>(token as string, { strict: false });
    } catch (error) {
      throw new CacheConfigError(`CacheInterceptor found no cache named \`${name}\`. Import CacheKitModule.forRoot(${name === 'default' ? '' : `{ name: '${name}' }`}).`, { cause: error });
    }
  }
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
    ttl: (stored: Stored | undefined) => {
      const ttlMs = stored === undefined ? 0 : isVaryMarker(stored) ? stored.ttlMs : Math.max(1, Math.ceil(stored.freshMs));
      return ttlMs === Infinity ? 'forever' : ttlMs;
    },
    keepStale: (stored: Stored | undefined) => (stored === undefined ? 0 : isVaryMarker(stored) ? markerTtlMs(0) : keptStaleMs(stored, obeysMaxStale)),
    tags: (stored: Stored | undefined) => stored?.tags ?? [],
    staleWhileRevalidate: 0,
    staleIfError: 0,
    refreshAhead: 1,
    earlyExpiration: 0,
    ...(namespace === undefined ? {} : { namespace }),
  });
}
