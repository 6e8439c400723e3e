import { CacheSerializationError } from './cache.errors.js';

/*
 * The classes whose instances a cache returns as instances. A class is recognized by its prototype, not by its name: an
 * instance of a subclass, or of the same class from a second copy of its module, is not of a listed class. The name is
 * only for stored entries.
 */

/** A class, abstract ones included. */
export type ValueClass = abstract new (...parameters: never[]) => object;

/** A class whose instances are stored as the result of `to` instead of as their fields. */
export interface ValueType {
  /** The name of the class in stored entries. Another name makes them unreadable. */
  name: string;
  /** The class; its constructor may be private. */
  class: ValueClass | { readonly name: string; readonly prototype: object };
  /** Makes a storable value from an instance. */
  to(value: unknown): unknown;
  /** Makes an instance from a private copy of the result of `to`. */
  from(stored: unknown): unknown;
}

/** A class of `types`, read once. */
export interface ListedType {
  readonly name: string;
  readonly prototype: object;
  /** `undefined` for a bare class, whose instances are stored as their own enumerable fields. */
  readonly conversion: Conversion | undefined;
}

export type Conversion = Pick<ValueType, 'to' | 'from'>;

/** Classes by name and by prototype. A name and a prototype are listed once. */
class TypeList {
  readonly #byName = new Map<string, ListedType>();
  readonly #byPrototype = new Map<object, ListedType>();

  get all(): readonly ListedType[] {
    return [...this.#byName.values()];
  }

  of(prototype: object): ListedType | undefined {
    return this.#byPrototype.get(prototype);
  }

  named(name: string): ListedType | undefined {
    return this.#byName.get(name);
  }

  add(type: ListedType): void {
    if (this.#byName.has(type.name) || this.#byPrototype.has(type.prototype)) return;
    this.#byName.set(type.name, type);
    this.#byPrototype.set(type.prototype, type);
  }
}

/** The listed classes of one cache. Copiers and codecs get it from the options, also in custom adapters. */
export class ValueTypes {
  readonly #list: TypeList;
  readonly #onFault: (error: CacheSerializationError) => void;

  /**
   * @param listed the classes; or the types whose list is shared, with what is added to it later
   * @param keepsOthers true to keep the prototype of instances of unlisted classes, too, if they hold only their fields
   * @param onFault called with the error of a `from` that makes a read a miss
   */
  constructor(
    listed: readonly ListedType[] | ValueTypes,
    readonly keepsOthers: boolean,
    onFault: (error: CacheSerializationError) => void = () => undefined,
  ) {
    this.#onFault = onFault;
    this.#list = listed instanceof ValueTypes ? listed.#list : new TypeList();
    if (!(listed instanceof ValueTypes)) for (const type of listed) this.#list.add(type);
  }

  get listed(): readonly ListedType[] {
    return this.#list.all;
  }

  /** The listed class of `value`, if any. */
  of(value: object): ListedType | undefined {
    return this.#list.of(Object.getPrototypeOf(value) as object);
  }

  named(name: string): ListedType | undefined {
    return this.#list.named(name);
  }

  /** Lists one more class, unless it or its name is listed already. */
  add(type: ListedType): void {
    this.#list.add(type);
  }

  reportingTo(onFault: (error: CacheSerializationError) => void): ValueTypes {
    return new ValueTypes(this, this.keepsOthers, onFault);
  }

  /** The same classes, for values that stay in the process. */
  keepingOthers(): ValueTypes {
    return new ValueTypes(this, true, this.#onFault);
  }

  /** Reports the error of an entry that could not be read, if a `from` caused it. */
  unreadable(error: unknown): void {
    if (error instanceof CacheSerializationError) this.#onFault(error);
  }
}

/** The types for values without instances. */
export const NO_TYPES = new ValueTypes([], false);

/** Makes an instance with these fields. Calls neither its constructor nor setters. */
export function withFields(prototype: object, fields: object): object {
  // A spread defines each field, also `__proto__`; Object.assign would call the setters of the class.
  return { __proto__: prototype, ...fields };
}

/**
 * Makes an instance with `from`.
 * @param stored a private copy of the stored value
 * @throws CacheSerializationError if `from` throws, or returns anything else than an instance of the class
 */
export function makeInstance({ name, prototype, conversion }: ListedType, stored: unknown): object {
  let made: unknown;
  try {
    made = conversion?.from(stored);
  } catch (error) {
    throw unmade(
      `\`from\` of the type \`${name}\` failed; let it take all that \`to\` gives, ` +
        'or change `version` so that older entries are not read',
      error,
    );
  }
  if (typeof made === 'object' && made !== null && Object.getPrototypeOf(made) === prototype) return made;
  throw unmade(
    `\`from\` of the type \`${name}\` gave something else than an instance of its class; ` +
      'let it return one, and no promise',
  );
}

function unmade(reason: string, cause?: unknown): CacheSerializationError {
  return new CacheSerializationError(
    '$',
    `A stored value could not be made again: ${reason}.`,
    cause === undefined ? undefined : { cause },
  );
}
