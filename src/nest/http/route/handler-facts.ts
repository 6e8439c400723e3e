import 'reflect-metadata';
import { RequestMethod, type VersioningOptions } from '@nestjs/common';
import type { ModuleRef, ModulesContainer } from '@nestjs/core';
import { routeVersion, type RouteVersion, type Version } from './route-version.js';

/*
 * Facts about a handler from Nest's own decorators. Nest exports the metadata keys from a module that moved between
 * versions 11 and 12, so they are repeated here. Nest's decorators and router exchange the metadata under these keys.
 */
const GUARDS_METADATA = '__guards__';
const HEADERS_METADATA = '__headers__';
const INTERCEPTORS_METADATA = '__interceptors__';
const PASSTHROUGH_METADATA = '__responsePassthrough__';
const REDIRECT_METADATA = '__redirect__';
const METHOD_METADATA = 'method';
const PATH_METADATA = 'path';
const RENDER_METADATA = '__renderTemplate__';
const ROUTE_ARGS_METADATA = '__routeArguments__';
const SSE_METADATA = '__sse__';
const VERSION_METADATA = '__version__';

/** Types of parameters with which the handler replies itself: `RouteParamtypes.RESPONSE` and `NEXT`. */
const RESPONSE_PARAMETERS = ['1', '2'];

export interface HandlerFacts {
  /** Module, class, method and API version, without spaces. Two handlers with the same path have different ones. */
  readonly identity: string;
  /** `GET /products/:id`, from the decorators: without the prefixes of modules and of the application. */
  readonly route: string;
  /** True when another handler has the same: of a class with the same name, or of the same class in another module. */
  readonly isIdentityShared: boolean;
  readonly version: RouteVersion;
  /** Names of `@Header()` in lower case. */
  readonly headerNames: readonly string[];
  readonly isStream: boolean;
  /** True when the handler or its controller has a guard of its own. */
  readonly isGuarded: boolean;
  /** The class of the first interceptor; `undefined` when it is not known. */
  readonly outermost: object | undefined;
  /**
   * True when Nest does not send the handler's result: `@Res()` without `passthrough`, `@Next()`, `@Redirect()`,
   * `@Render()`.
   */
  readonly sendsItself: boolean;
}

/** The reason why a handler cannot be cached: it sends its response itself, or it has a guard and no declared scope. */
export type Hindrance = 'sends-itself' | 'guarded';

export function hindranceOf({ sendsItself, isGuarded }: HandlerFacts, isScopeDeclared: boolean): Hindrance | undefined {
  if (sendsItself) return 'sends-itself';
  return isGuarded && !isScopeDeclared ? 'guarded' : undefined;
}

export type Class = abstract new (...args: never[]) => unknown;
export type Handler = (...args: never[]) => unknown;

/** @param config result of `configOf` */
export function factsOf(
  controller: Class,
  handler: Handler,
  modules: ModulesContainer,
  config: ApplicationConfig,
): HandlerFacts {
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as readonly { name: string }[];
  const method = methodNameOf(controller, handler);
  const place = placeOf(controller, modules);
  const versioning = config.getVersioning?.();
  const versions = versionsOf(controller, handler, versioning);
  const globals = globalInterceptorsOf(config);
  return {
    identity: `${place}.${method}${versions.length === 0 ? '' : `@${versions.map(String).join(',')}`}`.replaceAll(
      ' ',
      '_',
    ),
    route: routeOf(controller, handler),
    isIdentityShared: isPlaceShared(place, controller, modules),
    version: routeVersion(versions, versioning),
    headerNames: headers.map(({ name }) => name.toLowerCase()),
    outermost:
      globals === undefined
        ? undefined
        : classOf([...globals, ...interceptorsOf(controller), ...interceptorsOf(handler)][0]),
    isGuarded: [handler, controller].some(
      (target) => ((Reflect.getMetadata(GUARDS_METADATA, target) ?? []) as readonly unknown[]).length > 0,
    ),
    isStream: Reflect.getMetadata(SSE_METADATA, handler) !== undefined,
    sendsItself:
      Reflect.getMetadata(REDIRECT_METADATA, handler) !== undefined ||
      Reflect.getMetadata(RENDER_METADATA, handler) !== undefined ||
      takesResponse(controller, method),
  };
}

function routeOf(controller: Class, handler: Handler): string {
  const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
  const parts = [controller, handler].map(
    (target) => [Reflect.getMetadata(PATH_METADATA, target) as string | readonly string[] | undefined].flat()[0],
  );
  const path = parts.map((part) => (part ?? '').replace(/^\/+|\/+$/g, '')).filter((part) => part !== '');
  return `${RequestMethod[method ?? RequestMethod.GET]} /${path.join('/')}`;
}

/** Headers of `@Header()` by name in lower case, without those that are computed for each request. */
export function fixedHeadersOf(handler: object): Record<string, string> {
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as readonly { name: string; value: unknown }[];
  return Object.fromEntries(
    headers.flatMap(({ name, value }) => (typeof value === 'string' ? [[name.toLowerCase(), value]] : [])),
  );
}

/** The interceptors of `@UseInterceptors`, in the order in which they run. */
function interceptorsOf(target: object): readonly object[] {
  return (Reflect.getMetadata(INTERCEPTORS_METADATA, target) ?? []) as readonly object[];
}

