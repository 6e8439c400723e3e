import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import { isObservable, Observable } from 'rxjs';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { type Caller, ranUncached } from '../../core/observation/caller.js';
import type { CacheService } from '../../core/cache.service.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import { atOnce } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { standsFor } from '../method-parameters.js';
import { complete, reportMisuse } from '../mocked-cache.js';
import { howToTest, isPassingThrough, neededUnlessPassingThrough } from './pass-through.js';

/*
 * What all method decorators of the kit share: the wrapper around the method, and how it comes by its cache.
 *
 * A decorated class asks Nest for its cache like any class: by property injection, under a symbol that belongs to the
 * class and the cache, its slot. So every instance gets the cache of its own application and module, however it is
 * scoped, and Nest refuses to start when there is none. A setter on the prototype puts what Nest injects into a
 * property that no loop, no copy and no serializer sees, or, when the instance is frozen, into a WeakMap.
 * Nest injects nothing into what a `useFactory` or a `useValue` gives it: the DecoratorExplorer does it there when the
 * application starts, and at the first call where the module is loaded later.
 */

/** Where a decorator was put. */
export interface MethodSite extends Caller {
  /** As it is written: `@Cached`. */
  readonly decorator: string;
  /** The prototype. */
  readonly target: object;
  readonly name: string | symbol;
  readonly method: (...args: unknown[]) => unknown;
}

/** What the wrapper does instead of calling the method. */
export type DecoratedCall = (cache: CacheService, self: object, args: unknown[]) => Promise<unknown>;

/** A function among the options, as it is called: with the method's object as `this`. */
export type OptionFunction = (this: unknown, ...args: unknown[]) => unknown;

export type KeyOf = (self: object, args: unknown[]) => string;
export type KeysOf = (self: object, args: unknown[]) => string[];

/** Which cache a decorated method uses, and what of it. */
export interface MethodTraits {
  readonly cache: string;
  readonly namespace: string | undefined;
  /** The options as they are written. */
  readonly options: object;
  /** The key of a call that loads; where it loads many, that of the first id. */
  readonly keyOf?: KeyOf;
  /** The keys of a call that loads many. */
  readonly keysOf?: KeysOf;
  /**
   * Checks what can be checked once all classes are defined, and finds what is probably not meant.
   * @param provided the prototypes of all providers with decorated methods
   * @throws CacheConfigError
   */
  readonly check?: (provided: ReadonlySet<object>) => readonly Finding[];
  /** True when that key is made of the class's name and the arguments. */
  readonly isKeyless?: boolean;
}

/** What is kept about a decorated method, for the explorer and for overrides. */
export interface DecoratedMethod extends MethodSite, MethodTraits {
  readonly slot: symbol;
}

/** Looks through one application for an instance that has no cache yet. */
export interface CacheFinder {
  /** @returns the cache for the method, or `undefined` where the instance is not of this application */
  findCacheFor(instance: object, method: DecoratedMethod): Promise<CacheService | undefined>;
}

type Slots = Record<symbol, CacheService | undefined>;

// Shared, because the explorer of one copy of the kit also serves classes that were decorated by another.
const methodsOf = sharedByCopies('decorated-methods', () => new WeakMap<object, DecoratedMethod[]>());
const finders = sharedByCopies('cache-finders', () => new Set<WeakRef<CacheFinder>>());
const frozenInstances = sharedByCopies('frozen-instances', () => new WeakMap<object, Map<symbol, CacheService>>());

/** What compilers say about the result of a decorated method, where they are asked to (`emitDecoratorMetadata`). */
const RETURN_TYPE = 'design:returntype';
const NO_OBSERVABLES =
  'the method answers with an Observable, which runs when it is subscribed to, and cannot be cached. Answer with a promise of its value: `return firstValueFrom(...)`, of rxjs.';

/**
 * Checks where a decorator stands.
 * @throws CacheConfigError for anything but a method of instances
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
  const label = `${decorator} on ${className === '' ? '(anonymous class)' : className}.${String(name)}`;
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
  return { decorator, target: target as object, name, method, label };
}

/**
 * What `check` answers.
 * @throws CacheConfigError with what was wrong, and on which method
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

export function placeOf(options: { cache?: string; namespace?: string }): MethodTraits {
  return { cache: options.cache ?? 'default', namespace: options.namespace, options };
}

/** Puts `call` in the place of the method, and keeps the method's name, length, properties and metadata. */
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
      const cache = (this as Slots | undefined)?.[slot];
      return cache === undefined ? callUnbound(decorated, this, args, call) : call(cache, this as object, args);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  keepIdentity(wrapper, site.method);
  standsFor(wrapper, site.method);
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
  const cache = await findCache(decorated, self);
  if (cache !== undefined) return call(cache, self, args);
  if (isPassingThrough()) return callMethod(decorated, self, args);
  throw notBound(decorated, self);
}

