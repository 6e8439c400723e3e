import assert from 'node:assert/strict';
import { CacheKeyError } from '../core/vocabulary/cache.errors.js';
import { MAX_TAGS } from '../core/vocabulary/cache-key.js';
import type { InvalidationTarget } from '../core/ports/cache-adapter.port.js';
import {
  type AdapterFixture,
  type ContractTest,
  draftOf,
  LONG_MS,
  PAST_SHORT_MS,
  SHORT_MS,
} from './adapter-fixture.js';

/** The stored entries before each of `CASES`, as `namespace/key` and its tags. */
const POPULATION = [
  { name: '/a', key: 'a', namespace: undefined, tags: ['s'] },
  { name: '/ab', key: 'ab', namespace: undefined, tags: ['s', 't'] },
  { name: '/b', key: 'b', namespace: undefined, tags: [] },
  { name: 'n/a', key: 'a', namespace: 'n', tags: ['s'] },
  { name: 'n/n', key: 'n', namespace: 'n', tags: ['t', 'u'] },
  { name: 'nn/a', key: 'a', namespace: 'nn', tags: ['n'] },
] as const;

const CASES: readonly (readonly [what: string, target: InvalidationTarget, hits: readonly string[]])[] = [
  ['a key', { kind: 'keys', keys: ['a'], namespace: undefined }, ['/a']],
  ['a key of a namespace', { kind: 'keys', keys: ['a'], namespace: 'n' }, ['n/a']],
  [
    'keys, each once and none that is missing',
    { kind: 'keys', keys: ['a', 'b', 'a', 'missing'], namespace: undefined },
    ['/a', '/b'],
  ],
  ['no keys', { kind: 'keys', keys: [], namespace: undefined }, []],
  ['a tag, in every namespace', { kind: 'tags', tags: ['s'], mode: 'any' }, ['/a', '/ab', 'n/a']],
  [
    'any of several tags, each entry once',
    { kind: 'tags', tags: ['s', 't', 's'], mode: 'any' },
    ['/a', '/ab', 'n/a', 'n/n'],
  ],
  ['all of several tags', { kind: 'tags', tags: ['s', 't'], mode: 'all' }, ['/ab']],
  ['all of tags that stand together nowhere', { kind: 'tags', tags: ['s', 'u'], mode: 'all' }, []],
  [
    'a tag that nothing carries, and not the key or namespace of its name',
    { kind: 'tags', tags: ['a', 'nn'], mode: 'any' },
    [],
  ],
  ['no tags', { kind: 'tags', tags: [], mode: 'any' }, []],
  ['all of no tags', { kind: 'tags', tags: [], mode: 'all' }, []],
  ['a namespace, and not the key or tag of its name', { kind: 'namespace', namespace: 'n' }, ['n/a', 'n/n']],
  ['a namespace that holds nothing', { kind: 'namespace', namespace: 'none' }, []],
  ['a pattern, where there is no namespace', { kind: 'pattern', pattern: 'a*', namespace: undefined }, ['/a', '/ab']],
  ['a pattern in a namespace', { kind: 'pattern', pattern: '?', namespace: 'n' }, ['n/a', 'n/n']],
  ['a pattern that matches nothing', { kind: 'pattern', pattern: '', namespace: undefined }, []],
  ['everything', { kind: 'all' }, POPULATION.map(({ name }) => name)],
];

export function describeInvalidation(test: ContractTest): void {
  for (const [what, target, hits] of CASES) describeCase(test, what, target, hits);
  describeSoft(test);
  describeCounts(test);
  describePatterns(test);
}

