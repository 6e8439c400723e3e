import assert from 'node:assert/strict';
import { CacheSerializationError } from '../core/vocabulary/cache.errors.js';
import { type ContractOptions, type ContractTest, draftOf } from './adapter-fixture.js';
import { Amount, Person } from './contract-types.js';

/** Values that come back equal to the stored ones; made again for every use. */
const KINDS: readonly (readonly [kind: string, make: () => unknown])[] = [
  ['null', () => null],
  ['false and true', () => [false, true]],
  ['0', () => 0],
  ['strings', () => ['', 'a', 'ä𝒳👍', '\0\n"\\', '__proto__']],
  ['special numbers', () => [NaN, -0, Infinity, -Infinity, 1e-7, Number.MAX_SAFE_INTEGER]],
  ['a bigint', () => [0n, -(2n ** 70n)]],
  ['a date', () => [new Date(0), new Date(1_700_000_000_123)]],
  ['a regular expression', () => /a(b)?\/c/giu],
  [
    'a map',
    () =>
      new Map<unknown, unknown>([
        ['a', 1],
        [{ b: 2 }, new Map([[3, [4]]])],
      ]),
  ],
  ['a set', () => new Set<unknown>([1, '1', null, { a: 1 }])],
  ['a buffer', () => Buffer.from([0, 1, 127, 128, 255])],
  ['typed arrays', () => [new Uint8Array([1, 2]), new Float64Array([-0, 0.5, NaN]), new BigInt64Array([-1n])]],
  ['an array buffer', () => new Uint8Array([1, 2, 3]).buffer],
  ['an error', () => Object.assign(new RangeError('too far'), { code: 'E_FAR' })],
  ['undefined inside objects and arrays', () => ({ a: undefined, b: [undefined, 1, undefined] })],
  [
    'keys that objects have anyway',
    () => JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":2}') as unknown,
  ],
  ['deep nesting', () => nested(200)],
];

const REFUSED: readonly (readonly [kind: string, make: () => unknown])[] = [
  ['a function', () => () => 1],
  ['a symbol', () => Symbol('s')],
  ['a function deep inside', () => ({ a: [{ b: () => 1 }] })],
  ['an instance of a class', () => ({ user: new (class User {})() })],
  ['a promise', () => Promise.resolve(1)],
];

export function describeValues(test: ContractTest, options: Required<ContractOptions>): void {
  describeRoundTrips(test);
  if (options.isolatesValues) describeIsolation(test);
  if (options.keepsTypes) describeTypes(test, options);
  describeRefusals(test);
}

function describeRoundTrips(test: ContractTest): void {
  for (const [kind, make] of KINDS) {
    test(`gives back ${kind}`, async (fixture) => {
      await fixture.set('set', { value: make() });
      const stored = await fixture.commit(await fixture.begin('loaded'), 'loaded', { value: make() });

      assert.ok(stored);
      for (const key of ['set', 'loaded']) {
        assert.deepEqual(await fixture.value(key), make());
        assert.deepEqual((await fixture.get(key))?.shared, make());
      }
    });
  }

  test('gives back a URL', async (fixture) => {
    await fixture.set('k', { value: { at: new URL('https://example.com/a%20b?c=d#e') } });

    const { at } = (await fixture.value('k')) as { at: URL };
    assert.ok(at instanceof URL);
    assert.equal(at.href, 'https://example.com/a%20b?c=d#e');
  });

  test('gives back shared and circular references as such', async (fixture) => {
    const shared = { name: 'shared' };
    const value: Record<string, unknown> = { a: shared, b: [shared] };
    value['self'] = value;
    await fixture.set('k', { value });

    const read = (await fixture.value('k')) as { a: unknown; b: unknown[]; self: unknown };
    assert.deepEqual(read.a, shared);
    assert.equal(read.b[0], read.a);
    assert.equal(read.self, read);
  });

  test('lets nothing that was stored pollute a prototype', async (fixture) => {
    await fixture.set('k', {
      value: JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    });

    const read = (await fixture.value('k')) as object;

    assert.ok(Object.hasOwn(read, '__proto__'));
    assert.equal('polluted' in read, false);
    assert.equal('polluted' in {}, false);
  });
}

