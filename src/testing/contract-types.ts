import { readTypes } from '../core/values/value-type-options.js';

/** An entity: all of its state is in its fields. */
export class Person {
  friends: Person[] = [];

  constructor(
    readonly name: string,
    readonly born: Date,
  ) {}

  greet(): string {
    return `I am ${this.name}`;
  }
}

/** Holds its value in a private field. A negative amount cannot be restored. */
export class Amount {
  readonly #cents: number;

  constructor(cents: number) {
    this.#cents = cents;
  }

  get cents(): number {
    return this.#cents;
  }
}

function amountOf(cents: number): Amount {
  if (cents < 0) throw new RangeError('There is no negative amount.');
  return new Amount(cents);
}

/** The value types in the context of the suite's adapters. */
export const CONTRACT_TYPES = readTypes(
  [Person, { name: 'Amount', class: Amount, to: (value: Amount) => value.cents, from: amountOf }],
  false,
);
