import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { CALLER, type Caller, type CallerOption } from '../../core/observation/caller.js';
import { checkedMadeKey, checkKey, checkKeys } from '../../core/vocabulary/cache-key.js';
import { DEFAULT_LOAD_POLICY, LOAD_OPTION_NAMES, type LoadPlan, readLoadPlan } from '../../core/load/load-policy.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { OTHER_CALL_NAMES } from '../../core/vocabulary/option-checks.js';
import { show } from '../../core/vocabulary/show.js';
import type { KeyOf, OptionFunction } from './decorated-method.js';

/** Options of a decorator that are passed on to the service. */
export type LoadCallOptions = Readonly<Partial<Record<LoadCallOptionName, unknown>>> & CallerOption;
type LoadCallOptionName = (typeof LOAD_CALL_OPTION_NAMES)[number];

const LOAD_CALL_OPTION_NAMES = ['namespace', 'ttl', 'tags', 'storeIf', 'validate', ...LOAD_OPTION_NAMES] as const;
const NO_DEFAULTS: LoadPlan = {
  ...DEFAULT_LOAD_POLICY,
  namespace: undefined,
  ttl: 0,
  tags: [],
  storeIf: undefined,
  keepStale: 0,
  validate: undefined,
  caller: undefined,
};

/**
 * Checks the names of the options, and the values of `cache` and `namespace`, which all decorators have. @throws
 * CacheConfigError
 */
export function checkOptions(options: object, names: readonly string[]): void {
  checkNames(options, ['cache', 'namespace', ...names], '', OTHER_CALL_NAMES);
  const { cache, namespace } = options as { cache?: unknown; namespace?: unknown };
  if (cache !== undefined && (typeof cache !== 'string' || cache === '')) {
    throw new CacheConfigError(`Expected \`cache\` to be the name of a cache, got \`${show(cache)}\`.`);
  }
  if (namespace !== undefined) checkKey(namespace, 'namespace');
}

/**
 * Checks the options of a decorator that loads, and returns those for the service.
 * @param others the names of the decorator's own options
 * @throws CacheConfigError
 */
export function readLoadCallOptions(options: object, others: readonly string[], caller: Caller): LoadCallOptions {
  checkOptions(options, [...others, ...LOAD_CALL_OPTION_NAMES]);
  const given = Object.entries(options).filter(
    ([name, value]) => value !== undefined && !['cache', ...others].includes(name),
  );
  const picked = Object.fromEntries(given) as LoadCallOptions;
  const plan = readLoadPlan(picked as object, NO_DEFAULTS);
  if (typeof plan.tags !== 'function') checkKeys(plan.tags, 'tag');
  return Object.freeze({ ...picked, [CALLER]: caller });
}

/**
 * Returns `options` for one call: `ttl`, `tags` and `storeIf`, where they are functions, get `rest` after the value.
 */
export function forCall(
  options: LoadCallOptions,
  bound: readonly LoadCallOptionName[],
  self: object,
  rest: readonly unknown[],
): LoadCallOptions {
  if (bound.length === 0) return options;
  const own: Record<string, unknown> & CallerOption = { ...options };
  for (const name of bound) {
    const given = options[name] as OptionFunction;
    own[name] = (value: unknown) => given.call(self, value, ...rest);
  }
  return own;
}

/** Names of the options that are functions, and that `forCall` has to bind. */
export function functionsAmong(options: LoadCallOptions): LoadCallOptionName[] {
  return (['ttl', 'tags', 'storeIf'] as const).filter((name) => typeof options[name] === 'function');
}

/** Reads a `key`: a string, or a function that makes the key of a call. @throws CacheConfigError */
export function readKey(key: unknown): string | KeyOf {
  if (typeof key === 'function')
    return (self, args) => checkedMadeKey(notAwaited((key as OptionFunction).apply(self, args)));
  if (typeof key !== 'string')
    throw new CacheConfigError(
      `Expected \`key\` to be a string, or a function of the arguments that answers one, got \`${show(key)}\`.`,
    );
  checkKey(key, 'key');
  return key;
}
