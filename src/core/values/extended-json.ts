/**
 * JSON for what JSON cannot say, with binary content beside the text instead of inside it.
 *
 * Whatever JSON has no word for is written as `{"$":[kind, ...]}`, a user's own object with a key `$` as
 * `{"$":["object", {...}]}`. Every object, array and builtin has a number, counted in the order in which the walk meets
 * them; what is met again is written as `{"$":["ref", number]}`. Writer and reader must therefore walk alike: number an
 * object first, then go through its content in the same order. What the `to` of a type gave is a value of its own, with
 * numbers of its own.
 *
 * Chosen over devalue and `v8.serialize` on measurements, see docs/values.md.
 */
import {
  defineErrorProperty,
  errorClassName,
  errorProperties,
  isObject,
  isSparse,
  kindOf,
  makeError,
  makeTypedArray,
  copyBytes,
  typedArrayName,
  type TypedArray,
  type ValueKind,
} from './value-kinds.js';
import type { Converted, ValueScan } from './value-scan.js';
import { type ListedType, makeInstance, type ValueTypes, withFields } from '../vocabulary/value-types.js';

export interface ExtendedJson {
  readonly text: string;
  /** What the `bytes` of the reader are made of, one after the other. */
  readonly blobs: readonly Uint8Array[];
}

/** @param found what `scan`, which must have accepted `value` with these `types`, found */
export function writeExtendedJson(value: unknown, found: WrittenScan, types: ValueTypes): ExtendedJson {
  const writer = new Writer(found, types);
  const text = JSON.stringify(writer.write(value));
  return { text, blobs: writer.blobs };
}

/**
 * The value as it was written, sharing no memory with `bytes`.
 * @throws where the text or the bytes are not what a writer wrote, name a type that `types` lacks, or its `from` fails
 */
export function readExtendedJson(text: string, bytes: Buffer, types: ValueTypes): unknown {
  return new Reader(bytes, types).read(JSON.parse(text));
}

type WrittenScan = Pick<ValueScan, 'isTree' | 'converted'>;

type Escape = readonly [kind: string, ...content: unknown[]];
type Properties = Record<string, unknown>;

class Writer {
  readonly blobs: Uint8Array[] = [];
  #blobBytes = 0;
  /** Absent for a tree, in which nothing is met again. */
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
    return { $: kind === undefined ? this.#instance(value) : this.#builtin(kind, value) };
  }

  #instance(value: object): Escape {
    const converted = this.#converted.get(value);
    // A copy of the fields, because JSON.stringify would call a `toJSON` of the class.
    if (converted === undefined)
      return [
        'instance',
        (this.#types.of(value) as ListedType).name,
        this.#properties(withFields(Object.prototype, value)),
      ];
    const outer = this.#numbers;
    if (outer !== undefined) this.#numbers = new Map();
    const stored = this.write(converted.stored);
    this.#numbers = outer;
    return ['converted', converted.type.name, stored];
  }

