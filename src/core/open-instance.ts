import { kindOf } from './value-kinds.js';

/*
 * Instances whose whole value can be read from their fields. What hides a part of it is left out: private fields, which
 * stand in the source of the class, symbols, fields that are functions, and everything that a builtin is part of.
 */

/** The name of the class of an instance that holds nothing but its own fields; `undefined` for any other value. */
export function openInstanceName(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || kindOf(value) !== undefined || hasHiddenFields(value)) return undefined;
  return openClassName(prototype);
}

/** Whether the value is an object that a parser made without `Object.prototype`: its prototype is empty and has none itself. */
export function isParserObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype !== null && Object.getPrototypeOf(prototype) === null && Reflect.ownKeys(prototype).length === 0;
}

function hasHiddenFields(value: object): boolean {
  const keys = Reflect.ownKeys(value);
  if (keys.length === 0) return true;
  return keys.some((key) => typeof key === 'symbol' || !isPlainField(Object.getOwnPropertyDescriptor(value, key)));
}

function isPlainField(field: PropertyDescriptor | undefined): boolean {
  return field?.enumerable === true && 'value' in field && typeof field.value !== 'function';
}

const nameOfPrototype = new WeakMap<object, { readonly name: string | undefined }>();

function openClassName(prototype: object): string | undefined {
  let known = nameOfPrototype.get(prototype);
  if (known === undefined) nameOfPrototype.set(prototype, (known = { name: readClassName(prototype) }));
  return known.name;
}

function readClassName(prototype: object): string | undefined {
  for (let link: object | null = prototype; link !== null && !isRoot(link); link = Object.getPrototypeOf(link) as object | null) {
    const made = Object.getOwnPropertyDescriptor(link, 'constructor')?.value as unknown;
    if (typeof made !== 'function' || made.prototype !== link || HIDES.test(Function.prototype.toString.call(made))) return undefined;
  }
  const { name } = prototype.constructor;
  return name === '' ? undefined : name;
}

/** `Object.prototype` of any realm. */
function isRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, '__defineGetter__');
}

/** Source that no class of a program's own has, or one with private fields, also as compilers write them for old targets. */
const HIDES = /\[native code\]|#[\p{ID_Start}$_]|class_?private|WeakMap|WeakSet/iu;
