import { CacheConfigError } from '../vocabulary/cache.errors.js';
import { hiddenInClass } from './hidden-state.js';
import { checkNames, expected } from '../vocabulary/option-checks.js';
import { kindOfPrototype } from './value-kinds.js';
import { type ListedType, type ValueClass, type ValueType, ValueTypes } from '../vocabulary/value-types.js';

/**
 * Reads the option `types`.
 * @param keepsOthers as for `ValueTypes`
 * @throws CacheConfigError that names the first entry that is no class, is incomplete, or contradicts another entry
 */
export function readTypes(value: unknown, keepsOthers: boolean): ValueTypes {
  if (value === undefined) return new ValueTypes([], keepsOthers);
  if (!Array.isArray(value)) throw expected('types', 'an array of classes, such as [User]', value);
  const listed = Array.from(value as unknown[], readType);
  listed.forEach((type, index) => checkDistinct(type, index, listed));
  return new ValueTypes(Object.freeze(listed), keepsOthers);
}

/** A class as `types` would list it alone; `undefined` for one that the option would refuse. */
export function bareTypeOf(value: unknown): ListedType | undefined {
  try {
    return typeof value === 'function' ? bareType(value, 'types') : undefined;
  } catch {
    return undefined;
  }
}

function readType(value: unknown, index: number): ListedType {
  const where = `types[${index}]`;
  if (typeof value === 'function') return bareType(value, where);
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    Object.getPrototypeOf(value) !== Object.prototype
  ) {
    throw expected(where, 'a class, or { name, class, to, from }', value);
  }
  return convertedType(value, where);
}

function bareType(value: object, where: string): ListedType {
  const { name, prototype } = checkClass(value, where);
  if (name === '')
    throw new CacheConfigError(
      `Expected \`${where}\` to be a class with a name, because stored entries contain the name, got one without. ` +
        'Name it, or write { name, class, to, from }.',
    );
  const hidden = hiddenInClass(prototype);
  if (hidden === undefined) return Object.freeze({ name, prototype, conversion: undefined });
  throw new CacheConfigError(
    `Expected \`${where}\` to be a class whose instances are no more than their fields, got ${name}, which has ` +
      `${hidden}. Say what is stored of it and how it is made again: ` +
      `{ name: '${name}', class: ${name}, to: (value) => ..., from: (stored) => ... }.`,
  );
}

function convertedType(value: object, where: string): ListedType {
  checkNames(value, ['name', 'class', 'to', 'from'], `${where}.`);
  const { name, class: valueClass, to, from } = value as Partial<Record<keyof ValueType, unknown>>;
  if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
    const wanted = 'a non-empty string of well-formed Unicode, because stored entries contain it';
    throw expected(`${where}.name`, wanted, name);
  }
  const { prototype } = checkClass(valueClass, `${where}.class`);
  const conversion = {
    to: checkConverter(to, `${where}.to`, 'makes something storable from an instance'),
    from: checkConverter(from, `${where}.from`, 'makes the instance from what `to` gave'),
  };
  return Object.freeze({ name, prototype, conversion: Object.freeze(conversion) });
}

function checkClass(value: unknown, where: string): ValueClass & { readonly prototype: object } {
  const prototype = typeof value === 'function' ? (value.prototype as unknown) : undefined;
  if (typeof prototype !== 'object' || prototype === null) throw expected(where, 'a class', value);
  if (kindOfPrototype(prototype) !== undefined)
    throw new CacheConfigError(
      `Expected \`${where}\` to be a class of your own, got the builtin ${(value as ValueClass).name}. ` +
        'Leave it out: docs/values.md says which builtins are stored as they are.',
    );
  return value as ValueClass & { readonly prototype: object };
}

function checkConverter(value: unknown, where: string, does: string): (value: unknown) => unknown {
  if (typeof value === 'function') return value as (value: unknown) => unknown;
  throw expected(where, `a function that ${does}`, value, 'To store the fields as they are, list the class alone.');
}

function checkDistinct({ name, prototype }: ListedType, index: number, listed: readonly ListedType[]): void {
  const sameClass = listed.findIndex((other) => other.prototype === prototype);
  if (sameClass < index)
    throw new CacheConfigError(
      `Expected every class of \`types\` once, got ${name} at [${sameClass}] and again at [${index}]. ` +
        'Leave one of them out.',
    );
  const sameName = listed.findIndex((other) => other.name === name);
  if (sameName < index) {
    throw new CacheConfigError(
      `Expected every name in \`types\` to be another, got \`${name}\` at [${sameName}] and again at [${index}]. ` +
        'Write one of them as { name, class, to, from }, with a name of its own.',
    );
  }
}
