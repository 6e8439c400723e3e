import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { of } from 'rxjs';
import { CacheSerializationError } from './cache.errors.js';
import { entry, extended } from '../values/codec.fixture.js';
import { createEntryCodec, decodeEntry, decodeValue, encodeEntry, encodeValue } from '../values/codec.js';
import { copyValue, type Isolation, snapshot } from '../values/value-copier.js';
import { fingerprint, reachable } from '../values/value-kinds.fixture.js';
import { readTypes } from '../values/value-type-options.js';
import type { ValueTypes } from './value-types.js';

class Address {
  constructor(
    public city: string,
    public since: Date,
  ) {}
}

class User {
  static made = 0;
  friends: User[] = [];
  address?: Address;

  constructor(public name: string) {
    User.made++;
  }

  get initial(): string {
    return this.name.slice(0, 1);
  }
}

class Admin extends User {
  level = 1;
}

class Money {
  readonly #cents: number;

  private constructor(cents: number) {
    this.#cents = cents;
  }

  static of(cents: number): Money {
    return new Money(cents);
  }

  get cents(): number {
    return this.#cents;
  }
}

/** An instance that holds other instances in private fields only. */
class Basket {
  readonly #content: unknown;

  constructor(content: unknown) {
    this.#content = content;
  }

  get content(): unknown {
    return this.#content;
  }
}

const MONEY = {
  name: 'Money',
  class: Money,
  to: (money: Money) => money.cents,
  from: (cents: number) => Money.of(cents),
};
const BASKET = {
  name: 'Basket',
  class: Basket,
  to: (basket: Basket) => basket.content,
  from: (content: unknown) => new Basket(content),
};
const TYPES = readTypes([User, Address, Admin, MONEY, BASKET], false);

type Way = (value: unknown, types: ValueTypes) => unknown;

const copied = (isolation: Isolation): Way => {
  return (value, types) => {
    const { value: stored, copy } = snapshot(value, isolation, types);
    return copy === undefined ? stored : copy(stored);
  };
};

/** Every path from a writer to a reader. */
const WAYS: readonly [name: string, way: Way][] = [
  ['clone', copied('clone')],
  ['freeze', copied('freeze')],
  ['none', copied('none')],
  ['a copy', (value, types) => copyValue(value, 'clone', types)],
  ['a value alone', (value, types) => decodeValue(encodeValue(value, types), types)?.value],
  ['an entry', (value, types) => decodeEntry(encodeEntry({ ...entry, value }, types), entry, types)?.value],
];

function aUser(name = 'Ann'): User {
  const user = new User(name);
  user.address = new Address('Berlin', new Date(7));
  user.friends = [new User('Bob'), new Admin('Cleo')];
  return user;
}

describe.each(WAYS)('an instance of a listed class, by %s', (_name, way) => {
  it('comes back as one, and all that it holds', () => {
    const value = {
      user: aUser(),
      byId: new Map([[new Address('Rome', new Date(NaN)), new Set([aUser()])]]),
      error: new Error('x', { cause: aUser() }),
    };

    const read = way(value, TYPES) as typeof value;

    expect(fingerprint(read)).toBe(fingerprint(value));
    expect([read.user.initial, read.user.address?.since.getTime()]).toEqual(['A', 7]);
    expect(read.user.friends[1]).toBeInstanceOf(Admin);
  });

  it('is made without a call of its constructor', () => {
    const value = aUser();
    User.made = 0;

    way(value, TYPES);

    expect(User.made).toBe(0);
  });

  it('is its fields, whatever its class gives to a serializer', () => {
    class Account {
      id = 1;
      password = 'hash';

      toJSON(): object {
        return { id: this.id };
      }
    }

    expect(fingerprint(way([new Account()], readTypes([Account], false)))).toBe(fingerprint([new Account()]));
  });

  it('runs no setter of its class, and keeps a field that is called like one', () => {
    class Named {
      set label(_label: string) {
        throw new Error('was called');
      }
    }
    const value = Object.defineProperty(new Named(), 'label', {
      value: 'own',
      enumerable: true,
      writable: true,
      configurable: true,
    });

    expect(Object.getOwnPropertyDescriptor(way(value, readTypes([Named], false)), 'label')).toMatchObject({
      value: 'own',
    });
  });

  it('keeps fields that are named like parts of the format or of objects', () => {
    const value = Object.assign(new User('Ann'), { $: ['ref', 0], constructor: 1, then: 2 });
    Object.defineProperty(value, '__proto__', {
      value: { polluted: true, at: new Date(1) },
      enumerable: true,
      writable: true,
      configurable: true,
    });

    const read = way(value, TYPES) as typeof value & { polluted?: unknown };

    expect(Object.getPrototypeOf(read)).toBe(User.prototype);
    expect(Object.keys(read)).toEqual(Object.keys(value));
    expect(read.$).toEqual(['ref', 0]);
    expect(Object.getOwnPropertyDescriptor(read, '__proto__')?.value).toEqual({ polluted: true, at: new Date(1) });
    expect([read.polluted, ({} as { polluted?: unknown }).polluted]).toEqual([undefined, undefined]);
  });

  it('keeps shared and circular references', () => {
    const ann = aUser();
    const bob = new User('Bob');
    ann.friends = [bob, bob, ann];
    bob.friends = [ann];
    const value = { list: [ann, bob], of: new Map([[ann, bob]]) };

    const read = way(value, TYPES) as typeof value;

    expect(read.list[0]?.friends[1]).toBe(read.list[1]);
    expect(read.list[1]?.friends[0]).toBe(read.list[0]);
    expect(read.of.get(read.list[0]!)).toBe(read.list[1]);
  });

  it('keeps what its own `to` and `from` say, also where it is shared', () => {
    const basket = new Basket([Money.of(250), 'x']);
    const value = { basket, again: basket, money: Money.of(-5) };

    const read = way(value, TYPES) as typeof value;

    const [money, text] = read.basket.content as [Money, string];
    expect([money.cents, text, read.money.cents]).toEqual([250, 'x', -5]);
    expect(read.again).toBe(read.basket);
  });

  it('keeps any graph of instances', () => {
    fc.assert(
      fc.property(instances, (value) => expect(fingerprint(way(value, TYPES))).toBe(fingerprint(value))),
      { numRuns: 300 },
    );
  });
});