function describeCase(test: ContractTest, what: string, target: InvalidationTarget, hits: readonly string[]): void {
  const spared = POPULATION.map(({ name }) => name).filter((name) => !hits.includes(name));

  test(`removes ${what}`, async (fixture) => {
    await populate(fixture);

    assert.equal(await fixture.adapter.invalidate(target), hits.length);

    assert.deepEqual(await present(fixture), spared);
    assert.deepEqual(await fixture.scanned(), [...spared].sort());
    assert.equal(await fixture.stored(), spared.length);
    assert.equal(await fixture.adapter.invalidate(target), 0);
  });

  test(`expires ${what} softly`, async (fixture) => {
    await populate(fixture);

    assert.equal(await fixture.adapter.invalidate(target, { soft: true }), hits.length);

    for (const { name, key, namespace } of POPULATION) {
      assert.equal(await fixture.value(key, namespace), name, 'is kept');
      assert.equal(await fixture.isFresh(key, namespace), !hits.includes(name), name);
    }
  });

  test(`counts ${what} without a change when it is a dry run`, async (fixture) => {
    await populate(fixture);

    assert.equal(await fixture.adapter.invalidate(target, { dryRun: true }), hits.length);
    assert.equal(await fixture.adapter.invalidate(target, { dryRun: true, soft: true }), hits.length);

    for (const { key, namespace } of POPULATION) assert.ok(await fixture.isFresh(key, namespace));
  });
}

function describeSoft(test: ContractTest): void {
  test('keeps a softly invalidated entry for its stale time from now on', async (fixture) => {
    await fixture.set('k', { ttlMs: Infinity, staleMs: SHORT_MS });
    await fixture.pass(PAST_SHORT_MS);

    await fixture.adapter.invalidate({ kind: 'keys', keys: ['k'], namespace: undefined }, { soft: true });

    assert.equal(await fixture.value('k'), 'v');
    await fixture.pass(PAST_SHORT_MS);
    assert.equal(await fixture.get('k'), undefined);
  });

  test('drops a softly invalidated entry at once that has no stale time', async (fixture) => {
    await fixture.set('k', { staleMs: 0 });

    assert.equal(await fixture.adapter.invalidate({ kind: 'all' }, { soft: true }), 1);

    assert.equal(await fixture.get('k'), undefined);
  });

  test('leaves an entry that has expired already as it is, and does not count it, when invalidated softly', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS, staleMs: LONG_MS });
    await fixture.pass(PAST_SHORT_MS);
    const before = (await fixture.get('k'))?.staleUntilMs;

    assert.equal(await fixture.adapter.invalidate({ kind: 'all' }, { soft: true }), 0);

    assert.equal((await fixture.get('k'))?.staleUntilMs, before);
  });

  test('makes a softly invalidated entry fresh when it is stored anew', async (fixture) => {
    await fixture.set('k', { value: 'old', staleMs: LONG_MS, tags: ['t'] });
    await fixture.adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }, { soft: true });

    await fixture.set('k', { value: 'new', staleMs: LONG_MS, tags: ['t'] });

    assert.equal(await fixture.value('k'), 'new');
    assert.ok(await fixture.isFresh('k'));
  });
}

