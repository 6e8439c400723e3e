import fc from 'fast-check';

/** Every kind of value that the kit must restore, on every path from a writer to a reader. */
export const VALUE_KINDS: readonly (readonly [name: string, make: () => unknown])[] = [
  ['null', () => null],
  ['booleans', () => [true, false]],
  ['strings', () => ['', 'a', 'grün', '日本', '𝒳', '\0', '\u2028', '</script>', '\ufeffbom']],
  ['a string', () => 'naïve 𝒳'],
  ['lone surrogates', () => ['\ud800', 'a\udfff', { '\udc00': '\ud834' }]],
  ['a lone surrogate at the top', () => '\ud800'],
  ['numbers', () => [0, 1, -1, 0.1, 1e300, 5e-324, Number.MAX_SAFE_INTEGER, 2 ** 53]],
  ['NaN', () => NaN],
  ['-0', () => -0],
  ['infinities', () => [Infinity, -Infinity]],
  ['NaN and -0 inside', () => ({ a: NaN, b: [-0, 0], c: new Map([[-0, NaN]]) })],
  ['bigints', () => [0n, -1n, 2n ** 200n]],
  ['undefined', () => undefined],
  ['undefined inside', () => ({ a: undefined, b: [undefined, 1], c: new Set([undefined]) })],
  ['a plain object', () => ({ b: 1, a: { '': null, 'x y': [1, [2, { z: '3' }]] }, 10: 'ten', 9: 'nine' })],
  ['empty containers', () => [{}, [], new Map(), new Set(), Buffer.alloc(0), new ArrayBuffer(0)]],
  ['dates', () => [new Date(0), new Date(1e12 + 0.5), new Date(NaN)]],
  ['a regular expression', () => Object.assign(/a\/(?<b>c)/giu, { lastIndex: 7 })],
  [
    'a map',
    () =>
      new Map<unknown, unknown>([
        ['a', 1],
        [{ key: 'object' }, new Map([[new Date(1), new Set([1])]])],
        [NaN, undefined],
      ]),
  ],
  ['a set', () => new Set<unknown>([1, '1', { a: 1 }, new Set([[]]), null])],
  ['a URL', () => new URL('https://user:pw@example.com:8080/a%20b?q=1&q=2#h')],
  ['search parameters', () => new URLSearchParams('a=1&b=%20x&a=2')],
  ['a buffer', () => Buffer.from([0, 1, 127, 128, 255])],
  [
    'buffers inside',
    () => ({
      status: 200,
      headers: { etag: '"x"' },
      body: Buffer.from('hello'),
      more: [Buffer.from('and'), Buffer.alloc(0)],
    }),
  ],
  [
    'integer arrays',
    () => [
      new Int8Array([-1]),
      new Uint8Array([255]),
      new Uint8ClampedArray([300]),
      new Int16Array([-2]),
      new Uint16Array([2]),
    ],
  ],
  [
    'wider arrays',
    () => [
      new Int32Array([-3]),
      new Uint32Array([3]),
      new BigInt64Array([-(2n ** 63n)]),
      new BigUint64Array([2n ** 64n - 1n]),
    ],
  ],
  ['float arrays', () => [new Float32Array([0.5, NaN]), new Float64Array([-0, Infinity, 1e-300])]],
  ['a data view', () => new DataView(Uint8Array.of(9, 8, 7, 6).buffer, 1, 2)],
  ['an array buffer', () => Uint8Array.of(1, 2, 3).buffer],
  ['views of one array buffer', viewsOfOneArrayBuffer],
  ['an error', () => Object.assign(new Error('no'), { code: 'ENOENT', errno: -2, details: { at: new Date(3) } })],
  ['an error with a cause', () => new TypeError('outer', { cause: new RangeError('inner', { cause: 'text' }) })],
  ['an error with a name of its own', () => Object.assign(new SyntaxError(''), { name: 'ParseError' })],
  [
    'errors of every class',
    () => [new EvalError('a'), new RangeError('b'), new ReferenceError('c'), new SyntaxError('d'), new URIError('e')],
  ],
  ['an aggregate error', () => new AggregateError([new Error('a'), 'b'], 'both')],
  ['an error without a stack', errorWithoutStack],
  ['sparse arrays', () => [[, 1, , undefined], new Array(3), Object.assign([], { 4_000_000_000: { far: true } })]], // eslint-disable-line no-sparse-arrays
  [
    'a null-prototype object',
    () => Object.assign(Object.create(null) as object, { a: 1, b: { c: [2n] }, __proto__x: 1 }),
  ],
  ['a key called __proto__', () => JSON.parse('{"__proto__":{"polluted":true},"a":{"__proto__":1}}') as unknown],
  [
    'a key called __proto__ beside a date',
    () => Object.assign(JSON.parse('{"__proto__":{"polluted":true}}') as object, { at: new Date(4) }),
  ],
  [
    'a key called __proto__ without a prototype',
    () => Object.defineProperty(Object.create(null) as object, '__proto__', hiddenNothing([1n])),
  ],
  ['keys of the text format', () => ({ $: ['ref', 0], a: { $: 1n, b: { $: [] } }, $a: new Date(5) })],
  [
    'other awkward keys',
    () =>
      JSON.parse('{"constructor":{"prototype":{"polluted":true}},"toJSON":1,"hasOwnProperty":2,"then":3}') as unknown,
  ],
  ['a shared reference', sharedReference],
  ['a circular reference', circularReference],
  ['a circle through every container', circleThroughEverything],
  ['a frozen object', () => Object.freeze({ a: Object.freeze([1]) })],
  ['a thousand levels', () => nested(1000)],
];

