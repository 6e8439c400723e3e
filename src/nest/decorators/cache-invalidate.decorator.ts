import type { CacheService } from '../../core/cache.service.js';
import { CacheConfigError, CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import { checkKey } from '../../core/vocabulary/cache-key.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import { readOneOf } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import { checkCalled } from '../decorator-call.js';
import {
  callMethod,
  checkedAt,
  type MethodSite,
  type OptionFunction,
  placeOf,
  replaceMethod,
  reportObservable,
  siteOf,
} from './decorated-method.js';
import { reportMisuse } from '../mocked-cache.js';
import { checkOptions } from './decorator-options.js';
import { checkedTarget, checkTargets, type MethodTarget, type MisfitAmong, storedBy } from './method-target.js';
import type {
  DescriptorUnless,
  Exactly,
  Method,
  MisfitsOf,
  ResultThenParameters,
  UnknownMethod,
} from './method-types.js';

/**
 * Invalidates entries after the method has succeeded, or before it runs. With `when: 'after'` a method that throws
 * invalidates nothing. A fault of the cache, or of a function among the options, is reported to `onError` and never
 * reaches the caller.
 * @throws CacheConfigError at once for options that have no meaning; see docs/decorators.md
 */
export function CacheInvalidate<
  M extends Method = UnknownMethod,
  const Options extends CacheInvalidateOptions<M> = CacheInvalidateOptions<M, 'after'>,
>(options: Exactly<Options, CacheInvalidateOptions<M>>): CacheInvalidateDecorator<Options> {
  checkCalled('@CacheInvalidate', options);
  return (target, name, descriptor) => {
    const site = siteOf('@CacheInvalidate', target, name, descriptor as PropertyDescriptor | undefined);
    const { traits, when, methods, sources, tags } = checkedAt(site, () => readInvalidate(options));
    const check = (provided: ReadonlySet<object>): Finding[] =>
      checkedAt(site, () => methods.flatMap((each) => checkedTarget(each, site, traits.cache, provided)));
    replaceMethod(site, descriptor as PropertyDescriptor, { ...traits, check }, async (cache, self, args) => {
      // Read before the method runs in either case: the method might change its arguments.
      const invalidations = sources.flatMap((source) => ask(cache, site, source, self, args));
      const finish = (result: unknown): Promise<void> =>
        invalidateAll(cache, site, [...invalidations, ...ask(cache, site, tags, self, [result, ...args])]);
      if (when === 'before') await finish(undefined);
      const result = await callMethod(site, self, args);
      reportObservable(cache, site, result);
      if (when === 'after') await finish(result);
      return result;
    });
  };
}

/**
 * The options of `@CacheInvalidate` on a method `M`; while no method is named, its functions may take any parameters.
 * At least one of `keys`, `methods`, `patterns`, `namespaces` and `tags` is required.
 */
export interface CacheInvalidateOptions<
  M extends Method = UnknownMethod,
  When extends 'after' | 'before' = 'after' | 'before',
> {
  /** Name of the cache. @default the cache without a name */
  cache?: string;
  /** Namespace of `keys` and `patterns`. @default the cache's `defaultNamespace`, or none */
  namespace?: string;
  /** Keys to delete, or a function of the method's parameters. */
  keys?: readonly string[] | ((...parameters: Parameters<M>) => readonly string[]);
  /** Methods with `@Cached` or `@CachedMany` whose results to delete, each in the namespace of its own decorator. */
  methods?: readonly MethodTarget[];
  /** Globs over keys, such as `list:*`, or a function of the method's parameters. */
  patterns?: readonly string[] | ((...parameters: Parameters<M>) => readonly string[]);
  /** Namespaces to invalidate as a whole, or a function of the method's parameters. */
  namespaces?: readonly string[] | ((...parameters: Parameters<M>) => readonly string[]);
  /**
   * Tags to invalidate, in all namespaces: entries with any of them. A function gets the result first, `undefined` with
   * `when: 'before'`, then the method's parameters.
   */
  tags?: readonly string[] | ((...resultThenParameters: ResultWhen<When, M>) => readonly string[]);
  /** Time of the invalidation: after the method has succeeded, or before it runs. @default 'after' */
  when?: When;
}

type ResultWhen<When extends 'after' | 'before', M extends Method> = 'after' extends When
  ? ResultThenParameters<M>
  : [result: undefined, ...parameters: Parameters<M>];

/** `@CacheInvalidate` with its options: the compiler accepts it on methods that all of them fit. */
export type CacheInvalidateDecorator<Options extends CacheInvalidateOptions = CacheInvalidateOptions> = <
  M extends Method,
>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<
    MisfitsOf<Options, CacheInvalidateOptions<M, WhenOf<Options>>> & { method: MisfitAmong<MethodsOf<Options>, M> },
    M
  >,
) => void;

type WhenOf<Options extends CacheInvalidateOptions> = 'when' extends keyof Options
  ? Extract<Options['when'], 'after' | 'before'>
  : 'after';
