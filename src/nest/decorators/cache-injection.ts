import 'reflect-metadata';
import { Inject } from '@nestjs/common';
import type { CacheService } from '../../core/cache.service.js';
import { sharedByCopies } from '../../core/vocabulary/copies.js';
import { getCacheToken } from '../inject-cache.decorator.js';
import { complete } from '../mocked-cache.js';
import { howToTest, isPassingThrough, neededUnlessPassingThrough } from './pass-through.js';

/*
 * How instances of decorated classes get their cache: from Nest, by property injection. The name of the property is a
 * symbol for the class and the cache, the slot. So every instance, of any scope, gets the cache of its own application
 * and module, and Nest refuses to start when there is no such cache. A setter on the prototype stores the injected
 * cache in a property that no loop, copy or serializer sees, or, when the instance is frozen, in a WeakMap.
 * Nest injects nothing into an instance of `useFactory` or `useValue`: the DecoratorExplorer does that when the
 * application starts, or at the first call where the module is loaded later.
 */

/** Looks through one application for the cache of an instance that has none yet. */
export interface CacheFinder {
  /** @returns the cache for the slot; `undefined` where the instance does not belong to this application */
  findCacheFor(instance: object, method: { readonly slot: symbol }): Promise<CacheService | undefined>;
}

type Slots = Record<symbol, CacheService | undefined>;

// Shared by all copies of the kit in a process: the explorer of one copy also serves classes that another decorated.
const finders = sharedByCopies('cache-finders', () => new Set<WeakRef<CacheFinder>>());
const frozenInstances = sharedByCopies('frozen-instances', () => new WeakMap<object, Map<symbol, CacheService>>());

/**
 * Declares the injection of a cache into the instances of a class.
 * @param target the prototype of the class
 * @param label the decorated method, for the message that Nest prints when there is no such cache
 * @returns the slot
 */
export function injectCache(target: object, cache: string, label: string): symbol {
  const slot = Symbol(`the cache that ${label} needs. ${howToRegister(cache)}. ${howToTest(cache)}`);
  Object.defineProperty(target, slot, {
    configurable: true,
    get(this: object) {
      return frozenInstances.get(this)?.get(slot);
    },
    set(this: object, service: CacheService) {
      bindCache(this, slot, service);
    },
  });
  Inject(getCacheToken(cache))(target, slot);
  neededUnlessPassingThrough(target, slot);
  return slot;
}

/** Returns the cache of `instance` for `slot`; `undefined` where it has none, or there is no instance. */
export function cacheIn(instance: object | undefined, slot: symbol): CacheService | undefined {
  return (instance as Slots | undefined)?.[slot];
}

/** Sets the cache of `instance` for `slot`, in the place of an earlier one. */
export function bindCache(instance: object, slot: symbol, given: CacheService): void {
  const cache = complete(given);
  if (Object.hasOwn(instance, slot)) (instance as Slots)[slot] = cache;
  else if (Object.isExtensible(instance))
    Object.defineProperty(instance, slot, { value: cache, writable: true, configurable: true });
  else frozenInstances.set(instance, new Map([...(frozenInstances.get(instance) ?? []), [slot, cache]]));
}

/** Looks through all applications of the process for the cache of `instance`. */
export async function findCache(
  instance: object,
  method: { readonly slot: symbol },
): Promise<CacheService | undefined> {
  for (const finder of finders) {
    try {
      const cache = await finder.deref()?.findCacheFor(instance, method);
      if (cache !== undefined) return cache;
    } catch (error) {
      if (!isPassingThrough()) throw error;
    }
  }
  return undefined;
}

/** Registers a finder for instances without a cache, by a weak reference. @returns a function that removes it */
export function addCacheFinder(finder: CacheFinder): () => void {
  for (const known of finders) if (known.deref() === undefined) finders.delete(known);
  const held = new WeakRef(finder);
  finders.add(held);
  return () => void finders.delete(held);
}

/** Advice for a message about a missing cache. */
export function howToRegister(cache: string): string {
  const options = cache === 'default' ? '' : `{ name: '${cache}' }`;
  return (
    `Import \`CacheKitModule.forRoot(${options})\` in the root module (with \`isGlobal: false\`, in each ` +
    'module that uses it)'
  );
}
