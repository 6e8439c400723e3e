import { kindOf } from './value-kinds.js';

/*
 * Instances whose whole value can be read from their fields. What hides a part of it is left out: private fields, which
 * stand in the source of the class, symbols, fields that are functions, and everything that a builtin is part of.
 */

/** The name of the class of an instance that holds nothing but its own fields; `undefined` for any other value. */
export function openInstanceName(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || kindOf(value) !== undefined || hiddenPart(value) !== undefined) return undefined;
  return classNameOf(value);
}

/** The name of the class of an instance; `undefined` where it has none. */
export function classNameOf(value: object): string | undefined {
  const made = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor;
  return typeof made === 'function' && made !== Object && made.name !== '' ? made.name : undefined;
}

/**
 * Why the fields of an instance may not be all that it holds, as the end of "which has ..."; `undefined` where they
 * are.
 */
export function hiddenPart(value: object): string | undefined {
  return hiddenInClass(Object.getPrototypeOf(value) as object) ?? hiddenField(value);
}

/** What the class, or one that it extends, hides by what its source shows, as for `hiddenPart`. */
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
 * Source that no class of a program's own has, or one with private fields, also as compilers write them for old
 * targets. A `#` behind a quote or a word begins a colour or a part of an address, unless the word is one that may
 * stand there.
 */
const HIDES =
  /\[native code\]|(?:(?<![\w$'"`])|(?<=\b(?:get|set|static|async|accessor)))#[\p{ID_Start}$_][\p{ID_Continue}$]*|class_?private|WeakMap|WeakSet/iu;
