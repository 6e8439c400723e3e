import type { ExecutionContext, InjectionToken } from '@nestjs/common';
import { type ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheConfigError } from '../../core/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import type { GetOrSetOptions } from '../../core/call-options.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { type CachedResponse, isCachedResponse } from './cached-response.js';
import { type CacheRouteOptions, routeOptionsOf } from './cache-route.decorator.js';
import { factsOf, type HandlerFacts, handlersOf } from './handler-facts.js';
import { getHttpOptionsToken, readRouteDefaults, type RequestFunction, type ResolvedHttpOptions, type ResolvedRouteDefaults } from './http-cache-options.js';
import type { KeyRules } from './route-key.js';

/** What the cache keeps for a route; `undefined` is the outcome of a run whose answer is nobody else's. */
export type RouteLoadOptions = GetOrSetOptions<CachedResponse | undefined>;

/** How one handler is cached: decorators, module options and Nest's metadata, read once. */
export interface RoutePolicy extends ResolvedRouteDefaults, KeyRules {
  readonly cache: CacheService;
  readonly tags: RequestFunction<string[]> | undefined;
  /** The route, not only the module's defaults, says whose answers it gives. */
  readonly isScopeDeclared: boolean;
  readonly headerNames: readonly string[];
  readonly showsXCache: boolean;
  /** Never cached: `@NoCache()`, or Nest does not send what the handler returns. */
  readonly isBypassed: boolean;
  /** One object for all loads of the route, but for tags that depend on the request. */
  readonly load: RouteLoadOptions;
}

/** Finds the policy of a handler, `undefined` where the cache leaves it alone. */
export class RoutePolicies {
  readonly #known = new WeakMap<object, WeakMap<object, RoutePolicy | undefined>>();

  constructor(private readonly moduleRef: ModuleRef) {}

  of(context: ExecutionContext): RoutePolicy | undefined {
    const controller = context.getClass();
    const handler = context.getHandler() as (...args: never[]) => unknown;
    // By controller too: a controller may inherit a handler and have options of its own.
    let ofController = this.#known.get(controller);
    if (ofController === undefined) this.#known.set(controller, (ofController = new WeakMap()));
    if (!ofController.has(handler)) {
      const facts = factsOf(controller, handler, this.#modules());
      ofController.set(handler, this.#policyOf(routeOptionsOf(controller, handler), facts));
    }
    return ofController.get(handler);
  }

  /** @throws CacheConfigError for a route that names a cache which does not exist */
  checkCaches(): void {
    const controllers = [...this.#modules().values()].flatMap((module) => [...module.controllers.values()]);
    for (const { metatype } of controllers) {
      if (typeof metatype !== 'function') continue;
      for (const handler of handlersOf(metatype.prototype as object | null)) {
        const route = routeOptionsOf(metatype, handler);
        if (route && route.cache !== undefined) this.#find(getCacheToken(route.cache), route.cache);
      }
    }
  }

  #modules(): ModulesContainer {
    return this.moduleRef.get(ModulesContainer, { strict: false });
  }

  #policyOf(route: CacheRouteOptions | false | undefined, facts: HandlerFacts): RoutePolicy | undefined {
    const options = route === false ? {} : (route ?? {});
    const name = options.cache ?? 'default';
    const cache = this.#find<CacheService>(getCacheToken(name), name);
    const http = this.#find<ResolvedHttpOptions>(getHttpOptionsToken(name), name);
    if (facts.isStream || (http.isOptIn && route === undefined)) return undefined;
    const defaults = readRouteDefaults(options, http, '@CacheRoute ');
    return {
      ...defaults,
      cache,
      identity: facts.identity,
      key: options.key,
      tags: typeof options.tags === 'function' ? options.tags : undefined,
      isScopeDeclared: options.scope !== undefined || http.scope !== 'public',
      headerNames: facts.headerNames,
      showsXCache: http.showsXCache,
      isBypassed: route === false || facts.sendsItself,
      load: loadOptionsOf(options, defaults.staleIfErrorMs),
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

/** A route is loaded by the request that needs it and by nothing else: a load in the background would have no response of its own. */
function loadOptionsOf({ namespace, tags }: CacheRouteOptions, staleIfErrorMs: number): RouteLoadOptions {
  return Object.freeze({
    ttl: (response: CachedResponse | undefined) => (response === undefined ? 0 : response.ttlMs === Infinity ? 'forever' : response.ttlMs),
    validate: isCachedResponse,
    staleWhileRevalidate: 0,
    staleIfError: staleIfErrorMs,
    refreshAhead: 1,
    earlyExpiration: 0,
    ...(namespace === undefined ? {} : { namespace }),
    ...(Array.isArray(tags) ? { tags } : {}),
  });
}
