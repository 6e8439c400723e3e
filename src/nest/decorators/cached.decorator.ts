import { argumentKey } from '../../core/values/argument-key.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { GetOrSetOptions, LoadOptions, ValueValidator } from '../../core/load/call-options.js';
import { type Ttl } from '../../core/vocabulary/duration.js';
import { readFunction } from '../../core/vocabulary/option-checks.js';
import { hasParameters } from '../method-parameters.js';
import { checkCalled } from '../decorator-call.js';
import {
  callMethod,
  checkedAt,
  isKeptByOverride,
  isWanted,
  type KeyOf,
  type MethodSite,
  type OptionFunction,
  orReported,
  placeOf,
  replaceMethod,
  siteOf,
} from './decorated-method.js';
import { forCall, functionsAmong, readKey, readLoadCallOptions } from './decorator-options.js';
import type {
  DescriptorUnless,
  Exactly,
  Method,
  MisfitsOf,
  OneKeyMisfit,
  UnknownMethod,
  ValueThenParameters,
} from './method-types.js';

/**
 * Answers from the cache, and runs the method only on a miss: once for all callers that ask meanwhile. A call of the
 * decorated method always returns a promise. An error of the method reaches every caller, unchanged; a fault of the
 * cache is reported to `onError`, and the method runs.
 * @throws CacheConfigError at once for options that have no meaning; see docs/decorators.md
 */
export function Cached<M extends Method = UnknownMethod, const Options extends CachedOptions<M> = CachedOptions<M>>(
  options?: Exactly<Options, CachedOptions<M>>,
): CachedDecorator<Options> {
  checkCalled('@Cached', options);
  return (target, name, descriptor) => {
    const site = siteOf('@Cached', target, name, descriptor as PropertyDescriptor | undefined);
    const { traits, keyOf, when, load, bound } = checkedAt(site, () => readCached(options, site));
    const decorated = replaceMethod(site, descriptor as PropertyDescriptor, traits, (cache, self, args) => {
      if (!isWanted(cache, site, when, self, args)) return callMethod(site, self, args);
      const key = orReported(cache, site, 'key', () => keyOf(self, args));
      // An override that calls `super` is loading this key already: a second load would wait for itself.
      if (key === undefined || isKeptByOverride(decorated, key, self, args)) return callMethod(site, self, args);
      return cache.getOrSet(
        key,
        () => site.method.apply(self, args),
        forCall(load, bound, self, args) as GetOrSetOptions<unknown>,
      );
    });
  };
}

/** The options of `@Cached` on a method `M`; while no method is named, its functions may take any parameters. */
export interface CachedOptions<M extends Method = UnknownMethod> extends LoadOptions {
  /** Name of the cache. @default the cache without a name */
  cache?: string;
  /**
   * Key of the result: a string for a method without parameters, else a function of the method's parameters.
   * @default `ClassName.method:` and the arguments
   */
  key?: string | ((...parameters: Parameters<M>) => string);
  /** Namespace of the key. @default the cache's `defaultNamespace`, or none */
  namespace?: string;
  /**
   * Time to live of a result, or a function of the value and the method's parameters.
   * @default the cache's `defaultTtl`
   */
  ttl?: Ttl | ((...valueThenParameters: ValueThenParameters<M>) => Ttl);
  /** Tags of the entry, or a function of the value and the method's parameters. @default none */
  tags?: readonly string[] | ((...valueThenParameters: ValueThenParameters<M>) => readonly string[]);
  /** Where it returns false, the method runs, and nothing is read from the cache or stored. */
  when?: (...parameters: Parameters<M>) => boolean;
  /** Where it returns false, the result is returned and not stored. */
  storeIf?: (...valueThenParameters: ValueThenParameters<M>) => boolean;
  /** Check of stored values, a type guard or a Standard Schema: a value that fails it is a miss. */
  validate?: ValueValidator<unknown>;
}

/** `@Cached` with its options: the compiler accepts it on methods that all of them fit. */
export type CachedDecorator<Options extends CachedOptions = CachedOptions> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<MisfitsOf<Options, CachedOptions<M>> & { oneKey: OneKeyMisfit<Options['key'], M> }, M>,
) => void;

function readCached(options: CachedOptions = {}, site: MethodSite) {
  const load = readLoadCallOptions(options, ['key', 'when'], site);
  const keyOf = keyOfCall(options.key, site);
  return {
    traits: { ...placeOf(options), keyOf, isKeyless: options.key === undefined },
    load,
    bound: functionsAmong(load),
    keyOf,
    when: readFunction<OptionFunction>(options.when, 'when'),
  };
}

function keyOfCall(key: unknown, site: MethodSite): KeyOf {
  if (key === undefined) return keyOfArguments(site);
  const made = readKey(key);
  if (typeof made !== 'string') return made;
  if (!hasParameters(site.target, site.name, site.method)) return () => made;
  throw new CacheConfigError(
    `With the one \`key\` '${made}' the result for the first arguments would be served for all others. Write a ` +
      `function: \`key: (id: string) => \`${made}:\${id}\`\`, or \`key: () => '${made}'\` where the arguments do ` +
      'not matter.',
  );
}

function keyOfArguments({ name }: MethodSite): KeyOf {
  if (typeof name === 'symbol') throw new CacheConfigError('A method named by a symbol needs a `key`.');
  let known: unknown;
  let prefix = '';
  return (self, args) => {
    if (self.constructor !== known) prefix = `${classNameOf(self)}.${name}:`;
    known = self.constructor;
    return prefix + argumentKey(args);
  };
}

/** Name of the instance's class, not of the class that declares the method: subclasses might return other results. */
function classNameOf(self: object): string {
  const name: unknown = self.constructor.name;
  if (typeof name === 'string' && name !== '') return name;
  throw new CacheConfigError('A class without a name needs a `key` on its @Cached methods.');
}
