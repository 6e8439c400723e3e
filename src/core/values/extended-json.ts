import { type ListedType, makeInstance, type ValueTypes, withFields } from '../vocabulary/value-types.js';
import {
  copyBytes,
  defineErrorProperty,
  errorClassName,
  errorProperties,
  handlerFor,
  isObject,
  isSparse,
  kindOf,
  makeError,
  makeTypedArray,
  type PerKind,
  typedArrayName,
  type ValueKind,
} from './value-kinds.js';
import type { Converted, ValueScan } from './value-scan.js';

/*
 * JSON with escapes for the values that JSON cannot express, and binary content beside the text instead of inside it.
 *
 * An escape is `{"$":[kind, ...content]}`; an object of the user with a key `$` is written as `{"$":["object",
 * {...}]}`. Each object, array and builtin has a number, in the order in which the walk reaches them. An object that
 * the walk reaches again is written as `{"$":["ref", number]}`. So writer and reader must walk in the same order: first
 * number an object, then go through its content. The result of the `to` of a type is a value of its own, with numbers
 * of its own.
 *
 * Chosen over devalue and `v8.serialize` on measurements, see docs/values.md.
 */

export interface ExtendedJson {
  readonly text: string;
  /** The parts of the `bytes` of the reader, in their order. */
  readonly blobs: readonly Uint8Array[];
}

/** @param found the result of `scan` for `value`, with the same `types` */
export function writeExtendedJson(value: unknown, found: WrittenScan, types: ValueTypes): ExtendedJson {
  const writer = new Writer(found, types);
  const text = JSON.stringify(writer.write(value));
  return { text, blobs: writer.blobs };
}

/**
 * Reads the value that was written. It shares no memory with `bytes`.
 * @throws where no writer wrote this text and these bytes, where `types` lacks a type, and where its `from` fails
 */
export function readExtendedJson(text: string, bytes: Buffer, types: ValueTypes): unknown {
  return new Reader(bytes, types).read(JSON.parse(text));
}

type WrittenScan = Pick<ValueScan, 'isTree' | 'converted'>;
type Properties = Record<string, unknown>;
type BlobPlace = [offset: number, byteLength: number];

/** The content of an escape by its kind, as the writer writes it. */
interface EscapeContent {
  undefined: [];
  number: [text: string];
  bigint: [text: string];
  ref: [number: number];
  object: [properties: object];
  sparse: [length: number, elements: [index: number, element: unknown][]];
  instance: [typeName: string, fields: object];
  converted: [typeName: string, stored: unknown];
  null: [properties: object];
  /** `null` for an invalid date, because JSON has no NaN. */
  date: [ms: number | null];
  regexp: [source: string, flags: string, lastIndex: number];
  map: [entries: [key: unknown, value: unknown][]];
  set: [members: unknown[]];
  url: [href: string];
  'search-params': [text: string];
  error: [className: string, properties: [name: string, enumerable: boolean, value: unknown][]];
  buffer: BlobPlace;
  'typed-array': [...BlobPlace, className: string];
  'data-view': BlobPlace;
  'array-buffer': BlobPlace;
}

type Escape<Kind extends keyof EscapeContent = keyof EscapeContent> = {
  [K in Kind]: readonly [kind: K, ...content: EscapeContent[K]];
}[Kind];

/** The escapes of values that hold no other values. */
type LeafEscape = Escape<
  'date' | 'regexp' | 'url' | 'search-params' | 'buffer' | 'typed-array' | 'data-view' | 'array-buffer'
>;
type BuiltinKind = Exclude<ValueKind, 'object' | 'array'>;

class Writer {
  readonly blobs: Uint8Array[] = [];
  #blobBytes = 0;
  /** `undefined` for a tree, in which no object is reached twice. */
  #numbers: Map<object, number> | undefined;
  readonly #converted: ReadonlyMap<object, Converted>;
  readonly #types: ValueTypes;

  constructor({ isTree, converted }: WrittenScan, types: ValueTypes) {
    if (!isTree) this.#numbers = new Map();
    this.#converted = converted;
    this.#types = types;
  }

  write(value: unknown): unknown {
    if (isObject(value)) return this.#object(value);
    if (value === undefined) return escaped('undefined');
    if (typeof value === 'bigint') return escaped('bigint', String(value));
    if (typeof value !== 'number') return value;
    if (Object.is(value, -0)) return escaped('number', '-0');
    return Number.isFinite(value) ? value : escaped('number', String(value));
  }

