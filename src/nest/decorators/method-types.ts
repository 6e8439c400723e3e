import type { Observable } from 'rxjs';

/*
 * How the compiler checks the options of a decorator against the method below it. TypeScript evaluates the options
 * before it looks at the method, so it infers their type from what their author wrote; then the decorator, applied to a
 * method `M`, compares every option with the type that it must have for `M`. Where one does not fit, the type of the
 * third parameter becomes one that names the option, the parameters that it takes and those that it would get; the
 * compiler prints that type.
 *
 * A parameter written without a type is not checked, unless the method is named: `@Cached<Shop['find']>({ key: (id) =>
 * ... })`.
 */

/** Any method. */
export type Method = (...args: never[]) => unknown;

/**
 * The method for which options are read while no method is named: with `unknown` here, `tags: (product) =>
 * [product.id]` would be an error.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type UnknownMethod = (...args: any[]) => any;

/** The result of `M`, awaited. */
export type ResultOf<M extends Method> = Awaited<ReturnType<M>>;

/** The parameters of a function that is given the value to be stored, then those of the method. */
export type ValueThenParameters<M extends Method> = [
  value: Exclude<ResultOf<M>, undefined>,
  ...parameters: Parameters<M>,
];

/** The parameters of a function that is given the result, stored or not, then those of the method. */
export type ResultThenParameters<M extends Method> = [result: ResultOf<M>, ...parameters: Parameters<M>];

/**
 * The type of a parameter for options, from which `Options` is inferred. Options with a name that `Known` does not have
 * are checked against `Known` instead, so that the compiler suggests the name that was meant.
 */
export type Exactly<Options, Known> = [Exclude<keyof Options, keyof Known>] extends [never] ? Options & Known : Known;

/** A property for each option: `never` where it has the type that it must have for the method. */
export type MisfitsOf<Options, Fitting> = {
  readonly [Name in keyof Options & keyof Fitting]-?: Options[Name] extends Fitting[Name]
    ? never
    : TheOptionDoesNotFitTheMethod<Name, ParametersOf<Options[Name]>, ParametersOf<Fitting[Name]>>;
};

type ParametersOf<Option> = Option extends (...args: infer Parameters) => unknown ? Parameters : never;

export interface TheOptionDoesNotFitTheMethod<Option, Takes, Gets> {
  readonly option: Option;
  readonly takes: Takes;
  readonly gets: Gets;
}

/**
 * `never` unless a method with parameters has one literal as its key: the first result would be served for all
 * arguments. A key of type `string` is checked at run time.
 */
export type OneKeyMisfit<Key, M extends Method> = Key extends string
  ? string extends Key
    ? never
    : Parameters<M> extends []
      ? never
      : OneKeyForAllArguments<Key, Parameters<M>>
  : never;

interface OneKeyForAllArguments<OneKey extends string, Gets extends unknown[]> {
  readonly key: OneKey;
  readonly gets: Gets;
}

/** `never` unless a method returns an Observable, which its callers subscribe to and no cache can hold. */
type ObservableMisfit<M extends Method> = 0 extends 1 & ReturnType<M>
  ? never
  : ReturnType<M> extends Observable<unknown>
    ? TheResultIsAnObservable<ReturnType<M>>
    : never;

interface TheResultIsAnObservable<Is> {
  readonly result: Is;
}

/**
 * The third parameter of a decorator: the descriptor of the method, or, where there are misfits, a type that no
 * descriptor has.
 * @param Misfits one property for each check, `never` where it found nothing
 */
export type DescriptorUnless<Misfits extends object, M extends Method> = [
  Misfits[keyof Misfits] | ObservableMisfit<M>,
] extends [never]
  ? TypedPropertyDescriptor<M>
  : Misfits[keyof Misfits] | ObservableMisfit<M>;
