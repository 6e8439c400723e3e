import { CacheSerializationError } from '../vocabulary/cache.errors.js';
import { refusalOf } from './instance-refusal.js';
import { hiddenPart } from './hidden-state.js';
import {
  errorProperties,
  handlerFor,
  isObject,
  isSparse,
  kindOf,
  type PerKind,
  type ValueKind,
} from './value-kinds.js';
import { type Conversion, type ListedType, NO_TYPES, type ValueTypes } from '../vocabulary/value-types.js';

/** Nesting levels of objects and arrays at most: far more than any real value has, far fewer than the stack allows. */
export const MAX_DEPTH = 1000;

/** The results of one walk over a value. */
export interface ValueScan {
  /**
   * An estimate of the memory of a copy, with an error of about a half for usual values: a string is 16 bytes and one
   * or two per character, an object 56 and 8 per property, an array 32 and 8 per element, binary content 200 and its
   * length. Keys count only in objects with more than 64 of them, which are used as maps; smaller objects of the same
   * shape share their keys.
   */
  readonly sizeBytes: number;
  /** True when no object is reached twice: then a copier need not remember its copies. */
  readonly isTree: boolean;
  /** True for only primitives, plain objects without a key `__proto__`, and arrays without holes. */
  readonly isPlain: boolean;
  /** True when `JSON.parse(JSON.stringify(value))` gives the same value. */
  readonly isJson: boolean;
  /**
   * True when `Object.freeze` on every object makes the value immutable: it does not for a Date, a Map or a Buffer.
   */
  readonly isFreezable: boolean;
  /**
   * The results of `to`, by instance. Each result is a separate value: it shares nothing with the value around the
   * instance.
   */
  readonly converted: ReadonlyMap<object, Converted>;
}

export interface Converted {
  readonly type: ListedType;
  readonly stored: unknown;
}

/**
 * Validates, measures and classifies a value in one walk. Getters are read, as by `JSON.stringify`.
 * @param types the classes whose instances may be in the value
 * @throws CacheSerializationError that names the path of the first part that cannot be stored
 */
export function scan(value: unknown, types: ValueTypes = NO_TYPES): ValueScan {
  const scanner = new Scanner(types);
  scanner.run(value);
  return scanner;
}

/** A property, an index, or a step in the form of code, such as `.get("a")`. */
type Step = string | number | { readonly code: string };

/** The kinds that are less frequent in values. */
type BuiltinKind = Exclude<ValueKind, 'object' | 'array'>;

const STRING_BYTES = 16;
const NUMBER_BYTES = 8;
const OBJECT_BYTES = 56;
const ARRAY_BYTES = 32;
const SLOT_BYTES = 8;
const WIDE_OBJECT_KEYS = 64;
const WIDE_OBJECT_KEY_BYTES = 150;
/** Bytes of a Date, a Map and the like, without their content. */
const BUILTIN_BYTES = 96;
const BINARY_BYTES = 200;
const URL_BYTES = 350;
const MAP_ENTRY_BYTES = 40;
const SET_ENTRY_BYTES = 24;
/** Longest array that is checked for named properties, because that check costs more than the rest of the scan. */
const NAMED_ARRAY_LENGTH = 1000;

class Scanner implements ValueScan {
  sizeBytes = 0;
  isTree = true;
  isPlain = true;
  isJson = true;
  isFreezable = true;
  converted: ReadonlyMap<object, Converted> = NOTHING_CONVERTED;

  readonly #types: ValueTypes;
  #seen = new Set<object>();
  /** The first `#depth` steps are the path of the current value; the steps behind them are old. */
  readonly #path: Step[] = [];
  #depth = 0;
  /** The instances whose `to` results contain the current value. */
  #converting: readonly object[] = [];

  constructor(types: ValueTypes) {
    this.#types = types;
  }

  run(value: unknown): void {
    try {
      this.#value(value);
    } catch (error) {
      if (error instanceof CacheSerializationError) throw error;
      this.#refuse('could not be read; make its getters work, or leave it out', error);
    }
  }