/** Any storable value, with keys that often cause faults. */
export const storable = fc.anything({
  key: fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'binary' }) },
    fc.constantFrom('$', '__proto__', 'constructor', 'toJSON', '0', ''),
  ),
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  stringUnit: 'binary',
  maxDepth: 4,
});

/** Containers that contain each other in any way: trees, shared parts, cycles. */
export const graphs = fc
  .array(
    fc.record({
      kind: fc.constantFrom('object', 'null', 'array', 'map', 'key', 'set', 'error'),
      to: fc.array(fc.nat(), { maxLength: 4 }),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((nodes) => {
    const made = nodes.map(({ kind }) => emptyContainer(kind));
    nodes.forEach(({ kind, to }, from) =>
      to.forEach((index, edge) => link(made[from], kind, String(edge), made[index % made.length])),
    );
    return made[0];
  });

/** A number inside of `levels` nested objects and arrays. */
export function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = levels; level > 0; level--) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/**
 * Describes all properties of a value as text: prototypes, holes, flags, bytes, hidden properties of errors, and the
 * identity of objects.
 */
export function fingerprint(value: unknown): string {
  const numbers = new Map<object, number>();
  const walk = (part: unknown): string => {
    if (typeof part === 'string') return JSON.stringify(part);
    if (typeof part !== 'object' || part === null) return `${typeof part} ${Object.is(part, -0) ? '-0' : String(part)}`;
    const known = numbers.get(part);
    if (known !== undefined) return `#${known}`;
    numbers.set(part, numbers.size);
    const properties = ArrayBuffer.isView(part) ? [] : ownProperties(part);
    const describeProperty = (name: string): string => {
      const sign = Object.prototype.propertyIsEnumerable.call(part, name) ? ':' : '~';
      return `${JSON.stringify(name)}${sign}${walk((part as Record<string, unknown>)[name])}`;
    };
    return `${className(part)}(${content(part, walk)}){${properties.map(describeProperty).join()}}`;
  };
  return walk(value);
}

/** Every object that can be reached, including the memory of views. */
export function reachable(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found;
  found.add(value);
  if (ArrayBuffer.isView(value)) return found.add(value.buffer);
  if (value instanceof Map || value instanceof Set) for (const part of [...value].flat()) reachable(part, found);
  for (const name of ownProperties(value)) reachable((value as Record<string, unknown>)[name], found);
  return found;
}

function ownProperties(value: object): string[] {
  const names = value instanceof Error ? Object.getOwnPropertyNames(value).sort() : Object.keys(value);
  return Array.isArray(value) ? ['length', ...names] : names;
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null ? 'null' : prototype.constructor.name;
}

function content(value: object, walk: (part: unknown) => string): string {
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof RegExp) return `${String(value)} at ${value.lastIndex}`;
  if (value instanceof Map || value instanceof Set) return [...value].flat().map(walk).join();
  if (value instanceof URL || value instanceof URLSearchParams) return String(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  if (className(value) === 'ArrayBuffer') return Buffer.from(value as ArrayBuffer).toString('hex');
  return '';
}

function viewsOfOneArrayBuffer(): unknown {
  const { buffer } = Uint8Array.from({ length: 64 }, (_, index) => index);
  return [
    new Float64Array(buffer, 8, 2),
    new Uint8Array(buffer, 3, 5),
    Buffer.from(buffer, 1, 4),
    new DataView(buffer, 62),
  ];
}

function errorWithoutStack(): Error {
  const error = new Error('quiet');
  delete error.stack;
  return error;
}

function hiddenNothing(value: unknown): PropertyDescriptor {
  return { value, enumerable: true, writable: true, configurable: true };
}

function sharedReference(): unknown {
  const shared = { at: new Date(6) };
  return { a: shared, b: [shared, shared.at], c: new Map([[shared, shared]]) };
}

function circularReference(): unknown {
  const value: Record<string, unknown> = { list: [] };
  value['self'] = value;
  (value['list'] as unknown[]).push(value, value['list']);
  return value;
}

function circleThroughEverything(): unknown {
  const error = new Error('round');
  const map = new Map<unknown, unknown>();
  const set = new Set<unknown>([map]);
  const bare = Object.assign(Object.create(null) as object, { set });
  const sparse: unknown[] = [];
  sparse[2] = bare;
  error.cause = sparse;
  return map.set('error', error).set(set, map);
}

function emptyContainer(kind: string): object {
  if (kind === 'null') return Object.create(null) as object;
  if (kind === 'array') return [];
  if (kind === 'map' || kind === 'key') return new Map();
  if (kind === 'set') return new Set();
  return kind === 'error' ? new Error('node') : {};
}

function link(from: object | undefined, kind: string, edge: string, to: object | undefined): void {
  if (from instanceof Map) from.set(kind === 'key' ? to : edge, kind === 'key' ? edge : to);
  else if (from instanceof Set) from.add(to);
  else if (Array.isArray(from)) from.push(to);
  else Object.assign(from ?? {}, { [edge]: to });
}
