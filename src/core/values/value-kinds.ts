import { types } from 'node:util';

/** The storable objects by kind. Objects of any other kind are refused, except instances (see `ValueTypes`). */
export interface ValueOf {
  object: object;
  'null-object': object;
  array: readonly unknown[];
  date: Date;
  regexp: RegExp;
  map: ReadonlyMap<unknown, unknown>;
  set: ReadonlySet<unknown>;
  url: URL;
  'search-params': URLSearchParams;
  buffer: Buffer;
  'typed-array': TypedArray;
  'data-view': DataView;
  'array-buffer': ArrayBuffer;
  error: Error;
}

export type ValueKind = keyof ValueOf;

/** One function for each kind. Each gets its value with the type of that kind. */
export type PerKind<Kind extends ValueKind, Context extends readonly unknown[], Result> = {
  readonly [K in Kind]: (value: ValueOf[K], ...context: Context) => Result;
};

/** The function of `table` for values of `kind`. Call it only with a value whose `kindOf` is `kind`. */
export function handlerFor<Kind extends ValueKind, Context extends readonly unknown[], Result>(
  table: PerKind<Kind, Context, Result>,
  kind: Kind,
): (value: object, ...context: Context) => Result {
  return table[kind] as (value: object, ...context: Context) => Result;
}

export type TypedArray = Exclude<NodeJS.TypedArray, Buffer>;
type TypedArrayConstructor = new (source: ArrayBuffer | TypedArray) => TypedArray;
type ErrorConstructor = new () => Error;

const TYPED_ARRAY_NAMES = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float16Array', // from Node 24 on
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
];
const ERROR_NAMES = [
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
];

const TYPED_ARRAYS = constructorsOf<TypedArrayConstructor>(TYPED_ARRAY_NAMES);
const ERRORS = constructorsOf<ErrorConstructor>(ERROR_NAMES);

const KIND_OF_NAME = new Map<string, ValueKind>([
  ['Object', 'object'],
  ['Array', 'array'],
  ['Date', 'date'],
  ['RegExp', 'regexp'],
  ['Map', 'map'],
  ['Set', 'set'],
  ['URL', 'url'],
  ['URLSearchParams', 'search-params'],
  ['DataView', 'data-view'],
  ['ArrayBuffer', 'array-buffer'],
  ...TYPED_ARRAY_NAMES.map((name) => [name, 'typed-array'] as const),
  ...ERROR_NAMES.map((name) => [name, 'error'] as const),
]);

const KIND_OF_PROTOTYPE = new Map<object, ValueKind>([[Buffer.prototype, 'buffer']]);
for (const [name, { prototype }] of constructorsOf<{ prototype: object }>([...KIND_OF_NAME.keys()])) {
  KIND_OF_PROTOTYPE.set(prototype, KIND_OF_NAME.get(name) as ValueKind);
}

/** Checks of a value with the right prototype: `Object.create(Date.prototype)` is not a date. */
const IS_GENUINE: Readonly<Record<ValueKind, (value: object) => boolean>> = {
  object: () => true,
  'null-object': () => true,
  array: Array.isArray,
  date: types.isDate,
  regexp: types.isRegExp,
  map: types.isMap,
  set: types.isSet,
  url: (value) => succeeds(() => (value as URL).href),
  'search-params': (value) => succeeds(() => (value as URLSearchParams).size),
  buffer: types.isUint8Array,
  'typed-array': types.isTypedArray,
  'data-view': types.isDataView,
  'array-buffer': types.isArrayBuffer,
  error: types.isNativeError,
};

/** The kind of `value`; `undefined` for an instance of any other class, and of a subclass of a builtin. */
export function kindOf(value: object): ValueKind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return 'object';
  if (prototype === null) return 'null-object';
  if (prototype === Array.prototype && Array.isArray(value)) return 'array';
  const kind = kindOfPrototype(prototype);
  if (kind === undefined) return isEmptyRoot(prototype) ? 'null-object' : undefined;
  return IS_GENUINE[kind](value) ? kind : undefined;
}