describe.each(WAYS.filter(([name]) => name !== 'none'))('what a reader gets of instances, by %s', (_name, way) => {
  it('is made by `from` of a value that nobody else has', () => {
    const shared = { at: new Date(3) };
    const value = { basket: new Basket([shared, shared]), shared };

    const read = way(value, TYPES) as typeof value;

    const [one, other] = read.basket.content as [object, object];
    expect(one).toEqual(shared);
    expect(other).toBe(one);
    expect([shared, read.shared].includes(one as typeof shared)).toBe(false);
  });

  it('is its own', () => {
    const basket = new Basket([1]);
    const read = way(basket, TYPES) as Basket;

    (read.content as number[]).push(2);

    expect([basket.content, (way(basket, TYPES) as Basket).content]).toEqual([[1], [1]]);
  });

  it('shares nothing with what was stored', () => {
    fc.assert(
      fc.property(instances, (value) => {
        const others = reachable(value);
        expect([...reachable(way(value, TYPES))].filter((object) => others.has(object))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** Users, containers and baskets that contain each other in any way. */
const instances = fc
  .array(
    fc.record({
      kind: fc.constantFrom('user', 'admin', 'object', 'array', 'map'),
      to: fc.array(fc.nat(), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((nodes) => {
    const made = nodes.map(({ kind }) => emptyNode(kind));
    nodes.forEach(({ to }, from) =>
      to.forEach((index, edge) => linkNode(made[from] as object, `e${edge}`, made[index % made.length])),
    );
    return { root: made[0], basket: new Basket({ at: [new Date(1), Money.of(2)] }) };
  });

function emptyNode(kind: string): object {
  if (kind === 'user') return new User('u');
  if (kind === 'admin') return new Admin('a');
  if (kind === 'map') return new Map();
  return kind === 'array' ? [] : {};
}

function linkNode(from: object, edge: string, to: unknown): void {
  if (from instanceof Map) from.set(edge, to);
  else if (Array.isArray(from)) from.push(to);
  else Object.assign(from, { [edge]: to });
}

describe('an instance whose class is not listed', () => {
  class Other {
    constructor(public a: unknown) {}
  }
  const open = readTypes([User], true);
  const strict = readTypes([User], false);

  it.each(WAYS.slice(0, 4))('keeps its prototype in memory, by %s', (_name, way) => {
    const value = [new Other({ deep: new Other(new Date(1)) }), new User('Ann')];

    expect(fingerprint(way(value, open))).toBe(fingerprint(value));
  });

  it.each(WAYS)('is refused elsewhere, by %s', (_name, way) => {
    expect(() => way({ owner: new Other(1) }, strict)).toThrow(
      new CacheSerializationError(
        '$.owner',
        '$.owner is an instance of Other. To cache it as one, list the class: CacheKitModule.forRoot({ types: [Other] }).',
      ),
    );
  });

  it('is refused as a subclass of a listed one', () => {
    expect(() => encodeValue([new Admin('a')], strict)).toThrow(
      /^\$\[0\] is an instance of Admin\. To cache it as one, list the class/,
    );
  });

  it('is refused as one of the same name from elsewhere, in words that say so', () => {
    const Twin = { User: class User { a = 1; } }.User; // prettier-ignore

    expect(() => encodeValue(new Twin(), strict)).toThrow(
      /^\$ is an instance of another class User than the one in `types`\. Import both from the same module/,
    );
  });

  it.each<[string, RegExp, object]>([
    ['a private field', /which has private state \(`#cents` in the source of Money\)/, Money.of(1)],
    [
      'a field that is a function',
      /which has the function `save` as a field/,
      Object.assign(new Other(1), { save: () => 1 }),
    ],
    [
      'a getter of its own',
      /which has `a`, which is hidden or computed/,
      Object.defineProperty(new Other(1), 'a', { get: () => 2, enumerable: true }),
    ],
    [
      'a hidden field',
      /which has `b`, which is hidden or computed/,
      Object.defineProperty(new Other(1), 'b', { value: 2 }),
    ],
    ['a symbol', /which has the symbol key Symbol\(s\)/, Object.assign(new Other(1), { [Symbol('s')]: 1 })],
    [
      'a builtin that it extends',
      /which has a part that is a builtin \(Map\)/,
      Object.assign(new (class Index extends Map {})(), { a: 1 }),
    ],
  ])('is refused in memory for %s, and the message says how to register it', (_name, reason, value) => {
    const name = value.constructor.name;

    expect(() => snapshot([value], 'clone', open)).toThrow(reason);
    expect(() => snapshot([value], 'clone', open)).toThrow(
      `types: [{ name: '${name}', class: ${name}, to: (value) => ..., from: (stored) => ... }]`,
    );
    expect(() => snapshot([value], 'clone', open)).not.toThrow(/\.\.\.value|\.\.\. ?user/);
  });
});

describe('an instance without a field', () => {
  class Nothing {}

  it('is refused in memory too, where it is not listed: its class may keep its value elsewhere', () => {
    expect(() => snapshot(new Nothing(), 'clone', readTypes([], true))).toThrow(
      /is an instance of Nothing\. To cache it as one, list the class/,
    );
    expect(copyValue(new Nothing(), 'clone', readTypes([Nothing], true))).toBeInstanceOf(Nothing);
  });
});

describe('what an instance of a listed class may hold', () => {
  it.each<[string, RegExp, object]>([
    [
      '$.name$',
      /is an Observable, which runs when it is subscribed to; store what it emits: `await firstValueFrom/,
      Object.assign(new User('a'), { name$: of('a') }),
    ],
    ['$.friends', /is a Promise; await it first/, Object.assign(new User('a'), { friends: Promise.resolve([]) })],
    [
      '$',
      /is an instance of User, which has the function `save` as a field/,
      Object.assign(new User('a'), { save: () => 1 }),
    ],
    [
      '$',
      /is an instance of User, which has `posts`, which is hidden or computed/,
      Object.defineProperty(new User('a'), 'posts', { get: lazy, configurable: true }),
    ],
    ['$', /has the symbol key Symbol\(s\)/, Object.assign(new User('a'), { [Symbol('s')]: 1 })],
    ['$.address', /is an instance of WeakRef/, Object.assign(new User('a'), { address: new WeakRef({}) })],
    ['$.to()[0].x', /is a function/, new Basket([{ x: () => 1 }])],
    ['$.to().a.to().a', /is an instance of Basket that its own `to` gives again/, circularBasket()],
    [
      '$.friends[0].to().to()[0]',
      /is an instance of Basket that its own `to` gives again/,
      Object.assign(new User('a'), { friends: [ownBasket()] }),
    ],
  ])('%s %s', (path, reason, value) => {
    expect(refusalOf(() => encodeValue(value, TYPES))).toMatchObject({ path, message: expect.stringMatching(reason) });
    expect(refusalOf(() => snapshot(value, 'none', TYPES)).path).toBe(path);
  });

  it('names the type whose `to` failed, and keeps what it threw as the cause', () => {
    const fault = new Error('no');
    const failing = readTypes([{ ...MONEY, to: () => { throw fault; } }], false); // prettier-ignore

    expect(refusalOf(() => encodeValue({ price: Money.of(1) }, failing))).toMatchObject({
      path: '$.price',
      cause: fault,
      message: expect.stringContaining('`to` failed'),
    });
  });

  it('asks `to` once for each instance', () => {
    let calls = 0;
    const counting = readTypes([{ ...MONEY, to: (money: Money) => (calls++, money.cents) }], false);
    const money = Money.of(1);

    encodeValue([money, money, new Map([[money, Money.of(2)]])], counting);

    expect(calls).toBe(2);
  });
});

describe('a stored entry that cannot be made again', () => {
  const bytes = encodeEntry({ ...entry, value: { user: aUser(), price: Money.of(5) } }, TYPES);

  it.each<[string, ValueTypes]>([
    ['a class that is no longer listed', readTypes([Address, Admin, MONEY], false)],
    ['no types at all', readTypes(undefined, false)],
    [
      'a bare class that has a `from` now',
      readTypes([{ name: 'User', class: User, to: () => 1, from: () => aUser() }, Address, Admin, MONEY], false),
    ],
    [
      'a type that is a bare class now',
      readTypes([User, Address, Admin, Object.defineProperty(class {}, 'name', { value: 'Money' })], false),
    ],
  ])('is a miss with %s, and no fault', (_name, types) => {
    const faults: unknown[] = [];
    const reporting = types.reportingTo((error) => faults.push(error));

    expect(decodeEntry(bytes, entry, reporting)).toBeUndefined();
    expect(createEntryCodec({ types: reporting }).open(bytes, entry)).toBeUndefined();
    expect(faults).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('gone'); }], // prettier-ignore
    ['gives nothing', () => undefined],
    ['gives a promise', () => Promise.resolve(Money.of(1))],
    ['gives an instance of another class', () => new Basket(1)],
  ])('is a miss where `from` %s, and is reported', (_name, from) => {
    const faults: CacheSerializationError[] = [];
    const types = readTypes([User, Address, Admin, { ...MONEY, from }], false).reportingTo((error) =>
      faults.push(error),
    );

    expect(createEntryCodec({ types }).open(bytes, entry)).toBeUndefined();
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('`from` of the type `Money`')]);
  });

  it.each([
    '{"$":["instance","User",5]}',
    '{"$":["instance","User",null]}',
    '{"$":["instance","Nobody",{}]}',
    '{"$":["instance","Money",{}]}',
    '{"$":["converted","User",{}]}',
    '{"$":["converted","__proto__",1]}',
    '{"$":["instance"]}',
  ])('is a miss with the forged value %s', (text) => {
    expect(decodeValue(extended(text), TYPES)).toBeUndefined();
  });

  it('never throws, whatever is forged, and makes nothing but instances of listed classes', () => {
    const forged = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(1, 'x', null, -1),
        fc
          .tuple(
            fc.constantFrom('instance', 'converted', 'object', 'ref', 'map', 'error'),
            fc.constantFrom('User', 'Money', 'Basket', 'Nobody', '__proto__', 0),
            tie('node'),
          )
          .map((escape) => ({ $: escape })),
        fc.dictionary(fc.constantFrom('a', '__proto__', 'constructor', 'friends'), tie('node')),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    })).node;
    const known = new Set<unknown>([User, Address, Admin, Money, Basket, Object, Array, Map, Error, undefined]);

    fc.assert(
      fc.property(forged, (json) => {
        const decoded = decodeValue(extended(JSON.stringify(json)), TYPES);
        const made = [...reachable(decoded?.value)].map(
          (object) => (Object.getPrototypeOf(object) as { constructor?: unknown } | null)?.constructor,
        );
        expect(made.filter((one) => !known.has(one))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it('pollutes no prototype with a forged field', () => {
    const read = decodeValue(extended('{"$":["instance","User",{"__proto__":{"polluted":1}}]}'), TYPES)?.value as {
      polluted?: unknown;
    };

    expect(Object.getPrototypeOf(read)).toBe(User.prototype);
    expect([
      read.polluted,
      ({} as { polluted?: unknown }).polluted,
      (User.prototype as { polluted?: unknown }).polluted,
    ]).toEqual([undefined, undefined, undefined]);
  });
});

it('is laid out as documented', () => {
  const text = (value: unknown): string => encodeValue(value, TYPES).toString('utf8', 5);

  expect(text(new Address('Rome', new Date(5)))).toBe(
    '{"$":["instance","Address",{"city":"Rome","since":{"$":["date",5]}}]}',
  );
  expect(text(Money.of(5))).toBe('{"$":["converted","Money",5]}');
});

function lazy(): never {
  throw new Error('A relation was loaded.');
}

function circularBasket(): Basket {
  const content: { a?: unknown } = {};
  const basket = new Basket({ a: new Basket(content) });
  content.a = basket;
  return basket;
}

/** A basket that its own content contains. */
function ownBasket(): Basket {
  const content: unknown[] = [];
  const basket = new Basket(content);
  content.push(basket);
  return new Basket(basket);
}

function refusalOf(act: () => unknown): CacheSerializationError {
  try {
    act();
  } catch (error) {
    if (error instanceof CacheSerializationError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}
