import 'reflect-metadata';
import { isObservable, Observable } from 'rxjs';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { type Caller, ranUncached } from '../../core/observation/caller.js';
import type { CacheService } from '../../core/cache.service.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import { atOnce } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import { rememberWrapped } from '../method-parameters.js';
import { reportMisuse } from '../mocked-cache.js';
import { cacheIn, findCache, injectCache } from './cache-injection.js';
import { howToTest, isPassingThrough } from './pass-through.js';

/*
 * The wrapper around a decorated method, which all method decorators share, and the list of decorated methods. Where
 * the wrapper gets its cache from: see cache-injection.ts.
 */

/** The method that a decorator is written on. */
export interface MethodSite extends Caller {
  readonly kind: 'method';
  /** Name of the decorator, such as `@Cached`. */
  readonly decorator: string;
  /** Prototype of the class. */
  readonly target: object;
  readonly name: string | symbol;
  readonly method: (...args: unknown[]) => unknown;
}

/** Runs in the place of the method, with the cache of the instance. */
export type DecoratedCall = (cache: CacheService, self: object, args: unknown[]) => Promise<unknown>;

/** A function among the options; it is called with the method's object as `this`. */
export type OptionFunction = (this: unknown, ...args: unknown[]) => unknown;

export type KeyOf = (self: object, args: unknown[]) => string;
export type KeysOf = (self: object, args: unknown[]) => string[];

/** The cache and the keys of a decorated method. */
export interface MethodTraits {
  readonly cache: string;
  readonly namespace: string | undefined;
  /** Options of the decorator, as written. */
  readonly options: object;
  /**
   * Returns the key of a call that loads; of the first id where the call loads many. Absent on a method that does not
   * load.
   */
  readonly keyOf?: KeyOf;
  /** Returns the keys of a call that loads many. */
  readonly keysOf?: KeysOf;
  /**
   * Checks options that name other classes, once all classes are defined, and returns probable mistakes.
   * @param provided the prototypes of all providers with decorated methods
   * @throws CacheConfigError
   */
  readonly check?: (provided: ReadonlySet<object>) => readonly Finding[];
  /** True when the decorator has no `key`, and keys are made of the class name, the method and the arguments. */
  readonly isKeyless?: boolean;
}

/** A decorated method, as the explorer and its overrides find it. */
export interface DecoratedMethod extends MethodSite, MethodTraits {
  readonly slot: symbol;
}

// Shared by all copies of the kit in a process: the explorer of one copy also serves classes that another decorated.
const methodsOf = sharedByCopies('decorated-methods', () => new WeakMap<object, DecoratedMethod[]>());

/** Metadata key of a method's return type, which compilers write with `emitDecoratorMetadata`. */
const RETURN_TYPE = 'design:returntype';
const NO_OBSERVABLES =
  'the method answers with an Observable, which runs when it is subscribed to, and cannot be cached. Answer ' +
  'with a promise of its value: `return firstValueFrom(...)`, of rxjs.';

/**
 * Returns the method that a decorator is written on, with a label for messages.
 * @throws CacheConfigError where it is not a method of instances
 */
export function siteOf(
  decorator: string,
  target: unknown,
  name: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): MethodSite {
  if (typeof name === 'object')
    throw new CacheConfigError(`${decorator} needs TypeScript's \`experimentalDecorators\`, as Nest does.`);
  const isStatic = typeof target === 'function';
  const className = isStatic ? target.name : (target as object).constructor.name;
  if ((name as unknown) === undefined)
    throw new CacheConfigError(`${decorator} on ${className}: only methods can be decorated, not classes.`);
  const place = `${className === '' ? '(anonymous class)' : className}.${String(name)}`;
  const label = `${decorator} on ${place}`;
  if (isStatic)
    throw new CacheConfigError(
      `${label}: a static method has no instance to inject a cache into. Make it a method of a provider.`,
    );
  const method = descriptor?.value as MethodSite['method'] | undefined;
  if (typeof method !== 'function')
    throw new CacheConfigError(`${label}: only methods can be decorated, not properties and accessors.`);
  if (Object.prototype.toString.call(method).includes('Generator')) {
    throw new CacheConfigError(
      `${label}: a generator answers with an iterator, which can be read once and not be cached. Return an array.`,
    );
  }
  if (Reflect.getMetadata(RETURN_TYPE, target as object, name) === Observable)
    throw new CacheConfigError(`${label}: ${NO_OBSERVABLES}`);
  return { kind: 'method', place, decorator, target: target as object, name, method, label };
}

/**
 * Runs `check` and returns its result.
 * @throws CacheConfigError with the error of `check`, and the label of the method
 */