  #value(value: unknown): void {
    if (typeof value === 'string') this.sizeBytes += stringBytes(value);
    else if (isObject(value)) this.#object(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'function') this.#refuse('is a function; leave it out, or store what it returns');
    else if (typeof value === 'symbol') this.#refuse('is a symbol; store its description instead');
    else if (typeof value === 'bigint' || value === undefined) this.isJson = false;
  }

  #number(value: number): void {
    this.sizeBytes += NUMBER_BYTES;
    const isFinite = value - value === 0;
    const isMinusZero = value === 0 && 1 / value < 0;
    if (!isFinite || isMinusZero) this.isJson = false;
  }

  #object(value: object): void {
    const seen = this.#seen.size;
    if (this.#seen.add(value).size === seen) {
      this.isTree = this.isJson = false;
      return;
    }
    if (this.#depth >= MAX_DEPTH) this.#refuse(`is nested more than ${MAX_DEPTH} deep; store it in a flatter shape`);
    const kind = kindOf(value);
    if (kind === 'object') this.#properties(value);
    else if (kind === 'array') this.#array(value as unknown[]);
    else if (kind === undefined) this.#instance(value);
    else this.#builtin(kind, value);
  }

  #properties(value: object): void {
    this.#noSymbols(value);
    const keys = Object.keys(value);
    this.sizeBytes +=
      OBJECT_BYTES + keys.length * (keys.length > WIDE_OBJECT_KEYS ? WIDE_OBJECT_KEY_BYTES : SLOT_BYTES);
    for (const key of keys) {
      if (key === '__proto__') this.isPlain = false;
      this.#path[this.#depth++] = key;
      this.#value((value as Record<string, unknown>)[key]);
      this.#depth--;
    }
  }

  #array(value: readonly unknown[]): void {
    this.#noSymbols(value);
    this.sizeBytes += ARRAY_BYTES + SLOT_BYTES * value.length;
    if (isSparse(value)) {
      this.#sparse(value);
      return;
    }
    if (value.length <= NAMED_ARRAY_LENGTH) this.#noNames(value, value.length);
    for (let index = 0; index < value.length; index++) this.#child(index, value[index]);
  }

  #sparse(value: readonly unknown[]): void {
    this.isPlain = this.isJson = false;
    const indexes = Object.keys(value).filter(isIndex);
    this.#noNames(value, indexes.length);
    for (const index of indexes) this.#child(Number(index), value[Number(index)]);
  }

  #builtin(kind: BuiltinKind, value: object): void {
    this.isPlain = this.isJson = false;
    if (kind !== 'null-object') this.isFreezable = false;
    handlerFor(Scanner.#BUILTINS, kind)(value, this);
  }

  static readonly #BUILTINS: PerKind<BuiltinKind, [scanner: Scanner], void> = {
    'null-object': (value, scanner) => scanner.#properties(value),
    error: (value, scanner) => scanner.#error(value),
    date: (value, scanner) => scanner.#unnamed(value),
    regexp: (value, scanner) => scanner.#unnamed(value),
    map: (value, scanner) => scanner.#map(value),
    set: (value, scanner) => scanner.#set(value),
    url: (value, scanner) => scanner.#unnamed(value, URL_BYTES + stringBytes(value.href)),
    'search-params': (value, scanner) => scanner.#unnamed(value, stringBytes(value.toString())),
    buffer: (value, scanner) => scanner.#binary(value),
    'typed-array': (value, scanner) => scanner.#binary(value),
    'data-view': (value, scanner) => scanner.#binary(value),
    'array-buffer': (value, scanner) => scanner.#binary(value),
  };

  #error(error: Error): void {
    this.#noSymbols(error);
    this.sizeBytes += BUILTIN_BYTES;
    for (const { name, value } of errorProperties(error)) this.#child(name, value);
  }

  #binary({ byteLength }: ArrayBuffer | ArrayBufferView): void {
    this.sizeBytes += BINARY_BYTES + byteLength;
  }

  /** Measures a builtin, and refuses properties of its own. @param contentBytes the size of its content */
  #unnamed(value: object, contentBytes = 0): void {
    this.#noNames(value, 0);
    this.sizeBytes += BUILTIN_BYTES + contentBytes;
  }

  #map(map: ReadonlyMap<unknown, unknown>): void {
    this.#unnamed(map);
    let index = 0;
    for (const [key, value] of map) {
      this.sizeBytes += MAP_ENTRY_BYTES;
      this.#child({ code: `.keys()[${index}]` }, key);
      this.#child({ code: typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${index}]` }, value);
      index++;
    }
  }

  #set(set: ReadonlySet<unknown>): void {
    this.#unnamed(set);
    let index = 0;
    for (const value of set) {
      this.sizeBytes += SET_ENTRY_BYTES;
      this.#child({ code: `.values()[${index++}]` }, value);
    }
  }

  #child(step: Step, value: unknown): void {
    this.#path[this.#depth++] = step;
    this.#value(value);
    this.#depth--;
  }

  #noSymbols(value: object): void {
    const symbols = Object.getOwnPropertySymbols(value);
    if (symbols.length === 0) return;
    const symbol = symbols.find((one) => Object.prototype.propertyIsEnumerable.call(value, one));
    if (symbol !== undefined)
      this.#refuse(`has the symbol key ${String(symbol)}; use a string as the key, or leave it out`);
  }

  /** Refuses an array or a builtin with other properties than its `expected` elements. */
  #noNames(value: object, expected: number): void {
    const keys = Object.keys(value);
    if (keys.length === expected) return;
    this.#path[this.#depth++] = keys[expected] as string;
    this.#refuse('is a named property of an array or a builtin; put both into a plain object');
  }

  #instance(value: object): void {
    this.isPlain = this.isJson = false;
    const type = this.#types.of(value);
    if (type?.conversion !== undefined) return this.#conversion(value, type, type.conversion);
    const isStorable =
      type === undefined ? this.#types.keepsOthers && hiddenPart(value) === undefined : hidesNothing(value);
    if (!isStorable) this.#refuse(refusalOf(value, this.#types));
    this.#properties(value);
  }

  /** Walks the result of `to` as a separate value: objects that were reached outside of it count as not reached yet. */
  #conversion(value: object, type: ListedType, conversion: Conversion): void {
    const outer = { seen: this.#seen, converting: this.#converting };
    if (outer.converting.includes(value))
      this.#refuse(
        `is an instance of ${type.name} that its own \`to\` gives again; let \`to\` leave out what leads back to it`,
      );
    this.isFreezable = false;
    this.sizeBytes += OBJECT_BYTES;
    this.#seen = new Set();
    this.#converting = [...outer.converting, value];
    this.#child({ code: '.to()' }, this.#stored(value, type, conversion));
    this.#seen = outer.seen;
    this.#converting = outer.converting;
  }

  /** The result of `to`, which is called once per instance. */
  #stored(value: object, type: ListedType, conversion: Conversion): unknown {
    const known = this.converted.get(value);
    if (known !== undefined) return known.stored;
    const stored = this.#resultOfTo(value, type, conversion);
    if (this.converted === NOTHING_CONVERTED) this.converted = new Map();
    (this.converted as Map<object, Converted>).set(value, { type, stored });
    return stored;
  }

  #resultOfTo(value: object, type: ListedType, conversion: Conversion): unknown {
    try {
      return conversion.to(value);
    } catch (error) {
      return this.#refuse(`is an instance of ${type.name}, whose \`to\` failed; let it take every instance`, error);
    }
  }

  #refuse(reason: string, cause?: unknown): never {
    const path = formatPath(this.#path.slice(0, this.#depth));
    throw new CacheSerializationError(path, `${path} ${reason}.`, cause === undefined ? undefined : { cause });
  }
}

