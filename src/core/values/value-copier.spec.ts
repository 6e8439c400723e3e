import { runInNewContext } from 'node:vm';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheSerializationError } from '../vocabulary/cache.errors.js';
import { decodeValue, encodeValue } from './codec.js';
import { copyValue, snapshot, type ValueSnapshot } from './value-copier.js';
import { fingerprint, graphs, nested, reachable, storable, VALUE_KINDS } from './value-kinds.fixture.js';

class User {
  constructor(readonly name: string) {}
}

describe.each(VALUE_KINDS)('%s', (_name, make) => {
  it.each(['clone', 'freeze', 'none'] as const)('is read as it was stored, with isolation %s', (isolation) => {
    const value = make();

    const read = readOf(snapshot(value, isolation));

    expect(fingerprint(read)).toBe(fingerprint(value));
  });

  it('is copied whole', () => {
    const value = make();

    expect(sharedObjects(value, copyValue(value))).toEqual([]);
  });

  it('is nobody else’s, for the writer and for every reader', () => {
    const value = make();
    const stored = snapshot(value, 'clone');

    expect(sharedObjects(value, stored.value)).toEqual([]);
    expect(sharedObjects(stored.value, readOf(stored))).toEqual([]);
  });

  it('cannot be changed by a reader of a frozen one', () => {
    const stored = snapshot(make(), 'freeze');
    const before = fingerprint(stored.value);

    for (const object of reachable(readOf(stored))) vandalise(object);

    expect(fingerprint(readOf(stored))).toBe(before);
  });
});