  #object(value: object): unknown {
    const number = this.#numbers?.get(value);
    if (number !== undefined) return escaped('ref', number);
    this.#numbers?.set(value, this.#numbers.size);
    const kind = kindOf(value);
    if (kind === 'object')
      return Object.hasOwn(value, '$') ? escaped('object', this.#properties(value)) : this.#properties(value);
    if (kind === 'array') return this.#array(value as unknown[]);
    return { $: kind === undefined ? this.#instance(value) : handlerFor(Writer.#BUILTINS, kind)(value, this) };
  }

  static readonly #BUILTINS: PerKind<BuiltinKind, [writer: Writer], Escape> = {
    'null-object': (value, writer) => ['null', writer.#properties(value)],
    date: (value) => ['date', value.getTime()],
    regexp: (value) => ['regexp', value.source, value.flags, value.lastIndex],
    map: (value, writer) => [
      'map',
      Array.from(value, (entry): [unknown, unknown] => [writer.write(entry[0]), writer.write(entry[1])]),
    ],
    set: (value, writer) => ['set', Array.from(value, (member) => writer.write(member))],
    url: (value) => ['url', value.href],
    'search-params': (value) => ['search-params', value.toString()],
    error: (value, writer) => [
      'error',
      errorClassName(value),
      errorProperties(value).map((property) => [property.name, property.enumerable, writer.write(property.value)]),
    ],
    buffer: (value, writer) => ['buffer', ...writer.#blob(value)],
    'typed-array': (value, writer) => ['typed-array', ...writer.#blob(value), typedArrayName(value)],
    'data-view': (value, writer) => ['data-view', ...writer.#blob(value)],
    'array-buffer': (value, writer) => ['array-buffer', ...writer.#blob(value)],
  };

  #instance(value: object): Escape {
    const converted = this.#converted.get(value);
    if (converted === undefined) {
      // A copy of the fields, because JSON.stringify would call a `toJSON` of the class.
      const fields = this.#properties(withFields(Object.prototype, value));
      return ['instance', (this.#types.of(value) as ListedType).name, fields];
    }
    const outer = this.#numbers;
    if (outer !== undefined) this.#numbers = new Map();
    const stored = this.write(converted.stored);
    this.#numbers = outer;
    return ['converted', converted.type.name, stored];
  }

  /** Gives the same object when nothing in it needs an escape, so that plain JSON is not copied. */
  #properties(value: object): object {
    const properties = value as Properties;
    let written = properties;
    for (const key of Object.keys(properties)) {
      const content = this.write(properties[key]);
      if (content === properties[key]) continue;
      if (written === properties) written = { ...properties };
      written[key] = content;
    }
    return written;
  }

  #array(value: readonly unknown[]): unknown {
    if (!isSparse(value)) return value.map((element) => this.write(element));
    const indexes = Object.keys(value).map(Number);
    const elements = indexes.map((index): [number, unknown] => [index, this.write(value[index])]);
    return escaped('sparse', value.length, elements);
  }

  #blob(value: ArrayBufferView | ArrayBuffer): BlobPlace {
    const blob = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    const offset = this.#blobBytes;
    this.blobs.push(blob);
    this.#blobBytes += blob.length;
    return [offset, blob.length];
  }
}

class Reader {
  readonly #bytes: Buffer;
  readonly #types: ValueTypes;
  #objects: object[] = [];
  #blobBytes = 0;

  constructor(bytes: Buffer, types: ValueTypes) {
    this.#bytes = bytes;
    this.#types = types;
  }

  /** Changes `json` in place: the result of `JSON.parse` has no other user. */
  read(json: unknown): unknown {
    if (!isObject(json)) return json;
    if (Array.isArray(json)) return this.#array(this.#numbered(json as unknown[]));
    if (Object.hasOwn(json, '$')) return this.#unescape((json as { $: Escape }).$);
    return this.#properties(this.#numbered(json));
  }

  #numbered<T extends object>(value: T): T {
    this.#objects.push(value);
    return value;
  }

  #array(array: unknown[]): unknown[] {
    for (let index = 0; index < array.length; index++) {
      if (isObject(array[index])) array[index] = this.read(array[index]);
    }
    return array;
  }

  #properties(object: object): object {
    const properties = object as Properties;
    for (const key of Object.keys(object)) {
      // Every key is an own one, `__proto__` too, so that the assignment reaches no prototype.
      if (isObject(properties[key])) properties[key] = this.read(properties[key]);
    }
    return object;
  }