function describeIsolation(test: ContractTest): void {
  test('keeps a value apart from the one that was stored', async (fixture) => {
    const value = mutable();
    await fixture.set('set', { value });
    const [loaded] = await (await fixture.begin('loaded')).commit([draftOf('loaded', { value })]);
    vandalise(value);

    assert.deepEqual(await fixture.value('set'), mutable());
    assert.deepEqual(await fixture.value('loaded'), mutable());
    assert.deepEqual(loaded?.read(), mutable());
  });

  test('keeps a value apart from those that were read', async (fixture) => {
    await fixture.set('k', { value: mutable() });
    const entry = await fixture.get('k');
    vandalise(entry?.read());
    vandalise(await fixture.value('k'));

    assert.deepEqual(entry?.read(), mutable());
    assert.deepEqual(await fixture.value('k'), mutable());
    assert.deepEqual((await fixture.get('k'))?.shared, mutable());
  });

  test('keeps tags apart from the array they came in', async (fixture) => {
    const tags = ['t'];
    await fixture.set('k', { tags });
    tags[0] = 'other';

    assert.deepEqual((await fixture.get('k'))?.tags, ['t']);
    assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }), 1);
  });
}

function describeTypes(test: ContractTest, { isolatesValues }: Required<ContractOptions>): void {
  test('gives back instances of the types that it was given', async (fixture) => {
    const ann = new Person('Ann', new Date(7));
    ann.friends = [new Person('Bob', new Date(8)), ann];
    const value = { ann, amounts: new Map([['a', new Amount(250)]]) };
    await fixture.set('set', { value });
    const stored = await fixture.commit(await fixture.begin('loaded'), 'loaded', { value });

    assert.ok(stored);
    for (const key of ['set', 'set', 'loaded']) {
      const read = (await fixture.value(key)) as typeof value;
      assert.equal(read.ann.greet(), 'I am Ann');
      assert.equal(read.ann.friends[0]?.born.getTime(), 8);
      assert.equal(read.ann.friends[1], read.ann);
      assert.equal(read.amounts.get('a')?.cents, 250);
    }
  });

  if (!isolatesValues) return;
  test('does not find what a type cannot make again', async (fixture) => {
    await fixture.set('k', { value: [new Amount(-1)] });

    assert.equal(await fixture.get('k'), undefined);
    assert.deepEqual(await fixture.adapter.getMany(['k'], undefined), [undefined]);
    assert.deepEqual(await fixture.scanned(), []);
    assert.ok(await fixture.commit(await fixture.begin('k'), 'k', { value: [new Amount(1)] }));
    assert.equal(((await fixture.value('k')) as Amount[])[0]?.cents, 1);
  });
}

function describeRefusals(test: ContractTest): void {
  for (const [kind, make] of REFUSED) {
    test(`refuses ${kind} before anything is changed`, async (fixture) => {
      await fixture.set('k', { value: 'before' });
      const load = await fixture.begin('l');

      await assert.rejects(
        async () => fixture.adapter.set([draftOf('l', { value: 'good' }), draftOf('k', { value: make() })], undefined),
        CacheSerializationError,
      );

      assert.equal(await fixture.value('k'), 'before');
      assert.equal(await fixture.value('l'), undefined);
      assert.ok(await fixture.commit(load, 'l'), 'the load of `l` is as good as before');
    });
  }

  test('refuses to commit what cannot be stored, and lets the next one load', async (fixture) => {
    await fixture.set('k', { value: 'before' });
    const grant = await fixture.begin('k', { purpose: 'refresh', exclusive: true });

    await assert.rejects(async () => grant.commit([draftOf('k', { value: () => 1 })]), CacheSerializationError);
    await grant.release();

    assert.equal(await fixture.value('k'), 'before');
    assert.ok(
      await fixture.commit(await fixture.begin('k', { purpose: 'refresh', exclusive: true }), 'k', { value: 'after' }),
    );
  });
}

function mutable(): { list: { n: number }[]; at: Date; map: Map<string, number[]>; bytes: Uint8Array } {
  return { list: [{ n: 1 }], at: new Date(1_000), map: new Map([['a', [1]]]), bytes: Uint8Array.of(1, 2) };
}

/** Changes all parts of a value that can be changed; some might be frozen. */
function vandalise(value: unknown): void {
  const { list, at, map, bytes } = value as ReturnType<typeof mutable>;
  const changes = [
    () => (list[0]!.n = 2),
    () => list.push({ n: 3 }),
    () => at.setTime(0),
    () => map.get('a')!.push(2),
    () => map.clear(),
    () => (bytes[0] = 9),
  ];
  for (const change of changes) {
    try {
      change();
    } catch (error) {
      assert.ok(error instanceof TypeError);
    }
  }
}

function nested(depth: number): unknown {
  return depth === 0 ? 'bottom' : { deeper: [nested(depth - 1)] };
}
