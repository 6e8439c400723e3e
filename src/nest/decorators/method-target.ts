import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import type { DecoratedMethod, MethodSite, OptionFunction } from './decorated-method.js';
import { cachedMethod, type ClassOf, keysAt, prototypeOf } from './cached-key.js';
import type { Method, MisfitsOf, UnknownMethod } from './method-types.js';

/** A `@Cached` or `@CachedMany` method, and the arguments whose results to delete. */
export interface MethodTarget {
  /**
   * Class of the method; or a function that returns it, where the class is defined later in the file or in a circular
   * import.
   * @default the class of the decorated method itself
   */
  of?: ClassOf<object> | (() => ClassOf<object>);
  /** Name of the method. */
  name: string;
  /** Returns the arguments of that method, from the parameters of the method that invalidates. */
  args: (...parameters: Parameters<UnknownMethod>) => readonly unknown[];
}

/** The keys of a call, and the namespace that they are in. */
export interface StoredUnder {
  readonly keys: string[];
  readonly namespace: string | undefined;
}

/** Checks the option `methods`. @throws CacheConfigError where an element does not name a method */
export function checkTargets(targets: unknown): asserts targets is readonly MethodTarget[] {
  if (!Array.isArray(targets) || targets.length === 0) {
    throw new CacheConfigError(
      `Expected \`methods\` to be an array such as \`[{ of: ProductService, name: 'find', args: (id) => [id] ` +
        `}]\`, got \`${show(targets)}\`.`,
    );
  }
  for (const target of targets as Partial<MethodTarget>[]) {
    checkNames(target, ['of', 'name', 'args'], 'methods.');
    if (Object.hasOwn(target, 'of') && typeof target.of !== 'function') {
      throw new CacheConfigError(
        `Expected \`methods.of\` to be a class, got \`${show(target.of)}\`. Where two files import each other, ` +
          'write `of: () => ProductService`.',
      );
    }
    if (typeof target.name !== 'string')
      throw new CacheConfigError(`Expected \`methods.name\` to be the name of a method, got \`${show(target.name)}\`.`);
    if (typeof target.args !== 'function')
      throw new CacheConfigError(
        `Expected \`methods.args\` to be a function that answers the arguments of \`${target.name}\`, got ` +
          `\`${show(target.args)}\`.`,
      );
  }
}

/**
 * Returns the method that a target names.
 * @param self an instance of the class with the target
 * @throws CacheConfigError where there is no such method, or it uses another cache than `cache`
 */
function methodOf(target: MethodTarget, self: object, cache: string): DecoratedMethod {
  const method = cachedMethod(instanceFor(target, self), target.name);
  if (method.cache === cache) return method;
  throw new CacheConfigError(
    `${method.label} stores in the cache '${method.cache}', and this decorator invalidates in '${cache}'. Give ` +
      `it \`cache: '${method.cache}'\`, in a decorator of its own.`,
  );
}

/**
 * Finds a target without a `key` whose class is not provided, while a subclass is: made keys begin with the name of the
 * instance's class, so the target would delete nothing.
 * @param provided the prototypes of all providers with decorated methods
 * @throws CacheConfigError as for `methodOf`
 */
export function checkedTarget(
  target: MethodTarget,
  site: MethodSite,
  cache: string,
  provided: ReadonlySet<object>,
): Finding[] {
  const self = Object.create(site.target) as object;
  const method = methodOf(target, self, cache);
  const instance = instanceFor(target, self);
  const prototype = Object.getPrototypeOf(instance) as object;
  if (method.isKeyless !== true || instance === self || provided.has(prototype)) return [];
  const replacement = [...provided].find((each) => Object.prototype.isPrototypeOf.call(prototype, each));
  if (replacement === undefined) return [];
  return [
    {
      problem:
        `${site.label} invalidates what ${prototype.constructor.name}.${target.name} has stored, and ` +
        `${replacement.constructor.name} stands in its place, whose made keys have its own name.`,
      fix: `Write \`of: ${replacement.constructor.name}\`, or give \`${target.name}\` a \`key\`.`,
    },
  ];
}

/** Returns the keys under which the target stores its results. @throws CacheConfigError, CacheKeyError */
export function storedBy(target: MethodTarget, self: object, args: unknown[], cache: string): StoredUnder {
  const method = methodOf(target, self, cache);
  return {
    keys: keysAt(instanceFor(target, self), method, notAwaited((target.args as OptionFunction).apply(self, args))),
    namespace: method.namespace,
  };
}

/**
 * Returns an object to make keys with: the instance itself where it belongs to the class, because made keys begin with
 * the name of the instance's class.
 */
function instanceFor({ of }: MethodTarget, self: object): object {
  if (of === undefined) return self;
  const isClass = (of as { prototype?: unknown }).prototype !== undefined;
  const prototype = prototypeOf(isClass ? of : (of as () => unknown)());
  return Object.prototype.isPrototypeOf.call(prototype, self) ? self : (Object.create(prototype) as object);
}

/** The misfits among targets; see `method-types.ts`. */
export type MisfitAmong<Targets extends readonly MethodTarget[], M extends Method> = {
  [I in keyof Targets]: TargetMisfit<Targets[I], M>;
}[number];

type TargetMisfit<Target extends MethodTarget, M extends Method> =
  | MisfitsOf<{ methods: Target['args'] }, { methods: (...parameters: Parameters<M>) => readonly unknown[] }>['methods']
  | (Target extends { of: ClassOf<infer T extends object> } ? ArgumentsMisfit<T, Target> : never);

/** `never` where the method of the class takes the arguments. A name of type `string` is checked at run time. */
type ArgumentsMisfit<T extends object, Target extends MethodTarget> = string extends Target['name']
  ? never
  : Target['name'] extends keyof T
    ? T[Target['name']] extends (...args: infer Args) => unknown
      ? // TypeScript infers an array of what was written in brackets, so the order of the arguments is not known.
        [ReturnType<Target['args']>[number]] extends [Args[number]]
        ? never
        : TheArgumentsDoNotFitTheMethod<Target['name'], ReturnType<Target['args']>, Args>
      : TheClassHasNoSuchMethod<Target['name'], T>
    : TheClassHasNoSuchMethod<Target['name'], T>;

interface TheClassHasNoSuchMethod<Name, Of> {
  readonly name: Name;
  readonly of: Of;
}

interface TheArgumentsDoNotFitTheMethod<Name, Gives, Takes> {
  readonly name: Name;
  readonly gives: Gives;
  readonly takes: Takes;
}
