import 'reflect-metadata';
import { applyDecorators, SetMetadata } from '@nestjs/common';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { checkedTags, checkKey } from '../../../core/vocabulary/cache-key.js';
import { checkNames } from '../../../core/vocabulary/option-checks.js';
import { show } from '../../../core/vocabulary/show.js';
import { checkCalled } from '../../decorator-call.js';
import type { CacheRequest } from '../exchange/exchange.js';
import {
  readRouteDefaults,
  type RequestFunction,
  ROUTE_DEFAULT_NAMES,
  ROUTE_DEFAULTS,
  type RouteDefaultOptions,
} from './http-cache-options.js';

/** Caching of a route, or of all routes of a controller. The defaults come from `http` of the module's options. */
export interface CacheRouteOptions extends RouteDefaultOptions {
  /** Name of the cache. @default the cache without a name */
  cache?: string;
  /** Namespace of the entries. @default the cache's `defaultNamespace`, or none */
  namespace?: string;
  /**
   * Replaces path and query in the key. Method, host, handler, version, `varyBy` and scope stay in it. A text on a
   * route with parameters is refused when the application starts.
   */
  key?: string | RequestFunction<string>;
  /** Tags of the stored responses, or a function of the request and the handler's result. */
  tags?: string[] | TagsFunction;
}

/** Written as a method, so that users can annotate the parameters with their own types. */
export type TagsFunction = { of(request: CacheRequest, result: unknown): string[] }['of'];

const OPTION_NAMES = [
  'cache',
  'namespace',
  'key',
  'tags',
  ...ROUTE_DEFAULT_NAMES,
] satisfies (keyof CacheRouteOptions)[];

const ROUTE_METADATA = 'cache-kit:route';

/**
 * Sets how `CacheInterceptor` caches this route or controller. Bind the interceptor itself with `@UseInterceptors` or
 * as `APP_INTERCEPTOR`. On a method it overrides the controller's options one by one.
 * @throws CacheConfigError at once for an unknown or invalid option
 */
export function CacheRoute(options: CacheRouteOptions = {}): MethodDecorator & ClassDecorator {
  checkCalled('@CacheRoute', options);
  checkRouteOptions(options);
  return applyDecorators(SetMetadata(ROUTE_METADATA, { ...options }));
}

/** Excludes a route from caching, or every route of a controller that has no `@CacheRoute` of its own. */
export function NoCache(): MethodDecorator & ClassDecorator;
export function NoCache(target?: unknown): MethodDecorator & ClassDecorator {
  checkCalled('@NoCache', target);
  return applyDecorators(SetMetadata(ROUTE_METADATA, false));
}

/** The options of a route from its decorators: `false` for `@NoCache`, `undefined` without a decorator. */
export function routeOptionsOf(controller: object, handler: object): CacheRouteOptions | false | undefined {
  const ofHandler = Reflect.getMetadata(ROUTE_METADATA, handler) as CacheRouteOptions | false | undefined;
  const ofController = Reflect.getMetadata(ROUTE_METADATA, controller) as CacheRouteOptions | false | undefined;
  if (ofHandler === undefined) return ofController;
  return ofHandler && ofController ? { ...ofController, ...ofHandler } : ofHandler;
}

/** The options of `@CacheRoute` on this handler or controller alone; none without the decorator. */
export function writtenOn(target: object): CacheRouteOptions {
  const written = Reflect.getMetadata(ROUTE_METADATA, target) as CacheRouteOptions | false | undefined;
  return written === false ? {} : (written ?? {});
}

/** True when one of the decorators is on the handler itself. */
export function isDecorated(handler: object): boolean {
  return Reflect.hasMetadata(ROUTE_METADATA, handler);
}

function checkRouteOptions(options: CacheRouteOptions): void {
  const where = '@CacheRoute ';
  checkNames(options, OPTION_NAMES, where);
  readRouteDefaults(options, ROUTE_DEFAULTS, where);
  const { cache, namespace, key, tags } = options;
  checkName(cache, `${where}cache`);
  checkName(namespace, `${where}namespace`);
  if (typeof key !== 'function') checkName(key, `${where}key`);
  if (tags !== undefined && typeof tags !== 'function') checkedTags(tags);
}

function checkName(name: unknown, option: string): void {
  if (name === undefined) return;
  try {
    checkKey(name, 'key');
  } catch (error) {
    throw new CacheConfigError(
      `Expected \`${option}\` to be a non-empty string of at most 1024 bytes, got \`${show(name)}\`.`,
      { cause: error },
    );
  }
}