function describeCounts(test: ContractTest): void {
  test('keeps an entry that carries as many tags as an entry may, and finds it by each', async (fixture) => {
    const tags = Array.from({ length: MAX_TAGS }, (_, i) => `t${i}`);
    await fixture.set('set', { tags });
    await fixture.commit(await fixture.begin('loaded'), 'loaded', { tags });
    assert.deepEqual((await fixture.get('loaded'))?.tags, tags);

    for (const tag of ['t0', `t${MAX_TAGS - 1}`])
      assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: [tag], mode: 'any' }, { dryRun: true }), 2);
    assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: ['t500'], mode: 'any' }), 2);

    assert.equal(await fixture.get('set'), undefined);
  });

  test('counts an expired entry that is kept as a stale one, and none that is past that', async (fixture) => {
    await fixture.set('stale', { ttlMs: SHORT_MS, staleMs: LONG_MS, tags: ['t'] });
    await fixture.set('gone', { ttlMs: SHORT_MS, tags: ['t'] });
    await fixture.pass(PAST_SHORT_MS);

    assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }), 1);
  });

  test('shows what is stored after an invalidation', async (fixture) => {
    for (const target of [
      { kind: 'tags', tags: ['t'], mode: 'any' },
      { kind: 'namespace', namespace: 'n' },
      { kind: 'all' },
    ] as const) {
      await fixture.set('k', { namespace: 'n', tags: ['t'], value: 'old' });
      await fixture.adapter.invalidate(target);
      await fixture.set('k', { namespace: 'n', tags: ['t'], value: target.kind });

      assert.equal(await fixture.value('k', 'n'), target.kind);
    }
  });

  test('frees no entry that may still be served when it frees what has expired', async (fixture) => {
    await fixture.set('fresh');
    await fixture.set('stale', { ttlMs: SHORT_MS, staleMs: LONG_MS });
    await fixture.set('gone', { ttlMs: SHORT_MS });
    await fixture.pass(PAST_SHORT_MS);

    const freed = await fixture.adapter.invalidate({ kind: 'expired' });

    assert.ok(freed === 0 || freed === 1, 'at most what is gone');
    assert.deepEqual(await fixture.scanned(), ['/fresh', '/stale']);
    assert.equal(await fixture.adapter.invalidate({ kind: 'expired' }), 0);
  });
}

function describePatterns(test: ContractTest): void {
  test('takes an escaped character of a pattern literally', async (fixture) => {
    const keys = ['a*c', 'abc', 'a?c', 'a[b]c', 'a\\c'];
    for (const key of keys) {
      await fixture.adapter.set(
        keys.map((each) => draftOf(each)),
        undefined,
      );
      const pattern = key.replace(/[*?[\]\\]/g, '\\$&');

      assert.equal(await fixture.adapter.invalidate({ kind: 'pattern', pattern, namespace: undefined }), 1, pattern);
      assert.equal(await fixture.get(key), undefined);
    }
  });

  test('matches sets, ranges and characters outside of the basic plane', async (fixture) => {
    await fixture.adapter.set(
      ['x1', 'x2', 'x9', 'x𝒳'].map((key) => draftOf(key)),
      undefined,
    );

    assert.equal(await fixture.adapter.invalidate({ kind: 'pattern', pattern: 'x[1-5]', namespace: undefined }), 2);
    assert.deepEqual(await fixture.scanned(), ['/x9', '/x𝒳']);
    assert.equal(await fixture.adapter.invalidate({ kind: 'pattern', pattern: 'x[^0-9]', namespace: undefined }), 1);
    assert.deepEqual(await fixture.scanned(), ['/x9']);
  });

  test('takes the name of a namespace literally', async (fixture) => {
    for (const namespace of ['n*', 'nx', '[n]*', '?']) await fixture.set('k', { namespace });

    assert.equal(await fixture.adapter.invalidate({ kind: 'namespace', namespace: 'n*' }), 1);
    assert.equal(await fixture.adapter.invalidate({ kind: 'pattern', pattern: '*', namespace: '?' }), 1);

    assert.deepEqual(await fixture.scanned(), ['[n]*/k', 'nx/k']);
  });

  test('refuses a pattern that cannot be read, and changes nothing', async (fixture) => {
    await fixture.set('k');

    await assert.rejects(
      async () => fixture.adapter.invalidate({ kind: 'pattern', pattern: '[k', namespace: undefined }),
      CacheKeyError,
    );

    assert.equal(await fixture.value('k'), 'v');
  });
}

async function populate(fixture: AdapterFixture): Promise<void> {
  for (const { name, key, namespace, tags } of POPULATION)
    await fixture.set(key, { namespace, tags, value: name, staleMs: LONG_MS });
}

async function present(fixture: AdapterFixture): Promise<string[]> {
  const values = await Promise.all(POPULATION.map(({ key, namespace }) => fixture.value(key, namespace)));
  return values.filter((value) => value !== undefined) as string[];
}
