import type { ValueSnapshot } from '../../../core/values/value-copier.js';

/** A value whose instances are made for each reader, by functions of the user's that may fail. */
export class PackedValue {
  /** Made for the next reader already. */
  #prepared: { readonly value: unknown } | undefined;
  #shared: { readonly value: unknown } | undefined;

  private constructor(
    private readonly packed: unknown,
    private readonly unpack: NonNullable<ValueSnapshot['copy']>,
  ) {}

  /** `undefined` for a value that readers get without it. */
  static of({ value, copy, isPacked }: ValueSnapshot): PackedValue | undefined {
    return isPacked && copy !== undefined ? new PackedValue(value, copy) : undefined;
  }

  /** Makes the value of the next reader. @throws CacheSerializationError where a `from` fails */
  prepare(): void {
    this.#prepared ??= { value: this.unpack(this.packed) };
  }

  /** A value of the caller's own; does not throw after `prepare`. */
  take(): unknown {
    this.prepare();
    const value = this.#prepared?.value;
    this.#prepared = undefined;
    return value;
  }

  /** The value of all callers that never change it. */
  get shared(): unknown {
    return (this.#shared ??= { value: this.take() }).value;
  }
}