/** True when an interceptor is bound to a handler or its controller, and not only to the whole application. */
export function isCovered(
  { controller, handler }: { readonly controller: object; readonly handler: object },
  interceptor: object,
): boolean {
  return isBound(handler, interceptor) || isBound(controller, interceptor);
}

export function isBound(target: object, interceptor: object): boolean {
  return interceptorsOf(target).some((one) => isOfClass(one, interceptor));
}

/** True when an interceptor is bound to the whole application. */
export function isBoundGlobally(config: ApplicationConfig, interceptor: object): boolean {
  const ofRequests = (config.getGlobalRequestInterceptors?.() ?? []).map(({ metatype }) => metatype);
  return [...(config.getGlobalInterceptors?.() ?? []), ...ofRequests].some(
    (one) => one !== undefined && isOfClass(one, interceptor),
  );
}

/** The class of an interceptor that was bound as a class or as an object. */
function classOf(interceptor: object | undefined): object | undefined {
  return typeof interceptor === 'function' ? interceptor : interceptor?.constructor;
}

/** True for this class, and for one that extends it. */
function isOfClass(interceptor: object, type: object): boolean {
  const given = classOf(interceptor) as Class;
  return given === type || given.prototype instanceof (type as Class);
}

/**
 * The part of Nest's application configuration that is read here. Nest keeps it in its container, without public
 * access.
 */
export type ApplicationConfig = Partial<{
  getGlobalInterceptors(): readonly object[];
  getGlobalRequestInterceptors(): readonly { readonly metatype?: object }[];
  getGlobalPrefix(): string;
  getVersioning(): VersioningOptions | undefined;
}>;

/** The configuration of the application; empty if it is not found. */
export function configOf(moduleRef: ModuleRef): ApplicationConfig {
  const { container } = moduleRef as unknown as { container?: { applicationConfig?: ApplicationConfig } };
  return container?.applicationConfig ?? {};
}

/**
 * The interceptors of all routes, which run before those of controllers; `undefined` when they are not known, or are
 * made for each request.
 */
function globalInterceptorsOf(config: ApplicationConfig): readonly object[] | undefined {
  const globals = config.getGlobalInterceptors?.();
  return globals === undefined || config.getGlobalRequestInterceptors?.().length !== 0 ? undefined : globals;
}

function takesResponse(controller: Class, method: string): boolean {
  if (Reflect.getMetadata(PASSTHROUGH_METADATA, controller, method) === true) return false;
  return routeParametersOf(controller, method).some(({ type }) => RESPONSE_PARAMETERS.includes(type));
}

/** A parameter of a handler with a decorator of Nest. */
export interface RouteParameter {
  /** `RouteParamtypes` in digits, or another text for a decorator of `createParamDecorator`. */
  readonly type: string;
  /** Argument of the decorator, such as the name of a header. */
  readonly data: unknown;
}

export function routeParametersOf(controller: Class, method: string): RouteParameter[] {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { data?: unknown }
  >;
  return Object.entries(parameters).map(([name, { data }]) => ({ type: name.split(':', 1)[0] ?? '', data }));
}

/** The property of the handler. Its function may have another name, from a decorator that wraps it. */
export function methodNameOf(controller: Class, handler: Handler): string {
  return methodsOf(controller.prototype as object).find(([, method]) => method === handler)?.[0] ?? handler.name;
}

/** All methods of a controller that may be handlers, with inherited ones that are not overridden. */
export function handlersOf(prototype: object | null): object[] {
  return methodsOf(prototype).map(([, method]) => method);
}

function methodsOf(prototype: object | null): [string, object][] {
  if (prototype === null || prototype === Object.prototype) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(
    ([name, { value }]): [string, object][] =>
      typeof value === 'function' && name !== 'constructor' ? [[name, value as object]] : [],
  );
  return [
    ...own,
    ...methodsOf(Object.getPrototypeOf(prototype) as object | null).filter(([name]) => !Object.hasOwn(prototype, name)),
  ];
}

/** All controllers of the application, once for each module that declares them. */
export function controllersOf(modules: ModulesContainer): { controller: Class; module: Class }[] {
  return [...modules.values()].flatMap(({ metatype, controllers }) =>
    [...controllers.values()].flatMap((wrapper) =>
      typeof wrapper.metatype === 'function'
        ? [{ controller: wrapper.metatype as Class, module: metatype as Class }]
        : [],
    ),
  );
}

/** Module and class, with all modules that declare the class. */
function placeOf(controller: Class, modules: ModulesContainer): string {
  const names = [...modules.values()].filter(({ controllers }) => controllers.has(controller)).map(({ name }) => name);
  return `${[...new Set(names)].sort().join('+')}.${controller.name}`;
}

function isPlaceShared(place: string, { name }: Class, modules: ModulesContainer): boolean {
  const namesakes = controllersOf(modules).filter(({ controller }) => controller.name === name);
  return (
    namesakes.length > 1 && namesakes.filter(({ controller }) => placeOf(controller, modules) === place).length > 1
  );
}

function versionsOf(controller: Class, handler: Handler, options: VersioningOptions | undefined): readonly Version[] {
  const version = (Reflect.getMetadata(VERSION_METADATA, handler) ??
    Reflect.getMetadata(VERSION_METADATA, controller) ??
    options?.defaultVersion) as Version | Version[] | undefined;
  return version === undefined ? [] : [version].flat();
}
