import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import type { Finding } from '../../../core/vocabulary/finding.js';
import { type HandlerFacts, type Hindrance, hindranceOf, isBound, isCovered } from './handler-facts.js';

const METHOD_METADATA = 'method';
const CACHED_METHODS: readonly unknown[] = [RequestMethod.GET, RequestMethod.HEAD, RequestMethod.ALL];

const HINDRANCES: Readonly<Record<Hindrance, { readonly reason: string; readonly fix: string }>> = {
  'sends-itself': {
    reason: 'it has @Res() without passthrough, @Next(), @Redirect() or @Render()',
    fix: 'Return the value instead, or say @NoCache().',
  },
  guarded: {
    reason: 'it has a guard, and nothing says whose its answers are',
    fix: "Say @CacheRoute({ scope: 'user' }) or 'tenant' where each has their own, 'public' where all who pass get the same, or @NoCache().",
  },
};
const TAKE_OFF = 'Take off its @CacheRoute or interceptor.';

export interface CheckedRoute {
  readonly controller: object;
  readonly handler: object;
  readonly facts: HandlerFacts;
  /** What `@CacheRoute` or `@NoCache` on the handler itself has said. */
  readonly isDecorated: boolean;
  /** `@CacheRoute` stands on the handler or its controller. */
  readonly isAsked: boolean;
  /** It is said whose answers the route gives. */
  readonly isScopeDeclared: boolean;
}

/** The interceptor, and whether it is bound to the whole application. */
export interface Interception {
  readonly interceptor: object;
  readonly isGlobal: boolean;
}

/** What keeps a route that was meant to be cached from being so. */
export function findingsOf(route: CheckedRoute, interception: Interception): Finding[] {
  const isMeant = route.isDecorated || isBound(route.handler, interception.interceptor);
  if (!isCachedMethod(route.handler)) return isMeant ? [neverCached(route, 'it is no GET', TAKE_OFF)] : [];
  if (isMeant && route.facts.isStream) return [neverCached(route, 'it is a stream of events', TAKE_OFF)];
  const isToBeCached = isMeant || route.isAsked || isBound(route.controller, interception.interceptor);
  const hindrance = isToBeCached ? hindranceOf(route.facts, route.isScopeDeclared) : undefined;
  if (hindrance !== undefined) return [neverCached(route, HINDRANCES[hindrance].reason, HINDRANCES[hindrance].fix)];
  return route.isAsked ? uncovered(route, interception) : [];
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

/** Whether a method of a controller has a path. */
export function isRoute(handler: object): boolean {
  return Reflect.hasMetadata(METHOD_METADATA, handler);
}

/** Whether the answers of a route can be stored at all. */
export function mayBeCached({ handler, facts }: CheckedRoute): boolean {
  return isCachedMethod(handler) && !facts.isStream && !facts.sendsItself;
}

function isCachedMethod(handler: object): boolean {
  return CACHED_METHODS.includes(Reflect.getMetadata(METHOD_METADATA, handler));
}
