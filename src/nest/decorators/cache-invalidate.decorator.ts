import type { CacheService } from '../../core/cache.service.js';
import { CacheConfigError, CacheUnavailableError } from '../../core/cache.errors.js';
import { checkKey } from '../../core/cache-key.js';
import { compileGlob } from '../../core/glob.js';
import { readOneOf } from '../../core/option-checks.js';
import { show } from '../../core/show.js';
import { callMethod, checkedAt, placeOf, replaceMethod, siteOf } from './decorated-method.js';
import { checkOptions, type OptionFunction } from './decorator-options.js';
import type { DescriptorUnless, Method, Misfit, ResultThenParameters, UnknownMethod } from './method-types.js';

export interface CacheInvalidateOptions<
  Keys extends unknown[] = Parameters<UnknownMethod>,
  Namespaces extends unknown[] = Parameters<UnknownMethod>,
  Patterns extends unknown[] = Parameters<UnknownMethod>,
  Tags extends unknown[] = Parameters<UnknownMethod>,
  When extends 'after' | 'before' = 'after' | 'before',
> {
  /** The name of the cache. @default the one without a name */
  cache?: string;
  /** Where `keys` and `patterns` are looked for. Default: the cache's `defaultNamespace`, or none. */
  namespace?: string;
  /** Keys to delete, or a function of the method's parameters. */
  keys?: readonly string[] | ((...parameters: Keys) => readonly string[]);
  /** Globs over keys. */
  patterns?: readonly string[] | ((...parameters: Patterns) => readonly string[]);
  /** Namespaces to be invalidated whole. */
  namespaces?: readonly string[] | ((...parameters: Namespaces) => readonly string[]);
  /** Entries that carry any of these tags, in all namespaces. The function is given the result first: `undefined` with `when: 'before'`. */
  tags?: readonly string[] | ((...resultThenParameters: Tags) => readonly string[]);
  /** After the method has succeeded, or before it runs. @default 'after' */
  when?: When;
}

export type CacheInvalidateDecorator<
  Keys extends unknown[],
  Namespaces extends unknown[],
  Patterns extends unknown[],
  Tags extends unknown[],
  When extends 'after' | 'before',
> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<
    | Misfit<'keys', Keys, Parameters<M>>
    | Misfit<'namespaces', Namespaces, Parameters<M>>
    | Misfit<'patterns', Patterns, Parameters<M>>
    | Misfit<'tags', Tags, 'after' extends When ? ResultThenParameters<M> : [result: undefined, ...parameters: Parameters<M>]>,
    M
  >,
) => void;

/**
 * Invalidates when the method has succeeded, or before it runs; all targets at once. When the method throws, nothing is
 * invalidated `after`. A fault of the cache never reaches the caller: it is reported by the cache.
 * @throws CacheConfigError at once for options that cannot mean anything; see docs/decorators.md
 */
export function CacheInvalidate<
  M extends Method = UnknownMethod,
  Keys extends unknown[] = Parameters<M>,
  Namespaces extends unknown[] = Parameters<M>,
  Patterns extends unknown[] = Parameters<M>,
  Tags extends unknown[] = ResultThenParameters<M>,
  When extends 'after' | 'before' = 'after',
>(options: CacheInvalidateOptions<Keys, Namespaces, Patterns, Tags, When>): CacheInvalidateDecorator<Keys, Namespaces, Patterns, Tags, When> {
  return (target, name, descriptor) => {
    const site = siteOf('@CacheInvalidate', target, name, descriptor as PropertyDescriptor | undefined);
    const { when, namespace, keys, patterns, namespaces, tags } = checkedAt(site, () => readInvalidate(options));
    replaceMethod(site, descriptor as PropertyDescriptor, placeOf(options), async (cache, self, args) => {
      // Before the method runs in either case: a key that cannot be must be known before anything is changed.
      const targets = { namespace, keys: keys(self, args), patterns: patterns(self, args), namespaces: namespaces(self, args) };
      if (when === 'before') await invalidate(cache, targets, () => tags(self, [undefined, ...args]));
      const result = await callMethod(site, self, args);
      if (when === 'after') await invalidate(cache, targets, () => tags(self, [result, ...args]));
      return result;
    });
  };
}

const TARGETS = { keys: 'key', patterns: 'pattern', namespaces: 'namespace', tags: 'tag' } as const;
type Target = keyof typeof TARGETS;
type Given = Partial<Record<Target | 'when' | 'namespace', unknown>>;
type NamesOf = (self: object, args: unknown[]) => string[];

function readInvalidate(options: Given = {}) {
  const targets = Object.keys(TARGETS) as Target[];
  checkOptions(options, ['when', ...targets]);
  const { namespace, keys, patterns } = options as { namespace?: string } & Given;
  if (targets.every((target) => options[target] === undefined)) {
    throw new CacheConfigError('Nothing to invalidate: give `keys`, `patterns`, `namespaces` or `tags`.');
  }
  if (namespace !== undefined && keys === undefined && patterns === undefined) {
    throw new CacheConfigError(`\`namespace\` says where \`keys\` and \`patterns\` are. To invalidate all of it: \`namespaces: ['${namespace}']\`.`);
  }
  return {
    when: readOneOf(options.when, ['after', 'before'], 'when') ?? 'after',
    namespace,
    keys: readNames(options, 'keys'),
    patterns: readNames(options, 'patterns'),
    namespaces: readNames(options, 'namespaces'),
    tags: readNames(options, 'tags'),
  };
}

function readNames(options: Given, target: Target): NamesOf {
  const given = options[target];
  if (given === undefined) return () => [];
  if (typeof given === 'function') return (self, args) => checkedNames((given as OptionFunction).apply(self, args), target);
  const names = checkedNames(given, target);
  if (names.length === 0) throw new CacheConfigError(`Expected \`${target}\` to name at least one ${TARGETS[target]}, got an empty array.`);
  return () => [...names];
}

function checkedNames(names: unknown, target: Target): string[] {
  if (!Array.isArray(names)) throw new CacheConfigError(`Expected \`${target}\` to be an array of strings, or a function that answers one, got \`${show(names)}\`.`);
  for (const name of names as unknown[]) {
    checkKey(name, TARGETS[target]);
    if (target === 'patterns') compileGlob(name);
  }
  return names as string[];
}

interface Targets {
  readonly namespace: string | undefined;
  readonly keys: string[];
  readonly patterns: string[];
  readonly namespaces: string[];
}

/** Tries everything before it fails, and fails only for what is no fault of the cache. */
async function invalidate(cache: CacheService, { namespace, keys, patterns, namespaces }: Targets, tags: () => string[]): Promise<void> {
  const within = namespace === undefined ? {} : { namespace };
  const settled = await Promise.allSettled([
    keys.length === 0 ? 0 : cache.deleteMany(keys, within),
    ...patterns.map((pattern) => cache.invalidatePattern(pattern, within)),
    ...namespaces.map((name) => cache.invalidateNamespace(name)),
    (async () => cache.invalidateTags(tags()))(),
  ]);
  for (const result of settled) {
    if (result.status === 'rejected' && !(result.reason instanceof CacheUnavailableError)) throw result.reason as Error;
  }
}
