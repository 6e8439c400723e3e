import type { Observable } from 'rxjs';

/*
 * How options are checked against the method they stand on. The options of a decorator are evaluated before TypeScript
 * looks at the method, so each function among them is inferred on its own, from the types its author wrote, as the
 * tuple of its parameters; then the decorator, applied to a method `M`, compares every tuple with what the method
 * offers. A misfit turns the type of the third parameter into one that names the option, what it takes and what it
 * would get, which is what the compiler then prints.
 *
 * A parameter written without a type is not checked, unless the method is named: `@Cached<Shop['find']>({ key: (id) =>
 * ... })`.
 */

/** Any method. */
export type Method = (...args: never[]) => unknown;

/**
 * What options are read against while no method is named: with `unknown` here, `tags: (product) => [product.id]` would
 * be an error.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type UnknownMethod = (...args: any[]) => any;

/** What callers of `M` get in the end. */
export type ResultOf<M extends Method> = Awaited<ReturnType<M>>;

/** The parameters of a function that is given the value to be stored, then those of the method. */
export type ValueThenParameters<M extends Method> = [
  value: Exclude<ResultOf<M>, undefined>,
  ...parameters: Parameters<M>,
];

/** The parameters of a function that is given the result, stored or not, then those of the method. */
export type ResultThenParameters<M extends Method> = [result: ResultOf<M>, ...parameters: Parameters<M>];

/** `never` where a function of the parameters `Takes` can be called with `Gets`. */
export type Misfit<Option extends string, Takes extends unknown[], Gets extends unknown[]> = ((
  ...args: Takes
) => void) extends (...args: Gets) => void
  ? never
  : TheOptionDoesNotFitTheMethod<Option, Takes, Gets>;

interface TheOptionDoesNotFitTheMethod<Option extends string, Takes extends unknown[], Gets extends unknown[]> {
  readonly option: Option;
  readonly takes: Takes;
  readonly gets: Gets;
}

/**
 * `never` unless a method with parameters has a literal for a key: then the first result would answer for all
 * arguments. `OneKey` is `string` where the key is a function, too; the decorator looks again at run time.
 */
export type OneKeyMisfit<OneKey extends string, M extends Method> = string extends OneKey
  ? never
  : Parameters<M> extends []
    ? never
    : OneKeyForAllArguments<OneKey, Parameters<M>>;

interface OneKeyForAllArguments<OneKey extends string, Gets extends unknown[]> {
  readonly key: OneKey;
  readonly gets: Gets;
}

/** `never` unless a method answers with an Observable, which its callers subscribe to and no cache can hold. */
type ObservableMisfit<M extends Method> = 0 extends 1 & ReturnType<M>
  ? never
  : ReturnType<M> extends Observable<unknown>
    ? TheResultIsAnObservable<ReturnType<M>>
    : never;

interface TheResultIsAnObservable<Is> {
  readonly result: Is;
}

/**
 * The third parameter of a decorator: the descriptor of the method, or, where there are misfits, something no
 * descriptor is.
 */
export type DescriptorUnless<Misfits, M extends Method> = [Misfits | ObservableMisfit<M>] extends [never]
  ? TypedPropertyDescriptor<M>
  : Misfits | ObservableMisfit<M>;