async function findCache(decorated: DecoratedMethod, self: object): Promise<CacheService | undefined> {
  for (const finder of finders) {
    try {
      const cache = await finder.deref()?.findCacheFor(self, decorated);
      if (cache !== undefined) return cache;
    } catch (error) {
      if (!isPassingThrough()) throw error;
    }
  }
  return undefined;
}

/** Asks `finder` about instances without a cache, as long as somebody else holds it. @returns ends that */
export function addCacheFinder(finder: CacheFinder): () => void {
  for (const known of finders) if (known.deref() === undefined) finders.delete(known);
  const held = new WeakRef(finder);
  finders.add(held);
  return () => void finders.delete(held);
}

/** The method itself, as a promise: what a sync method throws is a rejection. */
export async function callMethod({ method }: MethodSite, self: object, args: unknown[]): Promise<unknown> {
  return method.apply(self, args);
}

/** Reports a result that is an Observable: when a method answers with one, it has not done anything yet. */
export function reportObservable(cache: CacheService, site: MethodSite, result: unknown): void {
  if (isObservable(result)) reportMisuse(cache, new CacheConfigError(`${site.label}: ${NO_OBSERVABLES}`), site);
}

/**
 * What the function `ask` among the options answers; `undefined` where it fails. Why is reported, and is no concern of
 * the method's callers.
 */
export function orReported<T>(cache: CacheService, site: MethodSite, option: string, ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    reportMisuse(cache, ranUncached(error, option, site), site);
    return undefined;
  }
}

/** Whether a method is to be cached for these arguments. */
export function isWanted(
  cache: CacheService,
  site: MethodSite,
  when: OptionFunction | undefined,
  self: object,
  args: unknown[],
): boolean {
  return when === undefined || orReported(cache, site, 'when', () => Boolean(atOnce(when.apply(self, args)))) === true;
}

/** The decorated methods of instances whose prototype is `prototype`, inherited and overridden ones included. */
export function decoratedMethodsOf(prototype: object | null): DecoratedMethod[] {
  if (prototype === null) return [];
  return [
    ...(methodsOf.get(prototype) ?? []),
    ...decoratedMethodsOf(Object.getPrototypeOf(prototype) as object | null),
  ];
}

/**
 * True for a call by way of `super` from an override that caches under the same key. Judged by the override's `key` for
 * these arguments, because which call this one came from cannot be seen.
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

/** An override whose key cannot be made has reported that, and runs without the cache. */
function keyOrNone({ keyOf }: DecoratedMethod, self: object, args: unknown[]): string | undefined {
  try {
    return keyOf?.(self, args);
  } catch {
    return undefined;
  }
}

/** Gives `instance` the cache for `slot`, also where it has none or another one already. */
export function bindCache(instance: object, slot: symbol, given: CacheService): void {
  const cache = complete(given);
  if (Object.hasOwn(instance, slot)) (instance as Slots)[slot] = cache;
  else if (Object.isExtensible(instance))
    Object.defineProperty(instance, slot, { value: cache, writable: true, configurable: true });
  else frozenInstances.set(instance, new Map([...(frozenInstances.get(instance) ?? []), [slot, cache]]));
}

function ownMethodsOf(target: object): DecoratedMethod[] {
  const methods = methodsOf.get(target) ?? [];
  methodsOf.set(target, methods);
  return methods;
}

/**
 * One slot for each class and cache, whatever the number of methods. Nest prints its description when there is no such
 * cache.
 */
function slotOf(site: MethodSite, cache: string): symbol {
  const known = ownMethodsOf(site.target).find((method) => method.cache === cache);
  if (known !== undefined) return known.slot;
  const slot = Symbol(`the cache that ${site.label} needs. ${howToRegister(cache)}. ${howToTest(cache)}`);
  Object.defineProperty(site.target, slot, {
    configurable: true,
    get(this: object) {
      return frozenInstances.get(this)?.get(slot);
    },
    set(this: object, service: CacheService) {
      bindCache(this, slot, service);
    },
  });
  Inject(getCacheToken(cache))(site.target, slot);
  neededUnlessPassingThrough(site.target, slot);
  return slot;
}

/** What to do when a cache is missing. */
export function howToRegister(cache: string): string {
  const options = cache === 'default' ? '' : `{ name: '${cache}' }`;
  return `Import \`CacheKitModule.forRoot(${options})\` in the root module (with \`isGlobal: false\`, in each module that uses it)`;
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
      `${label} was called without its object (\`this\` is ${show(self)}). Call it as \`service.${String(name)}(...)\`, or bind it first.`,
    );
  }
  return new CacheConfigError(
    `${label} was called on an object that Nest has not given a cache: one made with \`new\`, or used before the application has started. ` +
      `Let Nest make it, as a provider or controller of a module. ${howToTest(cache)}.`,
  );
}
