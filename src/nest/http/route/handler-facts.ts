import 'reflect-metadata';
import type { VersioningOptions } from '@nestjs/common';
import type { ModuleRef, ModulesContainer } from '@nestjs/core';
import { routeVersion, type RouteVersion, type Version } from './route-version.js';

/*
 * What Nest's own decorators say about a handler. The names are those of '@nestjs/common', where they stand in a module
 * that moved between the versions 11 and 12; they are part of how Nest's decorators and its router understand each
 * other.
 */
const GUARDS_METADATA = '__guards__';
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
  /** Other handlers have the same: of a class of the same name, or of the same class in another module. */
  readonly isIdentityShared: boolean;
  readonly version: RouteVersion;
  /** The names, lower-case, of `@Header()`: Nest sets them before interceptors run. */
  readonly headerNames: readonly string[];
  readonly isStream: boolean;
  /** The handler or its controller has a guard of its own. */
  readonly isGuarded: boolean;
  /** The class of the first interceptor; `undefined` when it cannot be told. */
  readonly outermost: object | undefined;
  /**
   * Nest does not send what the handler returns: `@Res()` without `passthrough`, `@Next()`, `@Redirect()`, `@Render()`.
   */
  readonly sendsItself: boolean;
}

/**
 * What keeps the answers of a handler from being cached: Nest does not send them, or nobody has said whose those of a
 * guarded one are.
 */
export type Hindrance = 'sends-itself' | 'guarded';

export function hindranceOf({ sendsItself, isGuarded }: HandlerFacts, isScopeDeclared: boolean): Hindrance | undefined {
  if (sendsItself) return 'sends-itself';
  return isGuarded && !isScopeDeclared ? 'guarded' : undefined;
}

export type Class = abstract new (...args: never[]) => unknown;
export type Handler = (...args: never[]) => unknown;

/** @param config what `configOf` answers */
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

/** What `@Header()` sets, by names in lower case; where it is computed for each request, it is left out. */
export function fixedHeadersOf(handler: object): Record<string, string> {
  const headers = (Reflect.getMetadata(HEADERS_METADATA, handler) ?? []) as readonly { name: string; value: unknown }[];
  return Object.fromEntries(
    headers.flatMap(({ name, value }) => (typeof value === 'string' ? [[name.toLowerCase(), value]] : [])),
  );
}

/** The interceptors that `@UseInterceptors` has bound, in the order in which they run. */
function interceptorsOf(target: object): readonly object[] {
  return (Reflect.getMetadata(INTERCEPTORS_METADATA, target) ?? []) as readonly object[];
}

/** Whether an interceptor is bound to a handler or its controller, and not only to the whole application. */
export function isCovered(
  { controller, handler }: { readonly controller: object; readonly handler: object },
  interceptor: object,
): boolean {
  return isBound(handler, interceptor) || isBound(controller, interceptor);
}

export function isBound(target: object, interceptor: object): boolean {
  return interceptorsOf(target).some((one) => isOfClass(one, interceptor));
}

/** Whether an interceptor is bound to the whole application. */
export function isBoundGlobally(config: ApplicationConfig, interceptor: object): boolean {
  const ofRequests = (config.getGlobalRequestInterceptors?.() ?? []).map(({ metatype }) => metatype);
  return [...(config.getGlobalInterceptors?.() ?? []), ...ofRequests].some(
    (one) => one !== undefined && isOfClass(one, interceptor),
  );
}

/** Bound as a class, or as an object of it. */
function classOf(interceptor: object | undefined): object | undefined {
  return typeof interceptor === 'function' ? interceptor : interceptor?.constructor;
}

/** Whether it is of this class, or of one that extends it. */
function isOfClass(interceptor: object, type: object): boolean {
  const given = classOf(interceptor) as Class;
  return given === type || given.prototype instanceof (type as Class);
}

/** What is read of an application's configuration; Nest hands it out to nobody, but keeps it in the container. */
export type ApplicationConfig = Partial<{
  getGlobalInterceptors(): readonly object[];
  getGlobalRequestInterceptors(): readonly { readonly metatype?: object }[];
  getGlobalPrefix(): string;
  getVersioning(): VersioningOptions | undefined;
}>;

/** Empty where it cannot be found. */
export function configOf(moduleRef: ModuleRef): ApplicationConfig {
  const { container } = moduleRef as unknown as { container?: { applicationConfig?: ApplicationConfig } };
  return container?.applicationConfig ?? {};
}

/**
 * The interceptors of all routes, before those of controllers; `undefined` when they cannot be told, or differ with
 * each request.
 */
function globalInterceptorsOf(config: ApplicationConfig): readonly object[] | undefined {
  const globals = config.getGlobalInterceptors?.();
  return globals === undefined || config.getGlobalRequestInterceptors?.().length !== 0 ? undefined : globals;
}

function takesResponse(controller: Class, method: string): boolean {
  if (Reflect.getMetadata(PASSTHROUGH_METADATA, controller, method) === true) return false;
  return routeParametersOf(controller, method).some(({ type }) => RESPONSE_PARAMETERS.includes(type));
}

/** A parameter of a handler that Nest has been told what to give. */
export interface RouteParameter {
  /** `RouteParamtypes` in digits, or a text of its own for decorators made with `createParamDecorator`. */
  readonly type: string;
  /** What its decorator was given, such as the name of a header. */
  readonly data: unknown;
}

export function routeParametersOf(controller: Class, method: string): RouteParameter[] {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { data?: unknown }
  >;
  return Object.entries(parameters).map(([name, { data }]) => ({ type: name.split(':', 1)[0] ?? '', data }));
}

/** The property that holds the handler: a decorator may have put a function of another name there. */
export function methodNameOf(controller: Class, handler: Handler): string {
  return methodsOf(controller.prototype as object).find(([, method]) => method === handler)?.[0] ?? handler.name;
}

/** All methods of a controller that may be handlers, the inherited ones too where they are not overridden. */
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

/** Every controller of the application, once for each module that has it. */
export function controllersOf(modules: ModulesContainer): { controller: Class; module: Class }[] {
  return [...modules.values()].flatMap(({ metatype, controllers }) =>
    [...controllers.values()].flatMap((wrapper) =>
      typeof wrapper.metatype === 'function'
        ? [{ controller: wrapper.metatype as Class, module: metatype as Class }]
        : [],
    ),
  );
}

/** Module and class; all modules, where there are several. */
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
