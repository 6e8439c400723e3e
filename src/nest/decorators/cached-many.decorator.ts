import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkedMadeKey } from '../../core/vocabulary/cache-key.js';
import { ranUncached } from '../../core/observation/caller.js';
import type { GetOrSetOptions, LoadOptions, ValueValidator } from '../../core/load/call-options.js';
import { type Ttl } from '../../core/vocabulary/duration.js';
import { readFunction, readOneOf } from '../../core/vocabulary/option-checks.js';
import { notAwaited } from '../../core/vocabulary/option-functions.js';
import { show } from '../../core/vocabulary/show.js';
import { checkCalled } from '../decorator-call.js';
import { type AnswerShape, gather, inShape, shapeOf } from './answer-shape.js';
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
 * Caches the values of many ids one by one, for a method whose first parameter is an array of ids: only the ids that
 * are not cached reach the method, each once. The method returns a Map by id, an object by `String(id)`, or an array in
 * the order of its ids with `undefined` for an id without a value; callers get the same shape for all their ids, in
 * their order.
 * @throws CacheConfigError at once for options that have no meaning; see docs/decorators.md
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

        // A result that cannot be divided among the ids does not fail the load: other callers might wait for one of the
        // ids, and then load it themselves.
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
        // Everything was cached before this process saw a result: one id is loaded to learn the shape that callers
        // expect.
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
  /** Name of the cache. @default the cache without a name */
  cache?: string;
  /** Key of one id: a function of the id and the method's other parameters. Ids with the same key are loaded once. */
  key: (...idThenRest: IdThenRest<M>) => string;
  /** Namespace of the keys. @default the cache's `defaultNamespace`, or none */
  namespace?: string;
  /**
   * Time to live of a value, or a function of the value and the method's other parameters.
   * @default the cache's `defaultTtl`
   */
  ttl?: Ttl | ((...valueThenRest: ValueThenRest<M>) => Ttl);
  /** Tags of an entry, or a function of the value and the method's other parameters. @default none */
  tags?: readonly string[] | ((...valueThenRest: ValueThenRest<M>) => readonly string[]);
  /** Where it returns false, the method runs, and nothing is read from the cache or stored. */
  when?: (...parameters: Parameters<M>) => boolean;
  /** Where it returns false, the value is returned and not stored. */
  storeIf?: (...valueThenRest: ValueThenRest<M>) => boolean;
  /** Check of stored values, a type guard or a Standard Schema: a value that fails it is a miss. */
  validate?: ValueValidator<unknown>;
  /** Shape of the method's result. @default learned from its first result */
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

function readMany(site: MethodSite, options: Partial<CachedManyOptions> = {}) {
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
    `Expected the first argument to be an array of ids, got \`${show(ids)}\`. Use @Cached for a method that ` +
      'takes one id.',
  );
}

/** Makes the factory for `getOrSetMany`: translates keys to ids, and values back to keys. */
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

/** Returns the shape of a result, or the reason why it cannot be divided among the ids. */
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
      `the method answered ${count} ids with ${(answer as unknown[]).length} values. An array needs one value ` +
        'for each id, in their order, `undefined` for what does not exist; or answer with a Map by id.',
    );
  }
  return shape;
}