const NOTHING_CONVERTED: ReadonlyMap<object, Converted> = new Map();

/**
 * True when the enumerable fields of an instance of a listed class can be stored: it has no methods as fields, and no
 * relation that is loaded when it is read.
 */
function hidesNothing(value: object): boolean {
  const keys = Object.keys(value);
  if (keys.some((key) => typeof (value as Record<string, unknown>)[key] === 'function')) return false;
  const names = Object.getOwnPropertyNames(value);
  return (
    names.length === keys.length || !names.some((name) => isHiddenGetter(Object.getOwnPropertyDescriptor(value, name)))
  );
}

function isHiddenGetter(field: PropertyDescriptor | undefined): boolean {
  return field?.enumerable === false && field.get !== undefined;
}

function stringBytes(text: string): number {
  // Fast: V8 knows that a one-byte string cannot match, and does not search it.
  const isWide = /[^\0-\xff]/.test(text);
  return STRING_BYTES + (isWide ? 2 * text.length : text.length);
}

function isIndex(key: string): boolean {
  const index = Number(key);
  return Number.isInteger(index) && index >= 0 && index < 2 ** 32 - 1 && String(index) === key;
}

function formatPath(steps: readonly Step[]): string {
  const path = `$${steps.map(formatStep).join('')}`;
  return path.length <= 200 ? path : `${path.slice(0, 120)}…${path.slice(-60)}`;
}

function formatStep(step: Step): string {
  if (typeof step === 'object') return step.code;
  if (typeof step === 'number') return `[${step}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}