describe('snapshot', () => {
  it('copies anything that can be stored', () => {
    fc.assert(
      fc.property(storable, (value) => expect(fingerprint(readOf(snapshot(value, 'clone')))).toBe(fingerprint(value))),
      { numRuns: 500 },
    );
  });

  it('keeps shared and circular references, whatever they run through', () => {
    fc.assert(
      fc.property(graphs, (value) => expect(fingerprint(readOf(snapshot(value, 'clone')))).toBe(fingerprint(value))),
      { numRuns: 500 },
    );
  });

  it('shares no object with its reader, whatever the graph', () => {
    fc.assert(
      fc.property(graphs, (value) => expect(sharedObjects(value, copyValue(value))).toEqual([])),
      { numRuns: 300 },
    );
  });

  it('hands out one frozen value where freezing makes it immutable', () => {
    const stored = snapshot({ list: [{ a: 1 }], bare: Object.create(null) as object }, 'freeze');

    expect(readOf(stored)).toBe(readOf(stored));
    expect([...reachable(readOf(stored))].every(Object.isFrozen)).toBe(true);
  });

  it('does not freeze what belongs to the writer', () => {
    const value = { list: [1] };

    snapshot(value, 'freeze');

    expect([value, value.list].some(Object.isFrozen)).toBe(false);
  });

  it('hands out copies of a frozen value that holds a date', () => {
    const stored = snapshot({ at: new Date(0) }, 'freeze');

    expect(readOf(stored)).not.toBe(readOf(stored));
  });

  it('keeps the value of the writer itself with isolation none', () => {
    const value = { a: [1] };

    const stored = snapshot(value, 'none');

    expect(readOf(stored)).toBe(value);
    expect(stored.sizeBytes).toBe(snapshot(value, 'clone').sizeBytes);
  });

  it('copies only the bytes that a view shows', () => {
    const slab = Buffer.alloc(8192);

    const copy = snapshot(slab.subarray(10, 15), 'clone').value as Buffer;

    expect(copy.buffer.byteLength).toBe(5);
  });

  it('stores what a getter gave', () => {
    let calls = 0;
    const stored = snapshot({ get answer() { return calls++ < 100 ? 42 : 0; } }, 'clone'); // prettier-ignore

    calls = 100;

    expect(Object.getOwnPropertyDescriptor(readOf(stored), 'answer')).toEqual({
      value: 42,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  });

  it('leaves out what a library added to Object.prototype', () => {
    const stored = snapshot({ a: { b: 1 } }, 'clone');
    Object.defineProperty(Object.prototype, 'extra', {
      value: {},
      enumerable: true,
      configurable: true,
      writable: true,
    });

    const read = readOf(stored) as object;
    Reflect.deleteProperty(Object.prototype, 'extra');

    expect(Object.keys(read)).toEqual(['a']);
  });

  it('takes kinds of another realm as its own', () => {
    const value = runInNewContext(
      '({ at: new Date(7), list: [new Map([[1, new TypeError("x")]])], bytes: new Float32Array([1]) })',
    ) as { at: Date };

    const read = copyValue(value) as typeof value;

    expect(fingerprint(read)).toMatch(/^Object\(\)\{"at":Date\(7\)/);
    expect(read.at).toBeInstanceOf(Date);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});

describe('an object that a parser made', () => {
  it.each<[string, (value: unknown) => unknown]>([
    ['in memory', (value) => readOf(snapshot(value, 'clone'))],
    ['frozen', (value) => readOf(snapshot(value, 'freeze'))],
    ['as bytes', (value) => decodeValue(encodeValue(value))?.value],
  ])('is stored as one without a prototype, %s', (_name, way) => {
    const parsed = Object.assign(Object.create(Object.create(null) as object) as object, {
      a: '1',
      b: ['2'],
      at: new Date(1),
    });

    const { query } = way({ query: parsed }) as { query: Record<string, unknown> };

    expect({ ...query }).toEqual({ a: '1', b: ['2'], at: new Date(1) });
    expect('toString' in query).toBe(false);
  });

  it('is none where its prototype has something', () => {
    const method = Object.create(Object.assign(Object.create(null) as object, { greet: () => 'hi' })) as object;

    expect(() => snapshot(method, 'clone')).toThrow(CacheSerializationError);
  });
});

describe('what cannot be stored', () => {
  it.each<[path: string, advice: RegExp, value: unknown]>([
    ['$', /is a function/, () => 1],
    ['$', /is a symbol/, Symbol('a')],
    ['$.user.tags[3].onClick', /is a function; leave it out/, { user: { tags: [1, 2, 3, { onClick: () => 1 }] } }],
    [
      '$.owner',
      /is an instance of User\. To cache it as one, list the class: CacheKitModule\.forRoot\(\{ types: \[User\] \}\)\.$/,
      { id: 1, owner: new User('Ann') },
    ],
    ['$["content type"][0]', /is a symbol/, { 'content type': [Symbol('a')] }],
    ['$.ä["1"].$x_1', /is a function/, { ä: { 1: { $x_1: () => 1 } } }],
    ['$.get("a\\"b")', /is a function/, new Map([['a"b', () => 1]])],
    ['$.values()[1]', /is a function/, new Map<unknown, unknown>([[1, 1], [2, () => 1]])], // prettier-ignore
    ['$.keys()[0].a', /is a symbol/, new Map([[{ a: Symbol('a') }, 1]])],
    ['$.values()[1]', /is a symbol/, new Set([1, Symbol('a')])],
    ['$[0].b', /is a function/, [{ a: { deep: [1] }, b: () => 1 }]],
    ['$.cause.x', /is a function/, new Error('a', { cause: { x: () => 1 } })],
    ['$.errors[0]', /is an instance of User/, new AggregateError([new User('a')])],
    ['$[2]', /is a function/, [, , () => 1]], // eslint-disable-line no-sparse-arrays
    ['$.a', /has the symbol key Symbol\(tag\)/, { a: { [Symbol('tag')]: 1 } }],
    ['$[0]', /has the symbol key/, [Object.assign([], { [Symbol('tag')]: 1 })]],
    ['$.index', /is a named property/, /b/.exec('abc')],
    ['$[0].extra', /is a named property/, [Object.assign(new Date(), { extra: 1 })]],
    ['$.extra', /is a named property/, Object.assign(new Array(3), { extra: 1 })],
    ['$.a', /is a Promise; await it/, { a: Promise.resolve(1) }],
    [
      '$.a',
      /is a Response of fetch; store what it holds, such as `await response\.json\(\)`/,
      { a: new Response('{}') },
    ],
    ['$.a', /holds its content weakly/, { a: new WeakMap() }],
    ['$.a', /holds its content weakly/, { a: new WeakSet() }],
    ['$.a', /is an instance of WeakRef/, { a: new WeakRef({}) }],
    ['$.a', /is a stream; read it/, { a: Readable.from([]) }],
    ['$.a', /is an instance of Money/, { a: new (class Money extends Map {})() }],
    ['$.a', /is an instance of NotFound/, { a: new (class NotFound extends Error {})() }],
    ['$.a', /is an instance of Number/, { a: Object(1) as unknown }],
    ['$.a', /is an instance of SharedArrayBuffer/, { a: new SharedArrayBuffer(1) }],
    ['$.a', /is an instance of an unnamed class/, { a: Object.create({}) as unknown }],
    ['$.a', /is an instance of Date/, { a: Object.create(Date.prototype) as unknown }],
    ['$.a', /is an instance of URL/, { a: Object.create(URL.prototype) as unknown }],
    ['$.a.b', /could not be read/, { x: { y: { z: 1 } }, a: { get b() { throw new Error('lazy'); } } }], // prettier-ignore
  ])('%s %s', (path, advice, value) => {
    const refusal = refusalOf(() => snapshot(value, 'clone'));

    expect(refusal).toMatchObject({ code: 'CACHE_VALUE_UNSERIALIZABLE', path });
    expect(refusal.message).toMatch(advice);
    expect(refusal.message.startsWith(`${path} `)).toBe(true);
  });

  it.each(['clone', 'freeze', 'none'] as const)('is refused with isolation %s', (isolation) => {
    expect(() => snapshot([() => 1], isolation)).toThrow(CacheSerializationError);
  });

  it('is refused by copyValue', () => {
    expect(refusalOf(() => copyValue(Symbol('a'))).path).toBe('$');
    expect(refusalOf(() => copyValue([new User('a')])).path).toBe('$[0]');
  });

  it('keeps what a getter threw as the cause', () => {
    const fault = new Error('lazy');

    expect(refusalOf(() => snapshot({ get a() { throw fault; } }, 'none')).cause).toBe(fault); // prettier-ignore
  });

  it.each([1001, 100_000])('is a value %d levels deep', (levels) => {
    const refusal = refusalOf(() => snapshot({ a: nested(levels - 1) }, 'clone'));

    expect(refusal.message).toMatch(/nested more than 1000 deep/);
    expect(refusal.path.length).toBeLessThanOrEqual(200);
  });
});

describe('sizeBytes', () => {
  it.each<[string, number, unknown]>([
    ['one byte for a Latin character', 1000, 'é'.repeat(1000)],
    ['two bytes for any other', 2000, '日'.repeat(1000)],
    ['the bytes of a buffer, not of its slab', 5000, Buffer.alloc(50_000).subarray(0, 5000)],
    ['a number with its slot', 16_000, Array.from({ length: 1000 }, (_, index) => index)],
    [
      'the keys of an object that is used as a map',
      158_000,
      Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`id-${index}`, index])),
    ],
    [
      'the entries of a map',
      71_000,
      new Map(Array.from({ length: 1000 }, (_, index) => [String(index).padStart(7), index])),
    ],
  ])('counts %s', (_name, expected, value) => {
    const { sizeBytes } = snapshot(value, 'none');

    expect(sizeBytes).toBeGreaterThanOrEqual(expected);
    expect(sizeBytes).toBeLessThan(expected + 250);
  });

  it('counts a shared object once', () => {
    const part = { text: 'x'.repeat(10_000) };

    expect(snapshot([part, part, part], 'clone').sizeBytes).toBeLessThan(11_000);
  });
});

describe('copyValue', () => {
  it('gives primitives and, with isolation none, everything as it is', () => {
    const value = { a: 1 };

    expect(copyValue('text')).toBe('text');
    expect(copyValue(value, 'none')).toBe(value);
  });
});

function sharedObjects(one: unknown, other: unknown): object[] {
  const others = reachable(other);
  return [...reachable(one)].filter((object) => others.has(object));
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

/** Tries every change that an object allows. */
function vandalise(object: object): void {
  if (object instanceof Date) object.setTime(1);
  if (object instanceof Map || object instanceof Set) object.clear();
  if (object instanceof URL) object.pathname = '/changed';
  if (object instanceof URLSearchParams) object.append('changed', '1');
  if (ArrayBuffer.isView(object)) new Uint8Array(object.buffer, object.byteOffset, object.byteLength).fill(0xee);
  else if (Object.prototype.toString.call(object) === '[object ArrayBuffer]')
    new Uint8Array(object as ArrayBuffer).fill(0xee);
  else {
    for (const name of [...Object.getOwnPropertyNames(object), 'added'])
      Reflect.set(object, name, name === 'length' ? 0 : 'changed');
  }
}

/** The value that one reader gets. */
function readOf({ value, copy }: ValueSnapshot): unknown {
  return copy === undefined ? value : copy(value);
}
