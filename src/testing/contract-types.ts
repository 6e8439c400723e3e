import { readTypes } from '../core/values/value-type-options.js';

/** An entity: its fields are all that it holds. */
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

/** Holds its value in private. A negative one cannot be made again. */
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

/** What the suite puts into the context. */
export const CONTRACT_TYPES = readTypes(
  [Person, { name: 'Amount', class: Amount, to: (value: Amount) => value.cents, from: amountOf }],
  false,
);
