import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { classOf, type HandlerFacts, type Hindrance, hindranceOf, interceptorsOf } from './handler-facts.js';

const METHOD_METADATA = 'method';
const CACHED_METHODS: readonly unknown[] = [RequestMethod.GET, RequestMethod.HEAD, RequestMethod.ALL];

const REASONS: Readonly<Record<Hindrance, string>> = {
  'sends-itself': 'it has @Res() without passthrough, @Next(), @Redirect() or @Render(). Return the value instead, or say @NoCache().',
  guarded:
    "it has a guard, and nothing says whose its answers are. Say @CacheRoute({ scope: 'user' }) or 'tenant' where each has their own, 'public' where all who pass get the same, or @NoCache().",
};

export interface CheckedRoute {
  readonly controller: object;
  readonly handler: object;
  readonly facts: HandlerFacts;
  /** What `@CacheRoute` or `@NoCache` on the handler itself has said. */
  readonly isDecorated: boolean;
  /** It is said whose answers the route gives. */
  readonly isScopeDeclared: boolean;
}

/** Why a route that was meant to be cached never can be; `undefined` where it can. */
export function warningOf(route: CheckedRoute, interceptor: object): string | undefined {
  const { controller, handler, facts } = route;
  const method: unknown = Reflect.getMetadata(METHOD_METADATA, handler);
  const isMeant = route.isDecorated || isBound(handler, interceptor);
  if (method === undefined || (!isMeant && !isBound(controller, interceptor))) return undefined;
  const isCachedMethod = CACHED_METHODS.includes(method);
  if (isMeant && !isCachedMethod) return `${facts.identity} is never cached: it is no GET. Take off its @CacheRoute or interceptor.`;
  if (isMeant && facts.isStream) return `${facts.identity} is never cached: it is a stream of events. Take off its @CacheRoute or interceptor.`;
  const hindrance = isCachedMethod ? hindranceOf(facts, route.isScopeDeclared) : undefined;
  return hindrance && `${facts.identity} is never cached: ${REASONS[hindrance]}`;
}

/** Whether a method of a controller has a path. */
export function isRoute(handler: object): boolean {
  return Reflect.hasMetadata(METHOD_METADATA, handler);
}

/** Whether the interceptor is bound to the route or its controller, and not only to the whole application. */
export function isCovered({ controller, handler }: CheckedRoute, interceptor: object): boolean {
  return isBound(handler, interceptor) || isBound(controller, interceptor);
}

/** Whether the answers of a route can be stored at all. */
export function mayBeCached({ handler, facts }: CheckedRoute): boolean {
  return CACHED_METHODS.includes(Reflect.getMetadata(METHOD_METADATA, handler)) && !facts.isStream && !facts.sendsItself;
}

function isBound(target: object, interceptor: object): boolean {
  return interceptorsOf(target).some((one) => classOf(one) === interceptor);
}
