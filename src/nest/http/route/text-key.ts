import 'reflect-metadata';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { hasParameters } from '../../method-parameters.js';
import { type Class, type Handler, methodNameOf, type RouteParameter, routeParametersOf } from './handler-facts.js';
import type { VaryHeader } from '../response/vary-marker.js';

const PATH_METADATA = 'path';

/** A regular expression is possible on Express. */
type RoutePath = string | RegExp;

/** `RouteParamtypes` that do not depend on the request, or are in every key: the response, `next`, the host. */
const HARMLESS_PARAMETERS = ['1', '2', '10'];
const HEADER_PARAMETER = '6';

export interface KeyedRoute {
  readonly controller: Class;
  readonly handler: Handler;
  readonly identity: string;
  readonly key: string;
  readonly varyBy: readonly VaryHeader[];
  /** Paths before that of the controller: the global prefix, and the path of the module. */
  readonly prefixes: readonly string[];
}

/**
 * Checks that all requests of a route may have the same text `key`.
 * @throws CacheConfigError for a path or a handler with parameters
 */
export function checkTextKey(route: KeyedRoute): void {
  const { identity, key } = route;
  const path = [...route.prefixes, ...pathsOf(route.controller), ...pathsOf(route.handler)].find(isDynamic);
  const cause =
    path !== undefined
      ? `its path has parameters (${String(path)})`
      : takesParameters(route)
        ? 'its handler has parameters'
        : undefined;
  if (cause === undefined) return;
  throw new CacheConfigError(
    `Expected \`key\` of @CacheRoute on ${identity} to be a function, because ${cause}, got the text '${key}': the ` +
      'response to the first request would be served for all others. Write ' +
      `\`key: (request) => \`${key}:\${request.params.id}\`\`, or \`key: () => '${key}'\` where the parameters ` +
      'do not matter.',
  );
}

function pathsOf(target: object): RoutePath[] {
  return [(Reflect.getMetadata(PATH_METADATA, target) ?? '') as RoutePath | RoutePath[]].flat();
}

/**
 * True for a path that matches several URLs, on either platform: `:id`, `*rest`, `{...}`, `(...)`, `?`, `+`, `[...]`.
 */
function isDynamic(path: RoutePath): boolean {
  return typeof path !== 'string' || /[:*{}()?+[\]]/.test(path.replace(/\\.|::/g, ''));
}

function takesParameters({ controller, handler, varyBy }: KeyedRoute): boolean {
  const name = methodNameOf(controller, handler);
  const parameters = routeParametersOf(controller, name);
  if (parameters.length > 0) return !parameters.every((parameter) => isKeyed(parameter, varyBy));
  return hasParameters(controller.prototype as object, name, handler);
}

/** True for a parameter that has the same value in all requests with one key. */
function isKeyed({ type, data }: RouteParameter, varyBy: readonly VaryHeader[]): boolean {
  if (type === HEADER_PARAMETER)
    return typeof data === 'string' && varyBy.some(({ name }) => name === data.toLowerCase());
  return HARMLESS_PARAMETERS.includes(type);
}
