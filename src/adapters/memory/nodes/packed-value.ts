import type { ValueSnapshot } from '../../../core/values/value-copier.js';

/** A value whose instances are made for each reader by the `from` functions of the user, which can fail. */
export class PackedValue {
  /** The value that is ready for the next reader. */
  #prepared: { readonly value: unknown } | undefined;
  #shared: { readonly value: unknown } | undefined;

  readonly #packed: unknown;
  readonly #unpack: (packed: unknown) => unknown;

  constructor(packed: unknown, unpack: (packed: unknown) => unknown) {
    this.#packed = packed;
    this.#unpack = unpack;
  }

  /** `undefined` for a value without instances to make. */
  static of({ value, copy, isPacked }: ValueSnapshot): PackedValue | undefined {
    return isPacked && copy !== undefined ? new PackedValue(value, copy) : undefined;
  }

  /** Makes the value of the next reader. @throws CacheSerializationError where a `from` fails */
  prepare(): void {
    this.#prepared ??= { value: this.#unpack(this.#packed) };
  }

  /** A value for this caller alone. Does not throw after `prepare`. */
  take(): unknown {
    this.prepare();
    const value = this.#prepared?.value;
    this.#prepared = undefined;
    return value;
  }

  /** The value for all callers that do not change it. */
  get shared(): unknown {
    return (this.#shared ??= { value: this.take() }).value;
  }
}
