import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkedMadeKey } from '../../core/vocabulary/cache-key.js';
import { ranUncached } from '../../core/observation/caller.js';
import type { GetOrSetOptions, LoadOptions, ValueValidator } from '../../core/load/call-options.js';
import { type Ttl } from '../../core/vocabulary/duration.js';
import { readFunction, readOneOf } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import { checkCalled } from '../decorator-call.js';
import { type AnswerShape, gather, inShape, shapeOf } from './batch-answer.js';
import {
  callMethod,
  checkedAt,
  isKeptByOverride,
  isWanted,
  type KeyOf,
  type KeysOf,
  type MethodSite,
  type OptionFunction,
  orReported,
  placeOf,
  replaceMethod,
  siteOf,
} from './decorated-method.js';
import { reportMisuse } from '../mocked-cache.js';
import { forCall, functionsAmong, readLoadCallOptions } from './decorator-options.js';
import type { DescriptorUnless, Exactly, Method, MisfitsOf, ResultOf, UnknownMethod } from './method-types.js';

/**
 * For a method whose first parameter is an array of ids: only the ids that are not cached reach it, each once. It
 * answers with a Map by id, an object by `String(id)`, or an array in the order of the ids it was given, with
 * `undefined` for what does not exist; callers get the same shape for all the ids they asked for, in their order.
 * @throws CacheConfigError at once for options that cannot mean anything; see docs/decorators.md
 */
export function CachedMany<
  M extends Method = UnknownMethod,
  const Options extends CachedManyOptions<M> = CachedManyOptions<M>,
>(options: Exactly<Options, CachedManyOptions<M>>): CachedManyDecorator<Options> {
  checkCalled('@CachedMany', options);
  return (target, name, descriptor) => {
    const site = siteOf('@CachedMany', target, name, descriptor as PropertyDescriptor | undefined);
    const { key, when, load, bound, returns } = checkedAt(site, () => readMany(site, options));
    const keysOf: KeysOf = (self, [ids, ...rest]) =>
      checkedIds(ids).map((id) => checkedMadeKey(notAwaited(key.call(self, id, ...rest))));
    const keyOf: KeyOf = (self, args) => keysOf(self, args)[0] as string;
    let shape = returns;
    const decorated = replaceMethod(
      site,
      descriptor as PropertyDescriptor,
      { ...placeOf(options), keyOf, keysOf },
      async (cache, self, args) => {
        if (!isWanted(cache, site, when, self, args)) return callMethod(site, self, args);
        const keys = orReported(cache, site, 'key', () => keysOf(self, args));
        if (keys === undefined || (keys[0] !== undefined && isKeptByOverride(decorated, keys[0], self, args)))
          return callMethod(site, self, args);
        const [ids, ...rest] = args as [readonly unknown[], ...unknown[]];
        const whole: unknown[] = [];
        const misfits: CacheConfigError[] = [];

        // An answer that cannot be divided among the ids is no error of the load: others may wait for one of them, and
        // load it themselves.
        const ask = async (missing: readonly unknown[]): Promise<unknown[]> => {
          const answer = await callMethod(site, self, [missing, ...rest]);
          if (missing.length === ids.length) whole.push(answer);
          const found = checkedShape(answer, missing.length, returns);
          if (found instanceof CacheConfigError) {
            misfits.push(found);
            return [];
          }
          shape = found;
          return gather(answer, missing);
        };
        const values = await cache.getOrSetMany(
          keys,
          byKey(keys, ids, ask),
          forCall(load, bound, self, rest) as GetOrSetOptions<unknown>,
        );
        // All was there before this process has seen an answer: ask for one id to learn how callers expect theirs.
        if (misfits.length === 0 && shape === undefined) await ask(ids.slice(0, 1));
        const [misfit] = misfits;
        if (misfit === undefined)
          return inShape(
            shape ?? 'map',
            ids,
            keys.map((each) => values.get(each)),
          );
        reportMisuse(cache, ranUncached(misfit, 'key', site), site);
        return whole.length === 0 ? callMethod(site, self, args) : whole[0];
      },
    );
  };
}

/** The options of `@CachedMany` on a method `M`; while no method is named, its functions may take any parameters. */
export interface CachedManyOptions<M extends Method = UnknownMethod> extends LoadOptions {
  /** The name of the cache. @default the one without a name */
  cache?: string;
  /** The key of one id, given that id and the method's other parameters. Ids of one key are one. */
  key: (...idThenRest: IdThenRest<M>) => string;
  /** Default: the cache's `defaultNamespace`, or none. */
  namespace?: string;
  /** @default the cache's `defaultTtl` */
  ttl?: Ttl | ((...valueThenRest: ValueThenRest<M>) => Ttl);
  tags?: readonly string[] | ((...valueThenRest: ValueThenRest<M>) => readonly string[]);
  /** When it answers false the method runs and the cache is left alone. */
  when?: (...parameters: Parameters<M>) => boolean;
  /** A value for which this answers false is returned and not stored. */
  storeIf?: (...valueThenRest: ValueThenRest<M>) => boolean;
  /** A stored value that fails is a miss. */
  validate?: ValueValidator<unknown>;
  /** How the method answers. @default learned from its first answer */
  returns?: AnswerShape;
}