  #unescape(escape: Escape): unknown {
    switch (escape[0]) {
      case 'undefined':
        return undefined;
      case 'number':
        return Number(escape[1]);
      case 'bigint':
        return BigInt(escape[1]);
      case 'ref':
        return this.#referred(escape[1]);
      case 'object':
        return this.#properties(this.#numbered(escape[1]));
      case 'sparse':
        return this.#sparse(escape[1], escape[2]);
      case 'null':
        return this.#nullObject(escape[1]);
      case 'map':
        return this.#map(escape[1]);
      case 'set':
        return this.#set(escape[1]);
      case 'error':
        return this.#error(escape[1], escape[2]);
      default:
        return this.#typed(escape);
    }
  }

  #typed(escape: Escape<'instance' | 'converted'> | LeafEscape): object {
    if (escape[0] === 'instance') return this.#instance(escape[1], escape[2]);
    if (escape[0] === 'converted') return this.#converted(escape[1], escape[2]);
    return this.#numbered(this.#leaf(escape));
  }

  /** @param number not checked yet: a forged `__proto__` would give the prototype of the list */
  #referred(number: unknown): object {
    const value = typeof number === 'number' ? this.#objects[number] : undefined;
    if (value === undefined) throw new RangeError('There is no such object.');
    return value;
  }

  #sparse(length: number, elements: [index: number, element: unknown][]): unknown[] {
    const array: unknown[] = this.#numbered([]);
    array.length = length;
    for (const [index, element] of elements) {
      if (!(Number.isInteger(index) && index >= 0 && index < length)) throw new RangeError('An index is none.');
      array[index] = this.read(element);
    }
    return array;
  }

  #nullObject(properties: object): object {
    const object = this.#numbered(Object.create(null) as Properties);
    for (const [key, content] of Object.entries(properties)) object[key] = this.read(content);
    return object;
  }

  #map(entries: [key: unknown, value: unknown][]): Map<unknown, unknown> {
    const map = this.#numbered(new Map<unknown, unknown>());
    for (const [key, value] of entries) map.set(this.read(key), this.read(value));
    return map;
  }

  #set(members: unknown[]): Set<unknown> {
    const set = this.#numbered(new Set<unknown>());
    for (const member of members) set.add(this.read(member));
    return set;
  }

  #error(className: string, properties: EscapeContent['error'][1]): Error {
    const error = this.#numbered(makeError(className));
    for (const [name, enumerable, content] of properties)
      defineErrorProperty(error, { name, enumerable, value: this.read(content) });
    return error;
  }

  /** @param fields not checked yet, as everything that is read */
  #instance(name: string, fields: unknown): object {
    const type = this.#types.named(name);
    if (type === undefined || type.conversion !== undefined || !isObject(fields))
      throw new TypeError('There is no such type.');
    return this.#properties(this.#numbered(withFields(type.prototype, fields)));
  }

  #converted(name: string, stored: unknown): object {
    const type = this.#types.named(name);
    if (type?.conversion === undefined) throw new TypeError('There is no such type.');
    const outer = this.#objects;
    this.#objects = [];
    const own = this.read(stored);
    this.#objects = outer;
    return this.#numbered(makeInstance(type, own));
  }

  #leaf(escape: LeafEscape): object {
    const kind: string = escape[0];
    switch (escape[0]) {
      case 'date':
        return new Date(escape[1] ?? NaN);
      case 'regexp':
        return Object.assign(new RegExp(escape[1], escape[2]), { lastIndex: escape[3] });
      case 'url':
        return new URL(escape[1]);
      case 'search-params':
        return new URLSearchParams(escape[1]);
      case 'buffer':
        // Not a part of `bytes`: that may be a part of the socket's memory, and is read again for the next caller.
        return Buffer.from(this.#blob(escape[1], escape[2]));
      case 'typed-array':
        return makeTypedArray(escape[3], this.#blob(escape[1], escape[2]));
      case 'data-view':
        return new DataView(this.#blob(escape[1], escape[2]));
      case 'array-buffer':
        return this.#blob(escape[1], escape[2]);
      default:
        throw new TypeError(`There is no kind ${kind}.`);
    }
  }

  /** A copy of the next blob. Forged text cannot copy the same bytes many times, because blobs are read in order. */
  #blob(offset: number, byteLength: number): ArrayBuffer {
    if (offset !== this.#blobBytes) throw new RangeError('The bytes are not in their order.');
    const blob = this.#bytes.subarray(offset, offset + byteLength);
    if (blob.length !== byteLength) throw new RangeError('The bytes end too early.');
    this.#blobBytes += byteLength;
    return copyBytes(blob);
  }
}

function escaped(...escape: Escape): { $: Escape } {
  return { $: escape };
}
