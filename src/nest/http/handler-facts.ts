import 'reflect-metadata';
import type { ModuleRef, ModulesContainer } from '@nestjs/core';

/*
 * What Nest's own decorators say about a handler. The names are those of '@nestjs/common', where they stand in a module
 * that moved between the versions 11 and 12; they are part of how Nest's decorators and its router understand each other.
 */
const HEADERS_METADATA = '__headers__';
const INTERCEPTORS_METADATA = '__interceptors__';
const PASSTHROUGH_METADATA = '__responsePassthrough__';
const REDIRECT_METADATA = '__redirect__';
const RENDER_METADATA = '__renderTemplate__';
const ROUTE_ARGS_METADATA = '__routeArguments__';
const SSE_METADATA = '__sse__';
const VERSION_METADATA = '__version__';

/** The types of parameters that take the response out of Nest's hands: `RouteParamtypes.RESPONSE` and `NEXT`. */
const RESPONSE_PARAMETERS = ['1', '2'];

export interface HandlerFacts {
  /** Module, class, method and API version, without spaces: no two handlers that share a path have the same. */
  readonly identity: string;
  /** The names, lower-case, of `@Header()`: Nest sets them before interceptors run. */
  readonly headerNames: readonly string[];
  readonly isStream: boolean;
  /** The class of the first interceptor; `undefined` when it cannot be told. */
  readonly outermost: object | undefined;
  /** Nest does not send what the handler returns: `@Res()` without `passthrough`, `@Next()`, `@Redirect()`, `@Render()`. */
  readonly sendsItself: boolean;
}

export type Class = abstract new (...args: never[]) => unknown;
export type Handler = (...args: never[]) => unknown;

/** @param globals what `globalInterceptorsOf` answers */
export function factsOf(controller: Class, handler: Handler, modules: ModulesContainer, globals: readonly object[] | undefined): HandlerFacts {
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as readonly { name: string }[];
  const method = methodNameOf(controller, handler);
  return {
    identity: `${moduleNameOf(controller, modules)}.${controller.name}.${method}${versionOf(controller, handler)}`.replaceAll(' ', '_'),
    headerNames: headers.map(({ name }) => name.toLowerCase()),
    outermost: globals === undefined ? undefined : classOf([...globals, ...interceptorsOf(controller), ...interceptorsOf(handler)][0]),
    isStream: Reflect.getMetadata(SSE_METADATA, handler) !== undefined,
    sendsItself:
      Reflect.getMetadata(REDIRECT_METADATA, handler) !== undefined ||
      Reflect.getMetadata(RENDER_METADATA, handler) !== undefined ||
      takesResponse(controller, method),
  };
}

/** The interceptors that `@UseInterceptors` has bound, in the order in which they run. */
export function interceptorsOf(target: object): readonly object[] {
  return (Reflect.getMetadata(INTERCEPTORS_METADATA, target) ?? []) as readonly object[];
}

/** Bound as a class, or as an object of it. */
export function classOf(interceptor: object | undefined): object | undefined {
  return typeof interceptor === 'function' ? interceptor : interceptor?.constructor;
}

/** What an application's configuration knows of interceptors; Nest hands it out to nobody, but keeps it in the container. */
interface GlobalInterceptors {
  getGlobalInterceptors(): readonly object[];
  getGlobalRequestInterceptors(): readonly object[];
}

/** The interceptors of all routes, before those of controllers; `undefined` when they cannot be told, or differ with each request. */
export function globalInterceptorsOf(moduleRef: ModuleRef): readonly object[] | undefined {
  const { container } = moduleRef as unknown as { container?: { applicationConfig?: Partial<GlobalInterceptors> } };
  const globals = container?.applicationConfig?.getGlobalInterceptors?.();
  const ofRequests = container?.applicationConfig?.getGlobalRequestInterceptors?.();
  return globals === undefined || ofRequests?.length !== 0 ? undefined : globals;
}

function takesResponse(controller: Class, method: string): boolean {
  if (Reflect.getMetadata(PASSTHROUGH_METADATA, controller, method) === true) return false;
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as object;
  return Object.keys(parameters).some((name) => RESPONSE_PARAMETERS.includes(name.split(':', 1)[0] ?? ''));
}

/** The property that holds the handler: a decorator may have put a function of another name there. */
function methodNameOf(controller: Class, handler: Handler): string {
  return methodsOf(controller.prototype as object).find(([, method]) => method === handler)?.[0] ?? handler.name;
}

/** All methods of a controller that may be handlers, the inherited ones too. */
export function handlersOf(prototype: object | null): object[] {
  return methodsOf(prototype).map(([, method]) => method);
}

function methodsOf(prototype: object | null): [string, object][] {
  if (prototype === null || prototype === Object.prototype) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]): [string, object][] =>
    typeof value === 'function' && name !== 'constructor' ? [[name, value as object]] : [],
  );
  return [...own, ...methodsOf(Object.getPrototypeOf(prototype) as object | null)];
}

function moduleNameOf(controller: Class, modules: ModulesContainer): string {
  return [...modules.values()].find(({ controllers }) => controllers.has(controller))?.name ?? '';
}

function versionOf(controller: Class, handler: Handler): string {
  const version = (Reflect.getMetadata(VERSION_METADATA, handler) ?? Reflect.getMetadata(VERSION_METADATA, controller)) as string | symbol | (string | symbol)[] | undefined;
  return version === undefined ? '' : `@${[version].flat().map(String).join(',')}`;
}
