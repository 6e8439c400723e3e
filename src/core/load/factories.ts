import { CacheConfigError } from '../vocabulary/cache.errors.js';
import type { Factory, ManyFactory } from './call-options.js';
import type { GroupFactory } from './flight.js';
import { show } from '../vocabulary/show.js';

/** @throws CacheConfigError */
export function checkFactory(factory: unknown): void {
  if (typeof factory !== 'function')
    throw new CacheConfigError(
      `Expected the factory to be a function that computes the value, got \`${show(factory)}\`.`,
    );
}

/** Turns a factory of one value into one for the loader. */
export function forOne<T>(factory: Factory<T>): GroupFactory {
  return async (keys, contextOf) => {
    const key = keys[0] as string;
    return new Map([[key, await factory(contextOf(key) as Parameters<Factory<T>>[0])]]);
  };
}

/** Turns a factory of several values into one for the loader. */
export function forMany<T>(factory: ManyFactory<T>): GroupFactory {
  return async (keys) => {
    const values: unknown = await factory([...keys]);
    if (values instanceof Map) return values as Map<string, unknown>;
    if (typeof values === 'object' && values !== null && !Array.isArray(values))
      return new Map<string, unknown>(Object.entries(values));
    throw new CacheConfigError(
      `Expected the factory of \`getOrSetMany\` to return a Map or an object by key, got \`${show(values)}\`.`,
    );
  };
}
