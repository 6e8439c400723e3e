import { CacheConfigError, CacheKeyError } from '../../core/vocabulary/cache.errors.js';
import { show } from '../../core/vocabulary/show.js';
import { type DecoratedMethod, decoratedMethodsOf } from './decorated-method.js';
import type { Method } from './method-types.js';

/** A class whose instances have decorated methods. */
export type ClassOf<T extends object> = abstract new (...args: never[]) => T;

/**
 * Returns the key under which a `@Cached` method stores its result for these arguments: from its `key`, or made of
 * class, method and arguments. With a `namespace` on the decorator, pass that to `delete` and `explain` too. For
 * `@CachedMany`, pass an array with one id.
 * ```ts
 * await cache.delete(cachedKey(ProductService, 'find', [id]));
 * ```
 * @param of the class; or the instance, where the `key` of the method reads `this`
 * @throws CacheConfigError where the method is not decorated; CacheKeyError where no key can be made
 */
export function cachedKey<T extends object, Name extends MethodName<T>>(
  of: ClassOf<T> | T,
  name: Name,
  args: ArgumentsOf<T[Name]>,
): string {
  const self = (typeof of === 'function' ? Object.create(prototypeOf(of)) : of) as object;
  const keys = keysAt(self, cachedMethod(self, name), args);
  const [key] = keys;
  if (key !== undefined && keys.length === 1) return key;
  throw new CacheKeyError(
    `${nameOf(self)}.${name} stores ${keys.length} keys for these arguments, and cachedKey() gives one. Call ` +
      'it with one id.',
  );
}

type MethodName<T> = { [Name in keyof T]: T[Name] extends Method ? Name : never }[keyof T] & string;
type ArgumentsOf<M> = M extends (...args: infer Args) => unknown ? Args : never;

/** Returns the `@Cached` or `@CachedMany` method of that name. @throws CacheConfigError where there is none */
export function cachedMethod(self: object, name: string): DecoratedMethod {
  const method = decoratedMethodsOf(Object.getPrototypeOf(self) as object).find(
    (each) => each.name === name && each.keyOf !== undefined,
  );
  if (method !== undefined) return method;
  throw new CacheConfigError(
    `${nameOf(self)} has no method \`${name}\` with @Cached or @CachedMany, so nothing is stored for it. Check ` +
      'the name, or decorate the method.',
  );
}

/** Returns the keys of a call. @throws CacheKeyError */
export function keysAt(self: object, { keyOf, keysOf, label }: DecoratedMethod, args: unknown): string[] {
  if (!Array.isArray(args))
    throw new CacheKeyError(`Expected the arguments for the key of ${label} as an array, got \`${show(args)}\`.`);
  try {
    return keysOf?.(self, args) ?? [keyOf?.(self, args) as string];
  } catch (error) {
    if (error instanceof CacheKeyError || error instanceof CacheConfigError) throw error;
    throw new CacheKeyError(
      `The \`key\` of ${label} failed: ${error instanceof Error ? error.message : String(error)}. Where it ` +
        'reads `this`, it needs the instance in the place of the class.',
      { cause: error },
    );
  }
}

export function prototypeOf(type: unknown): object {
  const prototype = typeof type === 'function' ? (type.prototype as object | undefined) : undefined;
  if (prototype !== undefined) return prototype;
  throw new CacheConfigError(`Expected a class with @Cached methods, got \`${show(type)}\`.`);
}

function nameOf(self: object): string {
  const { name } = self.constructor;
  return name === '' ? '(anonymous class)' : name;
}
