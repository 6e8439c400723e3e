import { isDeepStrictEqual } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { argumentKey } from './argument-key.js';
import { CacheKeyError } from '../vocabulary/cache.errors.js';

class Money {
  constructor(readonly cents: number) {}
}
class Price extends Money {
  constructor(
    cents: number,
    readonly currency: string,
  ) {
    super(cents);
  }
}
class Nothing {}
class Secret {
  readonly #code: string;
  constructor(
    readonly name: string,
    code: string,
  ) {
    this.#code = code;
  }
  matches(code: string): boolean {
    return code === this.#code;
  }
}
class Callback {
  constructor(
    readonly name: string,
    readonly run = () => name,
  ) {}
}
class Tenants extends Map<string, string> {}
class Bytes extends Uint8Array {}

const cyclic: unknown[] = [];
cyclic.push(cyclic);

describe('argumentKey', () => {
  it.each<[unknown[], string]>([
    [[], '[]'],
    [[42, 'x'], '[42,"x"]'],
    [[null, true, undefined, 7n], '[null,true,undefined,7n]'],
    [[NaN, -Infinity, -0, 1e21], '[NaN,-Infinity,-0,1e+21]'],
    [[{ b: 1, a: [2] }], '[{"a":[2],"b":1}]'],
    [[new Date(0)], '[Date(1970-01-01T00:00:00.000Z)]'],
    [[new Date(NaN)], '[Date(NaN)]'],
    [
      [
        new Map([
          ['b', 1],
          ['a', 2],
        ]),
      ],
      '[Map{"a"=>2,"b"=>1}]',
    ],
    [[new Set(['b', 'a'])], '[Set{"a","b"}]'],
    [[/a"b/gi], '[RegExp("a\\"b",gi,0)]'],
    [[new URL('https://shop.example/p?x=1')], '[URL("https://shop.example/p?x=1")]'],
    [[Buffer.from('hi')], '[Buffer(aGk)]'],
    [[new Uint16Array([1])], '[Uint16Array(AQA)]'],
    [['\ud800'], '["\\ud800"]'],
    [[new Money(1)], '[@"Money"{"cents":1}]'],
    [[{ total: new Price(1, 'EUR') }], '[{"total":@"Price"{"cents":1,"currency":"EUR"}}]'],
    [[Object.assign(Object.create(Object.create(null) as object), { page: '1' })], '[{"page":"1"}]'],
  ])('writes %j readably', (args, expected) => {
    const key = argumentKey(args);

    expect(key).toBe(expected);
  });

  it.each<[string, unknown[], unknown[]]>([
    ['a number and its digits', [1], ['1']],
    ['a number and a bigint', [1], [1n]],
    ['null and undefined', [null, 1], [undefined, 1]],
    ['null and its name', [null], ['null']],
    ['0 and -0', [0], [-0]],
    ['two strings and one with a comma', ['a', 'b'], ['a","b']],
    ['a list of two and two arguments', [[1, 2]], [1, 2]],
    ['an absent and an undefined property', [{}], [{ a: undefined }]],
    ['an array and an object of the same items', [['a']], [{ 0: 'a' }]],
    ['a map and an object', [new Map([['a', 1]])], [{ a: 1 }]],
    ['a set and an array', [new Set([1])], [[1]]],
    ['sets that hold equal members once and twice', [new Set([{ a: 1 }, { a: 1 }])], [new Set([{ a: 1 }])]],
    ['a date and its text', [new Date(0)], ['1970-01-01T00:00:00.000Z']],
    ['a URL and its text', [new URL('http://a/')], ['http://a/']],
    ['a buffer and its bytes', [Buffer.from('a')], [new Uint8Array([97])]],
    ['a hole and undefined', [[,]], [[undefined]]], // eslint-disable-line no-sparse-arrays
    ['a hole and nothing', [[,]], [[]]], // eslint-disable-line no-sparse-arrays
    ['flags of an expression', [/a/], [/a/i]],
    ['an instance and a plain object of the same fields', [new Money(1)], [{ cents: 1 }]],
    [
      'an instance and one of its parent',
      [Object.assign(new Price(1, 'EUR'))],
      [Object.assign(new Money(1), { currency: 'EUR' })],
    ],
    ['an instance and the text of its key', [new Money(1)], ['@"Money"{"cents":1}']],
    ['a lone surrogate and its replacement', ['\ud800'], ['\ufffd']],
    ['a long text and its digest', ['x'.repeat(300)], [argumentKey(['x'.repeat(300)])]],
  ])('tells %s apart', (_, one, other) => {
    const keys = [argumentKey(one), argumentKey(other)];

    expect(keys[0]).not.toBe(keys[1]);
  });

  it.each<[string, unknown[], unknown[]]>([
    ['properties in another order', [{ a: 1, b: 2 }], [{ b: 2, a: 1 }]],
    [
      'map entries in another order',
      [
        new Map([
          [1, 'a'],
          [2, 'b'],
        ]),
      ],
      [
        new Map([
          [2, 'b'],
          [1, 'a'],
        ]),
      ],
    ],
    ['set members in another order', [new Set([{ a: 1 }, 2])], [new Set([2, { a: 1 }])]],
    ['an absent and an undefined last argument', [1], [1, undefined, undefined]],
    ['an object with and one without a prototype', [{ a: 1 }], [Object.assign(Object.create(null), { a: 1 })]],
    ['objects of two realms', [{ a: [1] }], [runInContext('({ a: [1] })', createContext())]],
    [
      'two parts of one buffer with the same bytes',
      [Buffer.from('aXa').subarray(0, 1)],
      [Buffer.from('aXa').subarray(2)],
    ],
  ])('equates %s', (_, one, other) => {
    const keys = [argumentKey(one), argumentKey(other)];

    expect(keys[0]).toBe(keys[1]);
  });

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['an instance with a private field', new Secret('a', 'b')],
    ['an instance of a class that extends one with a private field', new (class Known extends Secret {})('a', 'b')],
    ['an instance without a field', new Nothing()],
    ['an instance with a field that is a function', new Callback('a')],
    ['an instance with a hidden field', Object.defineProperty(new Money(1), 'tax', { value: 2 })],
    [
      'an instance with a getter of its own',
      Object.defineProperty(new Money(1), 'tax', { get: () => 2, enumerable: true }),
    ],
    ['an instance with a symbol for a name', Object.assign(new Money(1), { [Symbol('s')]: 1 })],
    [
      'an instance of an unnamed class',
      new (class {
        readonly a = 1;
      })(),
    ],
    ['an object that inherits from another object', Object.assign(Object.create({ tenant: 1 }), { a: 1 })],
    [
      'an object whose prototype without a prototype holds something',
      Object.assign(Object.create(Object.assign(Object.create(null) as object, { tenant: 1 })), { a: 1 }),
    ],
    ['an instance inside an instance that cannot be read', new Price(1, new Secret('a', 'b') as never)],
    ['an instance of a class that extends Map', new Tenants()],
    ['an instance of a class that extends Uint8Array', new Bytes(1)],
    ['a promise', Promise.resolve(1)],
    ['a stream', Readable.from(['a'])],
    ['an error', new Error('x')],
    ['a WeakMap', new WeakMap()],
    ['a boxed number', Object(1)],
    ['a cycle', cyclic],
    ['an array with properties of its own', Object.assign([1], { total: 2 })],
    ['a date with properties of its own', Object.assign(new Date(0), { zone: 'x' })],
    ['an object with a symbol for a name', { [Symbol('s')]: 1 }],
    ['something nested too deep', JSON.parse('['.repeat(40) + ']'.repeat(40))],
    ['a function inside an object', { filter: { by: () => true } }],
  ])('refuses %s, and says which argument it is and what to do', (_, value) => {
    const make = () => argumentKey(['fine', value]);

    expect(make).toThrow(CacheKeyError);
    expect(make).toThrow(/^Argument 2 is .* Give the decorator a `key`/);
  });

  it('writes a digest where the readable key would be longer than 200 bytes', () => {
    const keys = [argumentKey(['é'.repeat(98)]), argumentKey(['é'.repeat(99)])];

    expect(keys[0]).toBe(`["${'é'.repeat(98)}"]`);
    expect(keys[1]).toMatch(/^sha256:[\w-]{43}$/);
  });

  it('gives equal keys exactly to deeply equal arguments', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), fc.array(value, { maxLength: 3 }), (one, other) => {
        expect(argumentKey(one) === argumentKey(other)).toBe(isDeepStrictEqual(trimmed(one), trimmed(other)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives equal keys to copies whose properties, entries and members come in another order', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), (args) => {
        expect(argumentKey(args.map(reversed))).toBe(argumentKey(args));
      }),
      { numRuns: 2_000 },
    );
  });
});

// Few distinct leaves, so that equal values are frequent.
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<unknown>(0, -0, 1, '1', 1n, NaN, null, undefined, true, 'true', '', ',', '"', '],[', '=>', '{}'),
    fc.constantFrom<unknown>(
      new Date(0),
      new Date(1),
      /a/,
      /a/g,
      new URL('http://a/'),
      Buffer.from([1]),
      new Uint8Array([1]),
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__', '"'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
    fc.array(fc.tuple(fc.constantFrom('a', 1, '1'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((members) => new Set(members)),
  ),
}));

function trimmed(args: readonly unknown[]): readonly unknown[] {
  return args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
}

function reversed(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(reversed);
  if (part instanceof Map) return new Map([...part].reverse().map(([key, item]) => [key, reversed(item)]));
  if (part instanceof Set) return new Set([...part].reverse().map(reversed));
  if (typeof part !== 'object' || part === null || Object.getPrototypeOf(part) !== Object.prototype) return part;
  return Object.fromEntries(
    Object.entries(part)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
