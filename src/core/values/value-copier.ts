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
import { type Converted, scan, type ValueScan } from './value-scan.js';
import { type ListedType, makeInstance, NO_TYPES, type ValueTypes, withFields } from '../vocabulary/value-types.js';

/**
 * The protection of a stored value against changes by its readers. `clone`: every reader gets a copy. `freeze`: all
 * readers get the same frozen value, or copies where freezing cannot make it immutable. `none`: all readers get the
 * stored value itself, and must not change it.
 */
export type Isolation = 'clone' | 'freeze' | 'none';

/** A value that is ready to be stored. */
export interface ValueSnapshot {
  /** The stored value itself. */
  readonly value: unknown;
  /** An estimate of its size on the heap, see `ValueScan.sizeBytes`. */
  readonly sizeBytes: number;
  /**
   * Makes the value for one reader from the stored value; `undefined` where readers share the stored value. Throws only
   * if a `from` fails.
   */
  readonly copy: ((value: unknown) => unknown) | undefined;
  /** True when no reader may get the stored value: `copy` makes its instances, from the results of their `to`. */
  readonly isPacked: boolean;
}

/**
 * Validates, measures and, unless the isolation is `none`, copies `value` once.
 * @param types the classes whose instances may be in the value
 * @throws CacheSerializationError that names the path inside the value
 */
export function snapshot(value: unknown, isolation: Isolation, types: ValueTypes = NO_TYPES): ValueSnapshot {
  const found = scan(value, types);
  if (isolation === 'none' || !isObject(value))
    return { value, sizeBytes: found.sizeBytes, copy: undefined, isPacked: false };
  if (found.converted.size > 0)
    return {
      value: copyWith(value, packer(found.converted)),
      sizeBytes: found.sizeBytes,
      copy: unpack,
      isPacked: true,
    };
  const copy = copierFor(found);
  const own = copy(value);
  if (isolation === 'clone' || !found.isFreezable)
    return { value: own, sizeBytes: found.sizeBytes, copy, isPacked: false };
  deepFreeze(own as object);
  return { value: own, sizeBytes: found.sizeBytes, copy: undefined, isPacked: false };
}

/**
 * Makes a copy that shares nothing with `value`, so that several callers can get the result of one load.
 * @throws CacheSerializationError that names the path inside the value, or if a `from` fails
 */
export function copyValue(value: unknown, isolation: Isolation = 'clone', types: ValueTypes = NO_TYPES): unknown {
  if (isolation === 'none' || (!isObject(value) && typeof value !== 'function' && typeof value !== 'symbol'))
    return value;
  const { value: own, isPacked } = snapshot(value, isolation, types);
  return isPacked ? unpack(own) : own;
}

/** A stored instance: the result of its `to`, from which its `from` makes an instance for each reader. */
class Packed {
  constructor(
    readonly type: ListedType,
    readonly stored: unknown,
  ) {}
}

/** The object that replaces `value` in the copy; `undefined` to copy `value` as usual. */
type Substitute = (value: object) => object | undefined;

function packer(converted: ReadonlyMap<object, Converted>): Substitute {
  const pack: Substitute = (value) => {
    const found = converted.get(value);
    return found && new Packed(found.type, copyWith(found.stored, pack));
  };
  return pack;
}

function unpack(value: unknown): unknown {
  return copyWith(value, unpackInstance);
}

function unpackInstance(value: object): object | undefined {
  return value instanceof Packed ? makeInstance(value.type, copyWith(value.stored, unpackInstance)) : undefined;
}

function copyWith(root: unknown, substituteFor: Substitute): unknown {
  const copies = new Map<object, object>();
  const remember: Remember = (value, copy) => void copies.set(value, copy);
  const copy: Copy = (value) =>
    isObject(value) ? (copies.get(value) ?? substituted(value) ?? copyObject(value, copy, remember)) : value;
  const substituted: Substitute = (value) => {
    const substitute = substituteFor(value);
    if (substitute !== undefined) copies.set(value, substitute);
    return substitute;
  };
  return copy(root);
}

type Copy = (value: unknown) => unknown;

function copierFor(found: ValueScan): Copy {
  if (!found.isTree) return copyGraph;
  return found.isPlain ? copyPlain : copyTree;
}

/** Copies a plain tree. The fast loop would copy properties that a library added to `Object.prototype`: check first. */
function copyPlain(value: unknown): unknown {
  for (const _added in Object.prototype) return copyTree(value);
  return copyFast(value as object);
}

/**
 * Copies most of the values that are read. `scan` guarantees that no own key is `__proto__`, whose assignment sets a
 * prototype.
 */
