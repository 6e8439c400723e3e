import { createHash } from 'node:crypto';
import { CacheKeyError } from '../vocabulary/cache.errors.js';
import { openInstanceName } from './hidden-state.js';
import { show } from '../vocabulary/show.js';
import { handlerFor, kindOf, type PerKind, typedArrayName, type ValueKind } from './value-kinds.js';

/*
 * Arguments as a string. Two lists of arguments give the same string exactly when `util.isDeepStrictEqual` holds for
 * them, except that objects without a prototype equal plain objects. So 1 and '1' differ, as do 0 and -0, `{}` and
 * `{ a: undefined }`, a Buffer and a Uint8Array. The order of properties, of map entries and of set members has no
 * effect. Absent trailing arguments equal `undefined`, as for default parameters. An instance that holds only its
 * fields, such as a DTO, is written as the name of its class and its fields.
 *
 * Two unequal values never give the same string: a string is written as JSON, so its end is known; every other kind
 * begins with its own name or bracket; lists end with a bracket. A digest begins with a letter, an encoding with `[`.
 */

const MAX_READABLE_BYTES = 200;
const MAX_DEPTH = 32;
/** Text that JSON writes without escapes. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/**
 * Makes a short, readable key from `args`, such as `[42,"x"]`, or a SHA-256 digest if it would exceed 200 bytes.
 * @throws CacheKeyError for functions, symbols, streams, requests and promises, which have an identity but no value;
 * for instances that may hold more than their fields; for cycles, and for more than 32 levels
 */
export function argumentKey(args: readonly unknown[]): string {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  let text = '';
  for (let i = 0; i < count; i++) text += (i === 0 ? '' : ',') + encode(args[i], 0, i);
  text = `[${text}]`;
  const isShort = text.length * 3 <= MAX_READABLE_BYTES || Buffer.byteLength(text) <= MAX_READABLE_BYTES;
  return isShort ? text : `sha256:${createHash('sha256').update(text).digest('base64url')}`;
}

/** @param argument the index of the argument that holds `value`, for the message */
function encode(value: unknown, depth: number, argument: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return value === null ? 'null' : encodeObject(value, depth + 1, argument);
    default:
      throw refusal(argument, `${show(value)}, which has an identity and no value`);
  }
}

function encodeObject(value: object, depth: number, argument: number): string {
  if (depth > MAX_DEPTH) throw refusal(argument, `something circular, or nested more than ${MAX_DEPTH} levels deep`);
  const inner = (part: unknown): string => encode(part, depth, argument);
  const kind = kindOf(value);
  const encoded = kind === undefined ? encodeInstance(value, inner) : handlerFor(ENCODERS, kind)(value, inner);
  if (encoded === undefined) throw refusal(argument, `${show(value)}, which may hold more than can be read from it`);
  return encoded;
}

type Encode = (part: unknown) => string;

function encodeInstance(value: object, inner: Encode): string | undefined {
  const name = openInstanceName(value);
  return name === undefined ? undefined : `@${quote(name)}${encodeRecord(value, inner)}`;
}

function encodeRecord(value: object, inner: Encode): string | undefined {
  if (Object.getOwnPropertySymbols(value).length > 0) return undefined;
  const record = value as Record<string, unknown>;
  let text = '';
  for (const key of Object.keys(record).sort()) text += `${text === '' ? '' : ','}${quote(key)}:${inner(record[key])}`;
  return `{${text}}`;
}

function encodeArray(value: readonly unknown[], inner: Encode): string | undefined {
  let text = '';
  let holes = 0;
  for (let i = 0; i < value.length; i++) {
    const isHole = value[i] === undefined && !(i in value);
    if (isHole) holes++;
    text += (i === 0 ? '' : ',') + (isHole ? 'hole' : inner(value[i]));
  }
  return Object.keys(value).length === value.length - holes && Object.getOwnPropertySymbols(value).length === 0
    ? `[${text}]`
    : undefined;
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64url');
}

/** Encodes a builtin without properties of its own; `undefined` for one that has some. */
function bare<Value extends object>(encodeContent: (value: Value, inner: Encode) => string) {
  return (value: Value, inner: Encode): string | undefined =>
    Reflect.ownKeys(value).every((key) => key === 'lastIndex') ? encodeContent(value, inner) : undefined;
}

const refuse = (): undefined => undefined;

/** The encoders by kind. They give `undefined` for a value that may hold more than can be read from it. */
const ENCODERS: PerKind<ValueKind, [inner: Encode], string | undefined> = {
  object: encodeRecord,
  'null-object': encodeRecord,
  array: encodeArray,
  buffer: (value) => `Buffer(${bytesOf(value)})`,
  'typed-array': (value) => `${typedArrayName(value)}(${bytesOf(value)})`,
  date: bare((value) => `Date(${Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString()})`),
  map: bare((value, inner) => {
    const entries = Array.from(value, ([key, item]) => `${inner(key)}=>${inner(item)}`);
    return `Map{${entries.sort().join(',')}}`;
  }),
  set: bare((value, inner) => `Set{${Array.from(value, inner).sort().join(',')}}`),
  regexp: bare((value) => `RegExp(${JSON.stringify(value.source)},${value.flags},${value.lastIndex})`),
  url: bare((value) => `URL(${JSON.stringify(value.href)})`),
  'search-params': refuse,
  'data-view': refuse,
  'array-buffer': refuse,
  error: refuse,
};

function quote(text: string): string {
  return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
}

function refusal(argument: number, what: string): CacheKeyError {
  return new CacheKeyError(
    `Argument ${argument + 1} is ${what}, so no key can be made of it. ` +
      'Give the decorator a `key`: a function of the arguments that answers a string.',
  );
}
