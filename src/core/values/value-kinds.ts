import { types } from 'node:util';

/** What a value that is not a primitive can be, and still be stored. Everything else is refused. */
export type ValueKind =
  | 'object'
  | 'null-object'
  | 'array'
  | 'date'
  | 'regexp'
  | 'map'
  | 'set'
  | 'url'
  | 'search-params'
  | 'buffer'
  | 'typed-array'
  | 'data-view'
  | 'array-buffer'
  | 'error';

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

/** Whether a value with the right prototype is the real thing: `Object.create(Date.prototype)` is not. */
const IS_GENUINE: Readonly<Record<ValueKind, (value: object) => boolean>> = {
  object: () => true,
  'null-object': () => true,
  array: Array.isArray,
  date: types.isDate,
  regexp: types.isRegExp,
  map: types.isMap,
  set: types.isSet,
  url: (value) => answers(() => (value as URL).href),
  'search-params': (value) => answers(() => (value as URLSearchParams).size),
  buffer: types.isUint8Array,
  'typed-array': types.isTypedArray,
  'data-view': types.isDataView,
  'array-buffer': types.isArrayBuffer,
  error: types.isNativeError,
};

/** What `value` is; `undefined` for an instance of any other class, and for a subclass of a builtin. */
export function kindOf(value: object): ValueKind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return 'object';
  if (prototype === null) return 'null-object';
  if (prototype === Array.prototype && Array.isArray(value)) return 'array';
  const kind = kindOfPrototype(prototype);
  if (kind === undefined) return isEmptyRoot(prototype) ? 'null-object' : undefined;
  return IS_GENUINE[kind](value) ? kind : undefined;
}

/** What the genuine objects with this prototype are; `undefined` for that of any other class. */
export function kindOfPrototype(prototype: object): ValueKind | undefined {
  return KIND_OF_PROTOTYPE.get(prototype) ?? kindOfForeign(prototype);
}

/** The prototype that parsers, such as those of Fastify, give to objects which are to have none. */
function isEmptyRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Whether an array has holes. Costs nothing where no element is `undefined`, and never walks the holes. */
export function isSparse(array: readonly unknown[]): boolean {
  return array.includes(undefined) && Object.keys(array).length < array.length;
}

/** `Float64Array` for a typed array, whatever realm it is from. */
export function typedArrayName(array: TypedArray): string {
  return array[Symbol.toStringTag];
}

/** @throws TypeError when this Node has no such typed array */
export function makeTypedArray(name: string, source: ArrayBuffer | TypedArray): TypedArray {
  const TypedArray = TYPED_ARRAYS.get(name);
  if (TypedArray === undefined) throw new TypeError(`There is no ${name} here.`);
  return new TypedArray(source);
}

/** The bytes that a view shows, and no byte around them, in a buffer of their own. */
export function copyBytes(view: NodeJS.ArrayBufferView | ArrayBuffer): ArrayBuffer {
  const bytes = ArrayBuffer.isView(view)
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(view);
  return new Uint8Array(bytes).buffer;
}

/** `RangeError` for an error of that class, whatever realm it is from. */
export function errorClassName(error: Error): string {
  return (Object.getPrototypeOf(error) as Error).constructor.name;
}

/** An error without any property of its own. @throws TypeError when there is no such class of errors */
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

/** What an error keeps: its enumerable properties, and of the hidden ones those that errors are made of. */
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

/** Kinds of another realm (`node:vm`, and so all of Jest) have other prototypes: known by their native constructor. */
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

function answers(question: () => unknown): boolean {
  try {
    question();
    return true;
  } catch {
    return false;
  }
}
