import { CacheSerializationError } from './cache.errors.js';

/*
 * The classes whose instances one cache gives back as instances. A class is known by its prototype, not by its name: an
 * instance of a subclass, or of the same class from a second copy of its module, belongs to none of the list. The name
 * is what stands in stored entries.
 */

/** A class, abstract ones included. */
export type ValueClass = abstract new (...parameters: never[]) => object;

/** A class whose instances are stored as something else than their fields. */
export interface ValueType {
  /** Stands in stored entries: a name that changes makes them unreadable. */
  name: string;
  /** One whose constructor is private included. */
  class: ValueClass | { readonly name: string; readonly prototype: object };
  /** Makes a value that can be stored from an instance. */
  to(value: unknown): unknown;
  /** Makes the instance from a copy, which nobody else has, of what `to` gave. */
  from(stored: unknown): unknown;
}

/** A class of `types`, read once. */
export interface ListedType {
  readonly name: string;
  readonly prototype: object;
  /** Absent for a bare class, whose instances are their own enumerable fields. */
  readonly conversion: Conversion | undefined;
}

export type Conversion = Pick<ValueType, 'to' | 'from'>;

/** The classes of one cache. Goes from the options to whatever copies or encodes values, custom adapters included. */
export class ValueTypes {
  readonly #byName: ReadonlyMap<string, ListedType>;
  readonly #byPrototype: ReadonlyMap<object, ListedType>;
  readonly #onFault: (error: CacheSerializationError) => void;

  /**
   * @param keepsOthers whether an instance of another class keeps its prototype too, where its fields are all that it
   * holds
   * @param onFault called with each `from` that failed where a reader goes on with a miss
   */
  constructor(
    readonly listed: readonly ListedType[],
    readonly keepsOthers: boolean,
    onFault: (error: CacheSerializationError) => void = () => undefined,
  ) {
    this.#onFault = onFault;
    this.#byName = new Map(listed.map((type) => [type.name, type]));
    this.#byPrototype = new Map(listed.map((type) => [type.prototype, type]));
  }

  /** The class that `value` is an instance of, if it is listed. */
  of(value: object): ListedType | undefined {
    return this.#byPrototype.get(Object.getPrototypeOf(value) as object);
  }

  named(name: string): ListedType | undefined {
    return this.#byName.get(name);
  }

  reportingTo(onFault: (error: CacheSerializationError) => void): ValueTypes {
    return new ValueTypes(this.listed, this.keepsOthers, onFault);
  }

  /** For values that stay in the process. */
  keepingOthers(): ValueTypes {
    return new ValueTypes(this.listed, true, this.#onFault);
  }

  /** Reports why an entry could not be read, where that is the fault of a `from`. */
  unreadable(error: unknown): void {
    if (error instanceof CacheSerializationError) this.#onFault(error);
  }
}

/** For values that hold no instances. */
export const NO_TYPES = new ValueTypes([], false);

/** An instance with these fields, made without a call of its constructor or of a setter. */
export function withFields(prototype: object, fields: object): object {
  // Defines each field, also one called `__proto__`, where Object.assign would run the setters of the class.
  return { __proto__: prototype, ...fields };
}

/**
 * The instance that `from` makes.
 * @param stored a value that nobody else has
 * @throws CacheSerializationError where `from` throws, or gives anything but an instance of the class
 */
export function makeInstance({ name, prototype, conversion }: ListedType, stored: unknown): object {
  let made: unknown;
  try {
    made = conversion?.from(stored);
  } catch (error) {
    throw unmade(
      `\`from\` of the type \`${name}\` failed; let it take all that \`to\` gives, or change \`version\` so that older entries are not read`,
      error,
    );
  }
  if (typeof made === 'object' && made !== null && Object.getPrototypeOf(made) === prototype) return made;
  throw unmade(
    `\`from\` of the type \`${name}\` gave something else than an instance of its class; let it return one, and no promise`,
  );
}

function unmade(reason: string, cause?: unknown): CacheSerializationError {
  return new CacheSerializationError(
    '$',
    `A stored value could not be made again: ${reason}.`,
    cause === undefined ? undefined : { cause },
  );
}