type MethodsOf<Options extends CacheInvalidateOptions> = 'methods' extends keyof Options
  ? NonNullable<Options['methods']>
  : [];

const TARGETS = { keys: 'key', patterns: 'pattern', namespaces: 'namespace', tags: 'tag' } as const;
type Target = keyof typeof TARGETS;
type Given = Partial<Record<Target | 'methods' | 'when' | 'namespace', unknown>>;

type Invalidation = (cache: CacheService) => Promise<unknown>;

/** One option, and the invalidations that it names for a call. */
interface Source {
  readonly option: string;
  readonly of: (self: object, args: unknown[]) => Invalidation[];
}

function readInvalidate(options: Given = {}) {
  const targets = Object.keys(TARGETS) as Target[];
  checkOptions(options, ['when', 'methods', ...targets]);
  const { namespace, keys, patterns, methods = [] } = options as { namespace?: string } & Given;
  if ([...targets, 'methods' as const].every((target) => options[target] === undefined)) {
    throw new CacheConfigError('Nothing to invalidate: give `keys`, `methods`, `patterns`, `namespaces` or `tags`.');
  }
  if (namespace !== undefined && keys === undefined && patterns === undefined) {
    throw new CacheConfigError(
      '`namespace` says where `keys` and `patterns` are. To invalidate all of it: `namespaces: ' +
        `['${namespace}']\`.`,
    );
  }
  if (options.methods !== undefined) checkTargets(methods);
  const traits = placeOf(options as { cache?: string; namespace?: string });
  const within = withinNamespace(namespace);
  const sources: Source[] = [
    sourceOf(options, 'keys', (names) => (names.length === 0 ? [] : [(service) => service.deleteMany(names, within)])),
    sourceOf(options, 'patterns', (names) => names.map((name) => (service) => service.invalidatePattern(name, within))),
    sourceOf(options, 'namespaces', (names) => names.map((name) => (service) => service.invalidateNamespace(name))),
    ...(methods as readonly MethodTarget[]).map((each) => sourceOfMethod(each, traits.cache)),
  ];
  const tags = sourceOf(options, 'tags', (names) =>
    names.length === 0 ? [] : [(service) => service.invalidateTags(names)],
  );
  return {
    traits,
    when: readOneOf(options.when, ['after', 'before'], 'when') ?? 'after',
    methods: methods as readonly MethodTarget[],
    sources,
    tags,
  };
}

function sourceOf(options: Given, target: Target, invalidate: (names: string[]) => Invalidation[]): Source {
  const names = readNames(options, target);
  return { option: target, of: (self, args) => invalidate(names(self, args)) };
}

function sourceOfMethod(target: MethodTarget, cacheName: string): Source {
  return {
    option: 'methods',
    of: (self, args) => {
      const { keys, namespace } = storedBy(target, self, args, cacheName);
      return [(cache) => cache.deleteMany(keys, withinNamespace(namespace))];
    },
  };
}

function withinNamespace(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function readNames(options: Given, target: Target): (self: object, args: unknown[]) => string[] {
  const given = options[target];
  if (given === undefined) return () => [];
  if (typeof given === 'function')
    return (self, args) => checkedNames(notAwaited((given as OptionFunction).apply(self, args)), target);
  const names = checkedNames(given, target);
  if (names.length === 0)
    throw new CacheConfigError(`Expected \`${target}\` to name at least one ${TARGETS[target]}, got an empty array.`);
  return () => [...names];
}

function checkedNames(names: unknown, target: Target): string[] {
  if (!Array.isArray(names))
    throw new CacheConfigError(
      `Expected \`${target}\` to be an array of strings, or a function that answers one, got \`${show(names)}\`.`,
    );
  for (const name of names as unknown[]) {
    checkKey(name, TARGETS[target]);
    if (target === 'patterns') compileGlob(name);
  }
  return names as string[];
}

/**
 * Returns the invalidations that one option names for a call; none where its function fails, which is reported for each
 * call.
 */
function ask(
  cache: CacheService,
  site: MethodSite,
  { option, of }: Source,
  self: object,
  args: unknown[],
): Invalidation[] {
  try {
    return of(self, args);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reportMisuse(
      cache,
      new CacheConfigError(`${site.label} did not invalidate what its \`${option}\` should name: ${reason}`, {
        cause: error,
      }),
    );
    return [];
  }
}

/** Sends all invalidations, also when some fail. The cache itself reports a store that is unavailable. */
async function invalidateAll(
  cache: CacheService,
  site: MethodSite,
  invalidations: readonly Invalidation[],
): Promise<void> {
  for (const result of await Promise.allSettled(invalidations.map((invalidate) => invalidate(cache)))) {
    if (result.status === 'fulfilled' || result.reason instanceof CacheUnavailableError) continue;
    reportMisuse(
      cache,
      new CacheConfigError(`${site.label} could not invalidate: ${String(result.reason)}`, { cause: result.reason }),
    );
  }
}