/** `@CachedMany` with its options: the compiler accepts it on methods that all of them fit. */
export type CachedManyDecorator<Options extends CachedManyOptions = CachedManyOptions> = <M extends Method>(
  target: object,
  name: string | symbol,
  descriptor: DescriptorUnless<MisfitsOf<Options, CachedManyOptions<M>> & { batch: NotABatch<M> }, M>,
) => void;

/** The parameters of `key`; those of any method where the first parameter of `M` is not known. */
type IdThenRest<M extends Method> =
  Parameters<M> extends [infer Ids, ...infer Rest] ? [id: ItemOf<Ids>, ...rest: Rest] : Parameters<UnknownMethod>;
type ItemOf<Ids> = Ids extends readonly (infer Id)[] ? Id : never;
/** The parameters of `ttl`, `tags` and `storeIf`. */
type ValueThenRest<M extends Method> =
  Parameters<M> extends [unknown, ...infer Rest] ? [value: ValueOf<M>, ...rest: Rest] : Parameters<UnknownMethod>;
type ValueOf<M extends Method> = Exclude<PartOf<ResultOf<M>>, undefined>;
type PartOf<R> =
  R extends ReadonlyMap<unknown, infer V>
    ? V
    : R extends readonly (infer V)[]
      ? V
      : R extends Readonly<Record<PropertyKey, infer V>>
        ? V
        : never;

/** `never` for a method whose first parameter is an array, and which returns one value for each of its items. */
type NotABatch<M extends Method> =
  Parameters<M> extends [readonly unknown[], ...unknown[]]
    ? [PartOf<ResultOf<M>>] extends [never]
      ? TheResultIsNoMapRecordOrArray<ResultOf<M>>
      : never
    : TheFirstParameterIsNoArrayOfIds<Parameters<M>>;
interface TheFirstParameterIsNoArrayOfIds<Is> {
  readonly parameters: Is;
}
interface TheResultIsNoMapRecordOrArray<Is> {
  readonly result: Is;
}

function readMany(site: MethodSite, options: Partial<Record<'key' | 'when' | 'returns', unknown>> = {}) {
  const load = readLoadCallOptions(options, ['key', 'when', 'returns'], site);
  const key = readFunction<OptionFunction>(options.key, 'key');
  if (key === undefined)
    throw new CacheConfigError('Expected `key` to be a function that answers the key of one id, got nothing.');
  const returns = readOneOf(options.returns, ['map', 'record', 'array'], 'returns');
  return { load, bound: functionsAmong(load), key, when: readFunction<OptionFunction>(options.when, 'when'), returns };
}

function checkedIds(ids: unknown): readonly unknown[] {
  if (Array.isArray(ids)) return ids as unknown[];
  throw new CacheConfigError(
    `Expected the first argument to be an array of ids, got \`${show(ids)}\`. Use @Cached for a method that takes one id.`,
  );
}

/** The factory for `getOrSetMany`: from keys to ids, and back. */
function byKey(
  keys: readonly string[],
  ids: readonly unknown[],
  ask: (missing: readonly unknown[]) => Promise<unknown[]>,
) {
  const idOf = new Map(keys.map((key, i) => [key, ids[i]]));
  return async (missing: string[]): Promise<Map<string, unknown>> => {
    const values = await ask(missing.map((key) => idOf.get(key)));
    return new Map(missing.map((key, i) => [key, values[i]]));
  };
}

/** How a method answers, or why its answer cannot be divided among the ids. */
function checkedShape(
  answer: unknown,
  count: number,
  returns: AnswerShape | undefined,
): AnswerShape | CacheConfigError {
  const shape = shapeOf(answer);
  if (shape === undefined)
    return new CacheConfigError(
      `expected the method to answer with a Map, an object or an array of values, got \`${show(answer)}\`.`,
    );
  if (returns !== undefined && shape !== returns)
    return new CacheConfigError(
      `the method answers with ${shape === 'array' ? 'an array' : `a ${shape}`}, and \`returns\` says ${returns}.`,
    );
  if (shape === 'array' && (answer as unknown[]).length !== count) {
    return new CacheConfigError(
      `the method answered ${count} ids with ${(answer as unknown[]).length} values. An array needs one value for each id, in their order, \`undefined\` for what does not exist; or answer with a Map by id.`,
    );
  }
  return shape;
}