function copyFast(value: object): object {
  if (Array.isArray(value)) {
    const copy = value.slice() as unknown[];
    for (let index = 0; index < copy.length; index++) {
      const child = copy[index];
      if (isObject(child)) copy[index] = copyFast(child);
    }
    return copy;
  }
  const copy: Record<string, unknown> = {};
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    copy[key] = isObject(child) ? copyFast(child) : child;
  }
  return copy;
}

function copyTree(value: unknown): unknown {
  return isObject(value) ? copyObject(value, copyTree, forget) : value;
}

/** Copies every object once, also when it is reached on several paths. */
function copyGraph(root: unknown): unknown {
  return copyWith(root, () => undefined);
}

/** Records a copy before its content is copied, so that a cycle back to the value finds the copy. */
type Remember = (value: object, copy: object) => void;

const forget: Remember = () => undefined;

function copyObject(value: object, child: Copy, remember: Remember): object {
  const kind = kindOf(value);
  if (kind === 'object') return copyProperties({ ...value }, value, child, remember);
  return kind === undefined
    ? copyProperties(withFields(Object.getPrototypeOf(value) as object, value), value, child, remember)
    : handlerFor(COPIERS, kind)(value, child, remember);
}

function copyProperties(copy: object, value: object, child: Copy, remember: Remember): object {
  remember(value, copy);
  const properties = copy as Record<string, unknown>;
  // Every key is an own one of the shallow copy, also `__proto__`: the assignment reaches no prototype and no setter.
  for (const key of Object.keys(properties)) {
    if (isObject(properties[key])) properties[key] = child(properties[key]);
  }
  return copy;
}

function copyArray(value: readonly unknown[], child: Copy, remember: Remember): unknown[] {
  if (isSparse(value)) return copySparse(value, child, remember);
  const copy = value.slice();
  remember(value, copy);
  for (let index = 0; index < copy.length; index++) {
    if (isObject(copy[index])) copy[index] = child(copy[index]);
  }
  return copy;
}

function copySparse(value: readonly unknown[], child: Copy, remember: Remember): unknown[] {
  const copy: unknown[] = [];
  copy.length = value.length;
  remember(value, copy);
  for (const index of Object.keys(value)) copy[Number(index)] = child(value[Number(index)]);
  return copy;
}

function copyMap(value: ReadonlyMap<unknown, unknown>, child: Copy, remember: Remember): Map<unknown, unknown> {
  const copy = new Map<unknown, unknown>();
  remember(value, copy);
  for (const [key, content] of value) copy.set(child(key), child(content));
  return copy;
}

function copySet(value: ReadonlySet<unknown>, child: Copy, remember: Remember): Set<unknown> {
  const copy = new Set<unknown>();
  remember(value, copy);
  for (const content of value) copy.add(child(content));
  return copy;
}

function copyError(value: Error, child: Copy, remember: Remember): Error {
  const copy = makeError(errorClassName(value));
  remember(value, copy);
  for (const property of errorProperties(value))
    defineErrorProperty(copy, { ...property, value: child(property.value) });
  return copy;
}

/** Copies a value that holds no other values. */
function leaf<Value extends object>(copyOf: (value: Value) => object) {
  return (value: Value, _child: Copy, remember: Remember): object => {
    const copy = copyOf(value);
    remember(value, copy);
    return copy;
  };
}

function copyRegExp(value: RegExp): RegExp {
  const copy = new RegExp(value.source, value.flags);
  copy.lastIndex = value.lastIndex;
  return copy;
}

const COPIERS: PerKind<Exclude<ValueKind, 'object'>, [child: Copy, remember: Remember], object> = {
  'null-object': (value, child, remember) =>
    copyProperties(Object.assign(Object.create(null) as object, value), value, child, remember),
  array: copyArray,
  map: copyMap,
  set: copySet,
  error: copyError,
  date: leaf((value) => new Date(value.getTime())),
  regexp: leaf(copyRegExp),
  url: leaf((value) => new URL(value.href)),
  'search-params': leaf((value) => new URLSearchParams(value)),
  // Not Buffer.from: a small copy in Node's pool would keep 8 KB alive, and show its neighbours through `.buffer`.
  buffer: leaf((value) => Buffer.from(copyBytes(value))),
  'typed-array': leaf((value) => makeTypedArray(typedArrayName(value), value)),
  'data-view': leaf((value) => new DataView(copyBytes(value))),
  'array-buffer': leaf(copyBytes),
};

function deepFreeze(value: object): void {
  if (Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const child of Object.values(value)) if (isObject(child)) deepFreeze(child);
}
