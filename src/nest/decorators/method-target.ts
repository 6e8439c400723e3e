import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import type { DecoratedMethod, MethodSite, OptionFunction } from './decorated-method.js';
import { cachedMethod, type ClassOf, keysAt, prototypeOf } from './method-keys.js';
import type { Method, MisfitsOf, UnknownMethod } from './method-types.js';

/** What a `@Cached` or `@CachedMany` method has stored for some arguments. */
export interface MethodTarget {
  /**
   * The class; or a function that answers it, where the class is defined later.
   * @default the class of the decorated method itself
   */
  of?: ClassOf<object> | (() => ClassOf<object>);
  /** The name of the method. */
  name: string;
  /** The arguments of that method; called with the parameters of the method that invalidates. */
  args: (...parameters: Parameters<UnknownMethod>) => readonly unknown[];
}

/** The keys of a call, and the namespace of the method that stores under them. */
export interface StoredUnder {
  readonly keys: string[];
  readonly namespace: string | undefined;
}

/** @throws CacheConfigError for what names no method */
export function checkTargets(targets: unknown): asserts targets is readonly MethodTarget[] {
  if (!Array.isArray(targets) || targets.length === 0) {
    throw new CacheConfigError(
      `Expected \`methods\` to be an array such as \`[{ of: ProductService, name: 'find', args: (id) => [id] }]\`, got \`${show(targets)}\`.`,
    );
  }
  for (const target of targets as Partial<MethodTarget>[]) {
    checkNames(target, ['of', 'name', 'args'], 'methods.');
    if (Object.hasOwn(target, 'of') && typeof target.of !== 'function') {
      throw new CacheConfigError(
        `Expected \`methods.of\` to be a class, got \`${show(target.of)}\`. Where two files import each other, write \`of: () => ProductService\`.`,
      );
    }
    if (typeof target.name !== 'string')
      throw new CacheConfigError(`Expected \`methods.name\` to be the name of a method, got \`${show(target.name)}\`.`);
    if (typeof target.args !== 'function')
      throw new CacheConfigError(
        `Expected \`methods.args\` to be a function that answers the arguments of \`${target.name}\`, got \`${show(target.args)}\`.`,
      );
  }
}

/**
 * The method that a target names.
 * @param self an instance of the class with the target
 * @throws CacheConfigError where there is none, or it uses another cache than `cache`
 */
function methodOf(target: MethodTarget, self: object, cache: string): DecoratedMethod {
  const method = cachedMethod(instanceFor(target, self), target.name);
  if (method.cache === cache) return method;
  throw new CacheConfigError(
    `${method.label} stores in the cache '${method.cache}', and this decorator invalidates in '${cache}'. Give it \`cache: '${method.cache}'\`, in a decorator of its own.`,
  );
}

/**
 * Finds a target with made keys whose class is nowhere provided, but one that extends it: made keys name the class of
 * the instance.
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
      problem: `${site.label} invalidates what ${prototype.constructor.name}.${target.name} has stored, and ${replacement.constructor.name} stands in its place, whose made keys have its own name.`,
      fix: `Write \`of: ${replacement.constructor.name}\`, or give \`${target.name}\` a \`key\`.`,
    },
  ];
}

/** @throws CacheConfigError or CacheKeyError */
export function storedBy(target: MethodTarget, self: object, args: unknown[], cache: string): StoredUnder {
  const method = methodOf(target, self, cache);
  return {
    keys: keysAt(instanceFor(target, self), method, notAwaited((target.args as OptionFunction).apply(self, args))),
    namespace: method.namespace,
  };
}

/** The instance itself where it is of the class, because made keys name the class of the instance. */
function instanceFor({ of }: MethodTarget, self: object): object {
  if (of === undefined) return self;
  const isClass = (of as { prototype?: unknown }).prototype !== undefined;
  const prototype = prototypeOf(isClass ? of : (of as () => unknown)());
  return Object.prototype.isPrototypeOf.call(prototype, self) ? self : (Object.create(prototype) as object);
}

/** The misfits among targets, see `method-types.ts`. */
export type MisfitAmong<Targets extends readonly MethodTarget[], M extends Method> = {
  [I in keyof Targets]: TargetMisfit<Targets[I], M>;
}[number];

type TargetMisfit<Target extends MethodTarget, M extends Method> =
  | MisfitsOf<{ methods: Target['args'] }, { methods: (...parameters: Parameters<M>) => readonly unknown[] }>['methods']
  | (Target extends { of: ClassOf<infer T extends object> } ? ArgumentsMisfit<T, Target> : never);

/** A name that is only known to be a string is checked at run time. */
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