  /** The same object where nothing in it needs an escape, so that JSON-like parts cost a look and no copy. */
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
    if (!isSparse(value)) return value.map((child) => this.write(child));
    const elements = Object.keys(value).map((index) => [Number(index), this.write(value[Number(index)])]);
    return escaped('sparse', value.length, elements);
  }

  #builtin(kind: ValueKind, value: object): Escape {
    switch (kind) {
      case 'null-object':
        return ['null', this.#properties(value)];
      case 'date':
        return ['date', (value as Date).getTime()];
      case 'regexp':
        return ['regexp', (value as RegExp).source, (value as RegExp).flags, (value as RegExp).lastIndex];
      case 'map':
        return ['map', Array.from(value as Map<unknown, unknown>, (entry) => entry.map((part) => this.write(part)))];
      case 'set':
        return ['set', Array.from(value as Set<unknown>, (content) => this.write(content))];
      case 'url':
        return ['url', (value as URL).href];
      case 'search-params':
        return ['search-params', (value as URLSearchParams).toString()];
      case 'error':
        return ['error', errorClassName(value as Error), this.#error(value as Error)];
      default:
        return this.#binary(kind, value as NodeJS.ArrayBufferView | ArrayBuffer);
    }
  }

  #error(error: Error): unknown[] {
    return errorProperties(error).map(({ name, enumerable, value }) => [name, enumerable, this.write(value)]);
  }

  #binary(kind: ValueKind, value: NodeJS.ArrayBufferView | ArrayBuffer): Escape {
    const blob = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    const place = [this.#blobBytes, blob.length];
    this.blobs.push(blob);
    this.#blobBytes += blob.length;
    return kind === 'typed-array' ? [kind, ...place, typedArrayName(value as TypedArray)] : [kind, ...place];
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

  /** Works in place: what `JSON.parse` made is nobody else's. */
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

  #unescape([kind, first, second, third]: Escape): unknown {
    switch (kind) {
      case 'undefined':
        return undefined;
      case 'number':
        return Number(first);
      case 'bigint':
        return BigInt(first as string);
      case 'ref':
        return this.#referred(first);
      case 'object':
        return this.#properties(this.#numbered(first as object));
      case 'sparse':
        return this.#sparse(first as number, second as [number, unknown][]);
      case 'null':
        return this.#nullObject(first as object);
      case 'map':
        return this.#map(first as [unknown, unknown][]);
      case 'set':
        return this.#set(first as unknown[]);
      case 'error':
        return this.#error(first as string, second as [string, boolean, unknown][]);
      default:
        return this.#instance(kind, first as string, second) ?? this.#numbered(this.#leaf(kind, first, second, third));
    }
  }

  #referred(number: unknown): object {
    // A forged `__proto__` would name the prototype of the list.
    const value = typeof number === 'number' ? this.#objects[number] : undefined;
    if (value === undefined) throw new RangeError('There is no such object.');
    return value;
  }

  #sparse(length: number, elements: [number, unknown][]): unknown[] {
    const array: unknown[] = this.#numbered([]);
    array.length = length;
    for (const [index, content] of elements) {
      if (!(Number.isInteger(index) && index >= 0 && index < length)) throw new RangeError('An index is none.');
      array[index] = this.read(content);
    }
    return array;
  }

  #nullObject(properties: object): object {
    const object = this.#numbered(Object.create(null) as Properties);
    for (const [key, content] of Object.entries(properties)) object[key] = this.read(content);
    return object;
  }

  #map(entries: [unknown, unknown][]): Map<unknown, unknown> {
    const map = this.#numbered(new Map<unknown, unknown>());
    for (const [key, content] of entries) map.set(this.read(key), this.read(content));
    return map;
  }

  #set(contents: unknown[]): Set<unknown> {
    const set = this.#numbered(new Set<unknown>());
    for (const content of contents) set.add(this.read(content));
    return set;
  }

  #error(className: string, properties: [string, boolean, unknown][]): Error {
    const error = this.#numbered(makeError(className));
    for (const [name, enumerable, content] of properties)
      defineErrorProperty(error, { name, enumerable, value: this.read(content) });
    return error;
  }

  /** The instance of a type; `undefined` where the kind is another. */
  #instance(kind: string, name: string, content: unknown): object | undefined {
    if (kind === 'instance') return this.#bare(name, content);
    return kind === 'converted' ? this.#converted(name, content) : undefined;
  }

  #bare(name: string, fields: unknown): object {
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

  #leaf(kind: string, first: unknown, second: unknown, third: unknown): object {
    switch (kind) {
      case 'date':
        return new Date((first as number | null) ?? NaN);
      case 'regexp':
        return Object.assign(new RegExp(first as string, second as string), { lastIndex: third as number });
      case 'url':
        return new URL(first as string);
      case 'search-params':
        return new URLSearchParams(first as string);
      case 'buffer':
        // Not the part of `bytes` itself, which may be a piece of the socket's, and is read again for the next caller.
        return Buffer.from(copyBytes(this.#blob(first as number, second as number)));
      case 'typed-array':
        return makeTypedArray(third as string, copyBytes(this.#blob(first as number, second as number)));
      case 'data-view':
        return new DataView(copyBytes(this.#blob(first as number, second as number)));
      case 'array-buffer':
        return copyBytes(this.#blob(first as number, second as number));
      default:
        throw new TypeError(`There is no kind ${kind}.`);
    }
  }

  #blob(offset: number, length: number): Buffer {
    // One after the other, as they were written: forged text cannot have the same bytes copied a million times.
    if (offset !== this.#blobBytes) throw new RangeError('The bytes are not in their order.');
    const blob = this.#bytes.subarray(offset, offset + length);
    if (blob.length !== length) throw new RangeError('The bytes end too early.');
    this.#blobBytes += length;
    return blob;
  }
}

function escaped(...escape: Escape): { $: Escape } {
  return { $: escape };
}
