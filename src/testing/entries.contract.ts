import assert from 'node:assert/strict';
import { type ContractTest, draftOf, LONG_MS, PAST_SHORT_MS, SHORT_MS } from './adapter-fixture.js';

/** Names that a careless encoding confuses, as keys and as namespaces. */
const AWKWARD = [
  'a',
  'A',
  ' a',
  'a ',
  ':',
  '::',
  'a:b',
  ':a:b',
  '-',
  '1',
  '01',
  '.',
  '..',
  'a/b',
  'a\\b',
  '{a}',
  '{',
  '}',
  '*',
  'a*',
  '?',
  '[a]',
  '[',
  ']',
  '\\',
  '\n',
  'a\nb',
  '\r',
  '\t',
  '\0',
  'ä',
  'a\u0308',
  '𝒳',
  '👩‍👩‍👧',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'undefined',
  'null',
  'NaN',
  '%61',
  '\u202e',
  "'",
  '"',
  '`',
  'k'.repeat(600),
];

export function describeEntries(test: ContractTest): void {
  describeReading(test);
  describeNames(test);
  describeTime(test);
}

function describeReading(test: ContractTest): void {
  test('answers nothing for a key that was never stored', async ({ adapter }) => {
    assert.equal(await adapter.get('k', undefined), undefined);
    assert.deepEqual(await adapter.getMany(['k', 'l'], 'n'), [undefined, undefined]);
  });

  test('gives back what was stored, with all that is known about it', async ({ adapter, clock }) => {
    const earliest = { nowMs: clock.nowMs(), wallMs: clock.wallMs() };
    await adapter.set(
      [draftOf('k', { value: { a: [1] }, ttlMs: LONG_MS, staleMs: 500, tags: ['s', 't'], loadMs: 12 })],
      'n',
    );
    const latest = { nowMs: clock.nowMs(), wallMs: clock.wallMs() };

    const entry = await adapter.get('k', 'n');

    assert.ok(entry !== undefined);
    assert.deepEqual(entry.read(), { a: [1] });
    assert.deepEqual(entry.shared, { a: [1] });
    assert.deepEqual(
      { key: entry.key, namespace: entry.namespace, tags: [...entry.tags].sort() },
      { key: 'k', namespace: 'n', tags: ['s', 't'] },
    );
    assert.deepEqual(
      { ttlMs: entry.ttlMs, staleMs: entry.staleMs, loadMs: entry.loadMs },
      { ttlMs: LONG_MS, staleMs: 500, loadMs: 12 },
    );
    assertWithin(entry.createdAtMs, earliest.wallMs, latest.wallMs);
    assertWithin(entry.freshUntilMs, earliest.nowMs + LONG_MS, latest.nowMs + LONG_MS);
    assertWithin(entry.staleUntilMs - entry.freshUntilMs, 500, 500);
    assert.ok(entry.sizeBytes > 0);
  });

  test('keeps the time of creation that a draft names', async (fixture) => {
    await fixture.set('k', { createdAtMs: 1_234_567_890_123 });

    assert.equal((await fixture.get('k'))?.createdAtMs, 1_234_567_890_123);
  });

  test('counts a hit when it is told of one, and not before', async (fixture) => {
    await fixture.set('k');
    const entry = await fixture.get('k');
    assert.deepEqual([entry?.hits, entry?.lastReadAtMs], [0, 0]);
    const wallMs = fixture.clock.wallMs();

    entry?.countHit();
    entry?.countHit();

    assert.equal(entry?.hits, 2);
    assertWithin(entry.lastReadAtMs, wallMs, fixture.clock.wallMs());
  });

  test('replaces what is stored under the same key, tags and all', async (fixture) => {
    await fixture.set('k', { value: 'old', tags: ['old'] });
    await fixture.set('k', { value: 'new', tags: ['new'] });

    assert.equal(await fixture.value('k'), 'new');
    assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: ['old'], mode: 'any' }), 0);
    assert.equal(await fixture.value('k'), 'new');
  });

  test('does not change an entry that was given out when its key is stored anew', async (fixture) => {
    await fixture.set('k', { value: 'old' });
    const entry = await fixture.get('k');

    await fixture.set('k', { value: 'new' });

    assert.equal(entry?.read(), 'old');
  });

  test('stores many at once and answers many in the order of the keys', async ({ adapter }) => {
    await adapter.set([draftOf('a', { value: 1 }), draftOf('b', { value: 2 }), draftOf('c', { value: 3 })], 'n');

    const entries = await adapter.getMany(['c', 'missing', 'a', 'c'], 'n');

    assert.deepEqual(
      entries.map((entry) => entry?.read()),
      [3, undefined, 1, 3],
    );
  });

  test('stores, reads and loads nothing when asked for nothing', async ({ adapter }) => {
    await adapter.set([], undefined);
    const grant = await adapter.begin([], undefined, {
      purpose: 'load',
      exclusive: true,
      tags: [],
      computesTags: false,
    });

    assert.deepEqual(await adapter.getMany([], undefined), []);
    assert.deepEqual([grant.tickets, await grant.commit([])], [[], []]);
  });

  test('keeps the last of two values for one key in one call', async (fixture) => {
    await fixture.adapter.set([draftOf('k', { value: 1 }), draftOf('k', { value: 2 })], undefined);

    assert.equal(await fixture.value('k'), 2);
    assert.equal(await fixture.stored(), 1);
  });
}

