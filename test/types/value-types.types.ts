/** Compiled, never run (`npm run typecheck`): classes that `types` accepts and refuses. */
import type { CacheKitOptions, ValueType } from '../../src/index.js';

abstract class Shape {
  abstract readonly area: number;
}
class User {
  constructor(readonly name: string) {}
}
class Money {
  private constructor(readonly cents: number) {}

  static of(cents: number): Money {
    return new Money(cents);
  }
}
const money: ValueType = {
  name: 'Money',
  class: Money,
  to: (value: Money) => value.cents,
  from: (cents: number) => Money.of(cents),
};

export const taken: CacheKitOptions[] = [
  { types: [User, Shape] },
  { types: [User, money] as const },
  {
    types: [
      { name: 'User', class: User, to: (user: User) => user.name, from: (name: string) => new User(name) },
      money,
    ],
  },
  { types: [{ name: 'User', class: User, to: String, from: (stored) => new User(String(stored)) }] },
];

export const refused: CacheKitOptions[] = [
  // @ts-expect-error an instance is not a class
  { types: [new User('Ann')] },
  // @ts-expect-error `from` is missing
  { types: [{ name: 'User', class: User, to: (user: User) => user.name }] },
  // @ts-expect-error one class is not a list
  { types: User },
];
