import { kindOf } from './value-kinds.js';

/*
 * An open instance has no other state than its fields, so its fields are its whole value. An instance is not open if it
 * has private fields (found in the source of its class), symbols, or functions as fields, or if it extends a builtin.
 */

/** The name of the class of an open instance; `undefined` for any other value. */
export function openInstanceName(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || kindOf(value) !== undefined || hiddenPart(value) !== undefined) return undefined;
  return classNameOf(value);
}

/** The name of the class of an instance; `undefined` when it has none. */
export function classNameOf(value: object): string | undefined {
  const made = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  return typeof made === 'function' && made !== Object && made.name !== '' ? made.name : undefined;
}

/** The first hidden part of an instance, to complete "which has ..."; `undefined` for an open instance. */
export function hiddenPart(value: object): string | undefined {
  return hiddenInClass(Object.getPrototypeOf(value) as object) ?? hiddenField(value);
}

/** The first hidden part in the source of the class, or of a class that it extends; as for `hiddenPart`. */
export function hiddenInClass(prototype: object): string | undefined {
  let known = hiddenOfPrototype.get(prototype);
  if (known === undefined) hiddenOfPrototype.set(prototype, (known = { part: readHidden(prototype) }));
  return known.part;
}

const hiddenOfPrototype = new WeakMap<object, { readonly part: string | undefined }>();

function hiddenField(value: object): string | undefined {
  const keys = Reflect.ownKeys(value);
  if (keys.length === 0) return 'no field of its own';
  for (const key of keys) {
    if (typeof key === 'symbol') return `the symbol key ${String(key)}`;
    const field = Object.getOwnPropertyDescriptor(value, key);
    if (field?.enumerable !== true || !('value' in field)) return `\`${key}\`, which is hidden or computed`;
    if (typeof field.value === 'function') return `the function \`${key}\` as a field`;
  }
  return undefined;
}

function readHidden(prototype: object): string | undefined {
  for (
    let link: object | null = prototype;
    link !== null && !isRoot(link);
    link = Object.getPrototypeOf(link) as object | null
  ) {
    const made = Object.getOwnPropertyDescriptor(link, 'constructor')?.value as unknown;
    if (typeof made !== 'function' || made.prototype !== link) return 'no class of its own';
    const hidden = HIDES.exec(Function.prototype.toString.call(made));
    if (hidden !== null)
      return hidden[0].startsWith('[')
        ? `a part that is a builtin (${made.name})`
        : `private state (\`${hidden[0]}\` in the source of ${made.name})`;
  }
  return undefined;
}

/** `Object.prototype` of any realm. */
function isRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, '__defineGetter__');
}

/**
 * A private field in the source of a class. A `#` after a quote or a word is not one (but a colour or a part of a URL),
 * unless the word is a modifier such as `get` or `static`.
 */
const PRIVATE_FIELD =
  /(?:(?<![\w$'"`])|(?<=\b(?:get|set|static|async|accessor)))#[\p{ID_Start}$_][\p{ID_Continue}$]*/iu;

/** Matches the source of builtins, and of classes with private fields, also as compilers write them for old targets. */
const HIDES = new RegExp(`\\[native code\\]|${PRIVATE_FIELD.source}|class_?private|WeakMap|WeakSet`, 'iu');
