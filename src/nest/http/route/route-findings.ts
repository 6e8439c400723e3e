import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import type { Finding } from '../../../core/vocabulary/finding.js';
import { type HandlerFacts, type Hindrance, hindranceOf, isBound, isCovered } from './handler-facts.js';

const METHOD_METADATA = 'method';
const CACHED_METHODS: readonly unknown[] = [RequestMethod.GET, RequestMethod.HEAD, RequestMethod.ALL];

const HINDRANCES: Readonly<Record<Hindrance, { readonly reason: string; readonly fix: string }>> = {
  'sends-itself': {
    reason: 'it has @Res() without passthrough, @Next(), @Redirect() or @Render()',
    fix: 'Return the value instead, or write @NoCache().',
  },
  guarded: {
    reason: 'it has a guard, and no scope is declared',
    fix:
      "Write @CacheRoute({ scope: 'user' }) or 'tenant' if each gets another response, 'public' if all clients that " +
      'pass the guard get the same, or @NoCache().',
  },
};
const REMOVE = 'Remove its @CacheRoute or interceptor.';

export interface CheckedRoute {
  readonly controller: object;
  readonly handler: object;
  readonly facts: HandlerFacts;
  /** True when `@CacheRoute` or `@NoCache` is on the handler itself. */
  readonly isDecorated: boolean;
  /** True when `@CacheRoute` is on the handler or its controller. */
  readonly hasCacheRoute: boolean;
  /** True when the route, or the module for all routes, declares a scope. */
  readonly isScopeDeclared: boolean;
}

/** The binding of the interceptor. */
export interface Interception {
  readonly interceptor: object;
  /** True when it is bound to the whole application. */
  readonly isGlobal: boolean;
}

/** The reasons why a route is not cached although its decorators ask for it. */
export function findingsOf(route: CheckedRoute, interception: Interception): Finding[] {
  const isIntended = route.isDecorated || isBound(route.handler, interception.interceptor);
  if (!isCachedMethod(route.handler)) return isIntended ? [neverCached(route, 'it is no GET', REMOVE)] : [];
  if (isIntended && route.facts.isStream) return [neverCached(route, 'it is a stream of events', REMOVE)];
  const isToBeCached = isIntended || route.hasCacheRoute || isBound(route.controller, interception.interceptor);
  const hindrance = isToBeCached ? hindranceOf(route.facts, route.isScopeDeclared) : undefined;
  if (hindrance !== undefined) return [neverCached(route, HINDRANCES[hindrance].reason, HINDRANCES[hindrance].fix)];
  return route.hasCacheRoute ? uncovered(route, interception) : [];
}

function uncovered(route: CheckedRoute, { interceptor, isGlobal }: Interception): Finding[] {
  if (isGlobal || isCovered(route, interceptor)) return [];
  return [
    neverCached(
      route,
      'it has @CacheRoute, and no CacheInterceptor',
      'Put @UseInterceptors(CacheInterceptor) on its controller, or provide it as APP_INTERCEPTOR.',
    ),
  ];
}

function neverCached({ facts }: CheckedRoute, reason: string, fix: string): Finding {
  return { problem: `${facts.identity} is never cached: ${reason}.`, fix };
}

/** True for a method of a controller that has a path. */
export function isRoute(handler: object): boolean {
  return Reflect.hasMetadata(METHOD_METADATA, handler);
}

/** True when responses of a route can be stored. */
export function mayBeCached({ handler, facts }: CheckedRoute): boolean {
  return isCachedMethod(handler) && !facts.isStream && !facts.sendsItself;
}

function isCachedMethod(handler: object): boolean {
  return CACHED_METHODS.includes(Reflect.getMetadata(METHOD_METADATA, handler));
}