function describeNames(test: ContractTest): void {
  test('keeps keys apart whatever characters they hold', async ({ adapter }) => {
    for (const namespace of [undefined, 'n']) {
      await adapter.set(
        AWKWARD.map((key) => draftOf(key, { value: [namespace, key] })),
        namespace,
      );
    }

    for (const namespace of [undefined, 'n']) {
      const entries = await adapter.getMany(AWKWARD, namespace);
      assert.deepEqual(
        entries.map((entry) => entry?.read()),
        AWKWARD.map((key) => [namespace, key]),
      );
      assert.deepEqual(
        entries.map((entry) => [entry?.namespace, entry?.key]),
        AWKWARD.map((key) => [namespace, key]),
      );
    }
  });

  test('keeps namespaces apart whatever characters they hold, and no namespace is one of its own', async (fixture) => {
    const namespaces = [undefined, '', ...AWKWARD];
    for (const namespace of namespaces) await fixture.set('k', { namespace, value: [namespace] });

    for (const namespace of namespaces) assert.deepEqual(await fixture.value('k', namespace), [namespace]);
  });

  test('never takes a part of a key for a namespace, or the other way round', async (fixture) => {
    const pairs = [
      [undefined, 'a:b:c'],
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a', ':b:c'],
      [undefined, '1.a:b'],
      ['1', 'a:b'],
      ['a:', 'b:c'],
    ] as const;
    for (const [namespace, key] of pairs) await fixture.set(key, { namespace, value: [namespace, key] });

    for (const [namespace, key] of pairs) assert.deepEqual(await fixture.value(key, namespace), [namespace, key]);
    assert.equal(await fixture.stored(), pairs.length);
  });

  test('keeps tags apart whatever characters they hold', async (fixture) => {
    for (const tag of AWKWARD) await fixture.set(`of ${tag}`, { tags: [tag] });

    for (const tag of AWKWARD) {
      assert.equal(await fixture.adapter.invalidate({ kind: 'tags', tags: [tag], mode: 'any' }), 1, tag);
      assert.equal(await fixture.value(`of ${tag}`), undefined);
    }
  });
}

function describeTime(test: ContractTest): void {
  test('drops an entry when its TTL is over', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS });
    assert.ok(await fixture.isFresh('k'));

    await fixture.pass(PAST_SHORT_MS);

    assert.equal(await fixture.get('k'), undefined);
    assert.deepEqual(await fixture.adapter.getMany(['k'], undefined), [undefined]);
    assert.deepEqual(await fixture.scanned(), []);
  });

  test('still answers an expired entry for as long as a stale one may be served', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS, staleMs: LONG_MS });

    await fixture.pass(PAST_SHORT_MS);

    const entry = await fixture.get('k');
    assert.equal(entry?.read(), 'v');
    assert.ok(entry.freshUntilMs <= fixture.clock.nowMs());
    assert.deepEqual(await fixture.scanned(), ['/k']);
  });

  test('drops an expired entry when its stale time is over too', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS, staleMs: SHORT_MS });

    await fixture.pass(PAST_SHORT_MS);
    assert.equal(await fixture.value('k'), 'v');
    await fixture.pass(PAST_SHORT_MS);

    assert.equal(await fixture.get('k'), undefined);
  });

  test('keeps an entry for ever that has no TTL', async (fixture) => {
    await fixture.set('k', { ttlMs: Infinity });

    await fixture.pass(PAST_SHORT_MS);

    const entry = await fixture.get('k');
    assert.deepEqual([entry?.ttlMs, entry?.freshUntilMs, entry?.staleUntilMs], [Infinity, Infinity, Infinity]);
  });

  test('keeps an entry for as long as its TTL and its stale time say, up to the longest that there are', async (fixture) => {
    const durations = [8.2e12, 8.3e12, 1e13 - 1, 1e13, 1e15, Number.MAX_SAFE_INTEGER];
    for (const [i, ttlMs] of durations.entries()) {
      const staleMs = durations.at(-1 - i) as number;
      const earliestMs = fixture.clock.nowMs();
      await fixture.set('k', { ttlMs, staleMs, value: ttlMs });
      const latestMs = fixture.clock.nowMs();

      const entry = await fixture.get('k');

      assert.deepEqual([entry?.read(), entry?.ttlMs, entry?.staleMs], [ttlMs, ttlMs, staleMs]);
      assertWithin(entry?.freshUntilMs as number, earliestMs + ttlMs, latestMs + ttlMs);
    }
  });

  test('tells a load for how long the entry that it replaces is kept stale, for ever fresh or not', async (fixture) => {
    await fixture.set('k', { ttlMs: LONG_MS, staleMs: 500 });
    await fixture.set('l', { ttlMs: Infinity, staleMs: 500 });

    for (const key of ['k', 'l']) {
      const grant = await fixture.begin(key, { purpose: 'refresh' });
      const [ticket] = grant.tickets;
      await grant.release();

      assert.equal(ticket?.state === 'granted' && ticket.current?.staleMs, 500);
    }
  });

  test('keeps a replaced entry by its new TTL, not by its old one', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS });
    await fixture.set('k', { ttlMs: LONG_MS });
    await fixture.set('l', { ttlMs: LONG_MS });
    await fixture.set('l', { ttlMs: SHORT_MS });

    await fixture.pass(PAST_SHORT_MS);

    assert.equal(await fixture.value('k'), 'v');
    assert.equal(await fixture.value('l'), undefined);
  });

  test('removes the key of a draft with a TTL of 0', async (fixture) => {
    await fixture.set('k');

    await fixture.set('k', { ttlMs: 0, value: 'never seen' });

    assert.equal(await fixture.get('k'), undefined);
  });
}

export function assertWithin(actual: number, least: number, most: number): void {
  // Times pass through other processes and come back, so they may differ by a millisecond.
  assert.ok(actual >= least - 2 && actual <= most + 2, `Expected ${actual} between ${least} and ${most}.`);
}
