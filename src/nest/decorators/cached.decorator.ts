import { argumentKey } from '../../core/values/argument-key.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkedMadeKey, checkKey } from '../../core/vocabulary/cache-key.js';
import type { GetOrSetOptions, LoadOptions, ValueValidator } from '../../core/load/call-options.js';
import { type Ttl } from '../../core/vocabulary/duration.js';
import { readFunction } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
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
import { forCall, functionsAmong, readLoadCallOptions } from './decorator-options.js';
import type {
  DescriptorUnless,
  Method,
  Misfit,
  OneKeyMisfit,
  UnknownMethod,
  ValueThenParameters,
} from './method-types.js';

export interface CachedOptions<
  OneKey extends string = string,
  Key extends unknown[] = Parameters<UnknownMethod>,
  When extends unknown[] = Parameters<UnknownMethod>,
  Tags extends unknown[] = Parameters<UnknownMethod>,
  StoreIf extends unknown[] = Parameters<UnknownMethod>,
  TtlOf extends unknown[] = Parameters<UnknownMethod>,
> extends LoadOptions {
  /** The name of the cache. @default the one without a name */
  cache?: string;
  /**
   * The key, for a method without parameters, or a function of the method's parameters.
   * @default `ClassName.method:` and the arguments
   */
  key?: OneKey | ((...parameters: Key) => string);
  /** Default: the cache's `defaultNamespace`, or none. */
  namespace?: string;
  /** @default the cache's `defaultTtl` */
  ttl?: Ttl | ((...valueThenParameters: TtlOf) => Ttl);
  tags?: readonly string[] | ((...valueThenParameters: Tags) => readonly string[]);
  /** When it answers false the method runs and the cache is left alone. */
  when?: (...parameters: When) => boolean;
  /** A result for which this answers false is returned and not stored. */
  storeIf?: (...valueThenParameters: StoreIf) => boolean;
  /** A stored value that fails is a miss. */
  validate?: ValueValidator<unknown>;
}

export type CachedDecorator<
  OneKey extends string,
  Key extends unknown[],
  When extends unknown[],
  Tags extends unknown[],
  StoreIf extends unknown[],
  TtlOf extends unknown[],
> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<
    | OneKeyMisfit<OneKey, M>
    | Misfit<'key', Key, Parameters<M>>
    | Misfit<'when', When, Parameters<M>>
    | Misfit<'tags', Tags, ValueThenParameters<M>>
    | Misfit<'storeIf', StoreIf, ValueThenParameters<M>>
    | Misfit<'ttl', TtlOf, ValueThenParameters<M>>,
    M
  >,
) => void;

/**
 * Answers from the cache, and runs the method only on a miss: once for all who ask meanwhile. A call of the decorated
 * method always answers with a promise. What the method throws reaches every caller; a fault of the cache reaches none.
 * @throws CacheConfigError at once for options that cannot mean anything; see docs/decorators.md
 */
export function Cached<
  M extends Method = UnknownMethod,
  OneKey extends string = string,
  Key extends unknown[] = Parameters<M>,
  When extends unknown[] = Parameters<M>,
  Tags extends unknown[] = ValueThenParameters<M>,
  StoreIf extends unknown[] = ValueThenParameters<M>,
  TtlOf extends unknown[] = ValueThenParameters<M>,
>(
  options: CachedOptions<OneKey, Key, When, Tags, StoreIf, TtlOf> = {},
): CachedDecorator<OneKey, Key, When, Tags, StoreIf, TtlOf> {
  checkCalled('@Cached', options);
  return (target, name, descriptor) => {
    const site = siteOf('@Cached', target, name, descriptor as PropertyDescriptor | undefined);
    const { keyOf, when, load, bound } = checkedAt(site, () => readCached(options, site));
    const traits = { ...placeOf(options), keyOf, isKeyless: options.key === undefined };
    const decorated = replaceMethod(site, descriptor as PropertyDescriptor, traits, (cache, self, args) => {
      if (!isWanted(cache, site, when, self, args)) return callMethod(site, self, args);
      const key = orReported(cache, site, 'key', () => keyOf(self, args));
      // The override is loading this very key: to ask for it again would be to wait for oneself.
      if (key === undefined || isKeptByOverride(decorated, key, self, args)) return callMethod(site, self, args);
      return cache.getOrSet(
        key,
        () => site.method.apply(self, args),
        forCall(load, bound, self, args) as GetOrSetOptions<unknown>,
      );
    });
  };
}

function readCached(options: { key?: unknown; when?: unknown }, site: MethodSite) {
  const load = readLoadCallOptions(options, ['key', 'when'], site);
  return {
    load,
    bound: functionsAmong(load),
    keyOf: readKey(options.key, site),
    when: readFunction<OptionFunction>(options.when, 'when'),
  };
}

function readKey(key: unknown, site: MethodSite): KeyOf {
  if (key === undefined) return keyOfArguments(site);
  if (typeof key === 'function')
    return (self, args) => checkedMadeKey(notAwaited((key as OptionFunction).apply(self, args)));
  if (typeof key !== 'string')
    throw new CacheConfigError(
      `Expected \`key\` to be a string, or a function of the arguments that answers one, got \`${show(key)}\`.`,
    );
  checkKey(key, 'key');
  if (!hasParameters(site.target, site.name, site.method)) return () => key;
  throw new CacheConfigError(
    `With the one \`key\` '${key}' the result for the first arguments would be served for all others. Write a function: \`key: (id: string) => \`${key}:\${id}\`\`, or \`key: () => '${key}'\` where the arguments do not matter.`,
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

/** The class of the instance, not the one that declares the method: classes that inherit it may answer otherwise. */
function classNameOf(self: object): string {
  const name: unknown = self.constructor.name;
  if (typeof name === 'string' && name !== '') return name;
  throw new CacheConfigError('A class without a name needs a `key` on its @Cached methods.');
}