/** The kind of objects with this prototype; `undefined` for the prototype of any other class. */
export function kindOfPrototype(prototype: object): ValueKind | undefined {
  return KIND_OF_PROTOTYPE.get(prototype) ?? kindOfForeign(prototype);
}

/** True for the empty prototype that some parsers, such as those of Fastify, use instead of `null`. */
function isEmptyRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** True when an array has holes. Fast when no element is `undefined`; never visits the holes. */
export function isSparse(array: readonly unknown[]): boolean {
  return array.includes(undefined) && Object.keys(array).length < array.length;
}

/** The name of the class of a typed array of any realm, such as `Float64Array`. */
export function typedArrayName(array: TypedArray): string {
  return array[Symbol.toStringTag];
}

/** @throws TypeError when this version of Node has no class `name` */
export function makeTypedArray(name: string, source: ArrayBuffer | TypedArray): TypedArray {
  const TypedArray = TYPED_ARRAYS.get(name);
  if (TypedArray === undefined) throw new TypeError(`There is no ${name} here.`);
  return new TypedArray(source);
}

/** Copies the bytes of a view, and no bytes around them, to a new buffer. */
export function copyBytes(view: NodeJS.ArrayBufferView | ArrayBuffer): ArrayBuffer {
  const bytes = ArrayBuffer.isView(view)
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view);
  return new Uint8Array(bytes).buffer;
}

/** The name of the class of an error of any realm, such as `RangeError`. */
export function errorClassName(error: Error): string {
  return (Object.getPrototypeOf(error) as Error).constructor.name;
}

/** Makes an error without own properties. @throws TypeError when there is no such class of errors */
export function makeError(className: string): Error {
  const ErrorClass = ERRORS.get(className);
  if (ErrorClass === undefined) throw new TypeError(`There is no ${className} here.`);
  const error = Reflect.construct(ErrorClass, className === 'AggregateError' ? [[]] : []) as Error;
  for (const name of Object.getOwnPropertyNames(error)) Reflect.deleteProperty(error, name);
  return error;
}

/** A property of an error: seen by loops, or hidden like `message` and `stack`. */
export interface ErrorProperty {
  readonly name: string;
  readonly value: unknown;
  readonly enumerable: boolean;
}

/** The properties of an error that are stored: the enumerable ones, and the standard ones that are not enumerable. */
export function errorProperties(error: Error): ErrorProperty[] {
  const visible = Object.keys(error);
  const hidden = ['name', 'message', 'stack', 'cause', 'errors'].filter(
    (name) => Object.hasOwn(error, name) && !visible.includes(name),
  );
  const values = error as unknown as Record<string, unknown>;
  return [
    ...hidden.map((name) => ({ name, value: values[name], enumerable: false })),
    ...visible.map((name) => ({ name, value: values[name], enumerable: true })),
  ];
}

export function defineErrorProperty(error: Error, { name, value, enumerable }: ErrorProperty): void {
  Object.defineProperty(error, name, { value, enumerable, writable: true, configurable: true });
}

const kindOfForeignPrototype = new WeakMap<object, ValueKind | 'none'>();

/** Recognizes builtins of another realm (`node:vm`, which Jest uses) by their native constructor. */
function kindOfForeign(prototype: object): ValueKind | undefined {
  let kind = kindOfForeignPrototype.get(prototype);
  if (kind === undefined) {
    kind = KIND_OF_NAME.get(nativeConstructorName(prototype)) ?? 'none';
    kindOfForeignPrototype.set(prototype, kind);
  }
  return kind === 'none' ? undefined : kind;
}

function nativeConstructorName(prototype: object): string {
  const constructor = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
  if (typeof constructor !== 'function' || constructor.prototype !== prototype) return '';
  const source = Function.prototype.toString.call(constructor);
  return /^function (\w+)\(\) \{ \[native code\] \}$/.exec(source)?.[1] ?? '';
}

function constructorsOf<T>(names: readonly string[]): Map<string, T> {
  const all = globalThis as unknown as Record<string, T>;
  return new Map(names.filter((name) => name in all).map((name) => [name, all[name] as T]));
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