export function checkedAt<T>(site: MethodSite, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new CacheConfigError(`${site.label}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** Reads the options that all decorators have. */
export function placeOf(options: { cache?: string; namespace?: string }): MethodTraits {
  return { cache: options.cache ?? 'default', namespace: options.namespace, options };
}

/** Replaces the method by `call`, and keeps the method's name, length, properties and metadata. */
export function replaceMethod(
  site: MethodSite,
  descriptor: PropertyDescriptor,
  traits: MethodTraits,
  call: DecoratedCall,
): DecoratedMethod {
  const slot = slotOf(site, traits.cache);
  const decorated: DecoratedMethod = { ...site, ...traits, slot };
  const wrapper = function (this: object | undefined, ...args: unknown[]): Promise<unknown> {
    try {
      const cache = cacheIn(this, slot);
      return cache === undefined ? callUnbound(decorated, this, args, call) : call(cache, this as object, args);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  keepIdentity(wrapper, site.method);
  rememberWrapped(wrapper, site.method);
  descriptor.value = wrapper;
  ownMethodsOf(site.target).push(decorated);
  return decorated;
}

async function callUnbound(
  decorated: DecoratedMethod,
  self: unknown,
  args: unknown[],
  call: DecoratedCall,
): Promise<unknown> {
  if (typeof self !== 'object' || self === null) throw notBound(decorated, self);
  const cache = await findCache(self, decorated);
  if (cache !== undefined) return call(cache, self, args);
  if (isPassingThrough()) return callMethod(decorated, self, args);
  throw notBound(decorated, self);
}

/** Calls the method itself; an error of a synchronous method becomes a rejection. */
export async function callMethod({ method }: MethodSite, self: object, args: unknown[]): Promise<unknown> {
  return method.apply(self, args);
}

/** Reports a result that is an Observable: such a method has not done its work yet when it returns. */
export function reportObservable(cache: CacheService, site: MethodSite, result: unknown): void {
  if (isObservable(result)) reportMisuse(cache, new CacheConfigError(`${site.label}: ${NO_OBSERVABLES}`), site);
}

/**
 * Returns the result of `ask`, a function among the options; `undefined` where it fails. The error is reported and does
 * not reach the method's callers.
 */
export function orReported<T>(cache: CacheService, site: MethodSite, option: string, ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    reportMisuse(cache, ranUncached(error, option, site), site);
    return undefined;
  }
}

/** True when a call with these arguments goes to the cache. False when `when` says so, or fails. */
export function isWanted(
  cache: CacheService,
  site: MethodSite,
  when: OptionFunction | undefined,
  self: object,
  args: unknown[],
): boolean {
  return when === undefined || orReported(cache, site, 'when', () => Boolean(atOnce(when.apply(self, args)))) === true;
}

/** Returns the decorated methods of `prototype`, including inherited and overridden ones. */
export function decoratedMethodsOf(prototype: object | null): DecoratedMethod[] {
  if (prototype === null) return [];
  return [
    ...(methodsOf.get(prototype) ?? []),
    ...decoratedMethodsOf(Object.getPrototypeOf(prototype) as object | null),
  ];
}

/**
 * True when an override of the method caches under the same key, so that this is probably a `super` call from its load.
 * Decided by the override's `key` for these arguments, because the caller of a method cannot be seen.
 */
export function isKeptByOverride(decorated: DecoratedMethod, key: string, self: object, args: unknown[]): boolean {
  const { target, name, cache, namespace } = decorated;
  for (
    let at = Object.getPrototypeOf(self) as object | null;
    at !== null && at !== target;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    const override = methodsOf.get(at)?.find((method) => method.name === name && method.keyOf !== undefined);
    if (override !== undefined)
      return override.cache === cache && override.namespace === namespace && keyOrNone(override, self, args) === key;
  }
  return false;
}

/** Returns no key where it cannot be made: the override has reported that already, and runs without the cache. */
function keyOrNone({ keyOf }: DecoratedMethod, self: object, args: unknown[]): string | undefined {
  try {
    return keyOf?.(self, args);
  } catch {
    return undefined;
  }
}

/** All methods of a class that use one cache share a slot. */
function slotOf({ target, label }: MethodSite, cache: string): symbol {
  const known = ownMethodsOf(target).find((method) => method.cache === cache);
  return known?.slot ?? injectCache(target, cache, label);
}

function ownMethodsOf(target: object): DecoratedMethod[] {
  const methods = methodsOf.get(target) ?? [];
  methodsOf.set(target, methods);
  return methods;
}

function keepIdentity(wrapper: object, method: object): void {
  Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(method));
  for (const key of Reflect.getOwnMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  }
}

function notBound({ label, name, cache }: DecoratedMethod, self: unknown): CacheConfigError {
  if (typeof self !== 'object' || self === null) {
    return new CacheConfigError(
      `${label} was called without its object (\`this\` is ${show(self)}). Call it as ` +
        `\`service.${String(name)}(...)\`, or bind it first.`,
    );
  }
  return new CacheConfigError(
    `${label} was called on an object that Nest has not given a cache: one made with \`new\`, or used before the ` +
      'application has started. ' +
      `Let Nest make it, as a provider or controller of a module. ${howToTest(cache)}.`,
  );
}
