import { CacheConfigError } from '../../core/cache.errors.js';
import { checkKey, checkKeys } from '../../core/cache-key.js';
import { DEFAULT_LOAD_POLICY, LOAD_OPTION_NAMES, type LoadPlan, readLoadPlan } from '../../core/load-policy.js';
import { checkNames } from '../../core/option-checks.js';
import { show } from '../../core/show.js';

/** A function among the options, as it is called: with the method's object as `this`. */
export type OptionFunction = (this: unknown, ...args: unknown[]) => unknown;

/** The options of a decorator that are handed on to the service. */
export type LoadCallOptions = Readonly<Partial<Record<(typeof LOAD_CALL_OPTION_NAMES)[number], unknown>>>;

const LOAD_CALL_OPTION_NAMES = ['namespace', 'ttl', 'tags', 'storeIf', 'validate', ...LOAD_OPTION_NAMES] as const;
const NO_DEFAULTS: LoadPlan = { ...DEFAULT_LOAD_POLICY, namespace: undefined, ttl: 0, tags: [], storeIf: undefined, keepStale: 0, validate: undefined };

/** Checks the names, and what all decorators have in common: `cache` and `namespace`. @throws CacheConfigError */
export function checkOptions(options: object, names: readonly string[]): void {
  checkNames(options, ['cache', 'namespace', ...names]);
  const { cache, namespace } = options as { cache?: unknown; namespace?: unknown };
  if (cache !== undefined && (typeof cache !== 'string' || cache === '')) {
    throw new CacheConfigError(`Expected \`cache\` to be the name of a cache, got \`${show(cache)}\`.`);
  }
  if (namespace !== undefined) checkKey(namespace, 'namespace');
}

/** Checks the options of a decorator that loads, and picks those for the service. @param others the names of the rest @throws CacheConfigError */
export function readLoadCallOptions(options: object, others: readonly string[]): LoadCallOptions {
  checkOptions(options, [...others, ...LOAD_CALL_OPTION_NAMES]);
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && !['cache', ...others].includes(name));
  const picked = Object.fromEntries(given) as LoadCallOptions;
  const plan = readLoadPlan(picked as object, NO_DEFAULTS);
  if (typeof plan.tags !== 'function') checkKeys(plan.tags, 'tag');
  return Object.freeze(picked);
}

/** `options` for one call: `ttl`, `tags` and `storeIf`, where they are functions, are given `rest` after the value. */
export function forCall(options: LoadCallOptions, bound: readonly (keyof LoadCallOptions)[], self: object, rest: readonly unknown[]): LoadCallOptions {
  if (bound.length === 0) return options;
  const own: Record<string, unknown> = { ...options };
  for (const name of bound) {
    const given = options[name] as OptionFunction;
    own[name] = (value: unknown) => given.call(self, value, ...rest);
  }
  return own;
}

/** The options that `forCall` has to bind. */
export function functionsAmong(options: LoadCallOptions): (keyof LoadCallOptions)[] {
  return (['ttl', 'tags', 'storeIf'] as const).filter((name) => typeof options[name] === 'function');
}
