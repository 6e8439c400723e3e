import assert from 'node:assert/strict';
import { assertWithin } from './entries.contract.js';
import { type ContractTest, draftOf, LONG_MS, PAST_SHORT_MS, SHORT_MS } from './adapter-fixture.js';

export function describeInspection(test: ContractTest): void {
  describeScan(test);
  describeUsage(test);
  describeClose(test);
}

function describeScan(test: ContractTest): void {
  test('shows nothing while it is empty', async ({ adapter }) => {
    assert.deepEqual(await adapter.scan({ limit: 10 }), { entries: [] });
  });

  for (const limit of [1, 3, 7, 100]) {
    test(`shows everything in pages of ${limit} at most`, async ({ adapter }) => {
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
      await adapter.set(
        keys.map((key) => draftOf(key)),
        'n',
      );
      const found = new Set<string>();
      let cursor: string | undefined;

      do {
        const page = await adapter.scan({ limit, ...(cursor === undefined ? {} : { cursor }) });
        assert.ok(page.entries.length <= limit);
        for (const { key } of page.entries) found.add(key);
        cursor = page.cursor;
      } while (cursor !== undefined);

      assert.deepEqual([...found].sort(), [...keys].sort());
    });
  }

  test('shows one namespace, one pattern, or both', async (fixture) => {
    for (const namespace of [undefined, 'n', 'nn'])
      for (const key of ['a', 'ab', 'b*']) await fixture.set(key, { namespace });

    assert.deepEqual(await fixture.scanned({ namespace: 'n' }, 2), ['n/a', 'n/ab', 'n/b*']);
    assert.deepEqual(await fixture.scanned({ pattern: 'a*' }, 2), ['/a', '/ab', 'n/a', 'n/ab', 'nn/a', 'nn/ab']);
    assert.deepEqual(await fixture.scanned({ pattern: '*\\*', namespace: 'nn' }), ['nn/b*']);
  });

  test('meets every entry that is there throughout, whatever comes and goes between two pages', async ({ adapter }) => {
    const lasting = Array.from({ length: 20 }, (_, i) => `lasting ${i}`);
    for (const [i, key] of lasting.entries()) await adapter.set([draftOf(key), draftOf(`passing ${i}`)], undefined);
    const found = new Set<string>();
    let cursor: string | undefined;

    for (let page = 0; page === 0 || cursor !== undefined; page++) {
      const { entries, cursor: next } = await adapter.scan({ limit: 4, ...(cursor === undefined ? {} : { cursor }) });
      for (const { key } of entries) found.add(key);
      cursor = next;
      await adapter.invalidate({
        kind: 'keys',
        keys: [`passing ${page}`, `passing ${19 - page}`],
        namespace: undefined,
      });
      if (page < 20)
        await adapter.set([draftOf(`coming ${page}`), draftOf(lasting[page]!, { value: 'anew' })], undefined);
    }

    assert.deepEqual(
      lasting.filter((key) => !found.has(key)),
      [],
    );
  });

  test('gives entries whole, and does not count as a use of them', async (fixture) => {
    await fixture.set('k', { namespace: 'n', tags: ['t'], value: { a: 1 } });

    const [entry] = (await fixture.adapter.scan({ limit: 10 })).entries;

    assert.deepEqual([entry?.key, entry?.namespace, entry?.tags, entry?.read()], ['k', 'n', ['t'], { a: 1 }]);
    assert.equal((await fixture.get('k', 'n'))?.hits, 0);
  });
}

function describeUsage(test: ContractTest): void {
  test('tells that it is empty', async ({ adapter }) => {
    const { entries, evictions, oldestMs, newestMs, status, tiers } = await adapter.usage();

    assert.deepEqual(
      { entries, evictions, oldestMs, newestMs, status },
      { entries: 0, evictions: 0, oldestMs: null, newestMs: null, status: 'up' },
    );
    assert.ok(tiers.length > 0);
  });

  test('tells how much it holds, and from when', async (fixture) => {
    await fixture.set('a', { createdAtMs: 1_000_000_000_000 });
    await fixture.set('b', { namespace: 'n' });
    await fixture.set('c', { createdAtMs: 1_500_000_000_000 });
    const wallMs = fixture.clock.wallMs();

    assert.equal(await fixture.stored(), 3);
    const { oldestMs, newestMs, bytes, tiers } = await fixture.adapter.usage();
    assert.equal(oldestMs, 1_000_000_000_000);
    assertWithin(newestMs ?? 0, wallMs - PAST_SHORT_MS, wallMs);
    const known = tiers.flatMap((tier) => tier.bytes ?? []);
    assert.equal(bytes, known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0));
    assert.ok(
      tiers.every((tier) => tier.bytes === null || tier.bytes > 0 || tier.entries === 0),
      'what holds entries takes bytes',
    );
  });

  test('does not tell of an entry that is past its time, read or not', async (fixture) => {
    await fixture.set('gone', { ttlMs: SHORT_MS });
    await fixture.set('stale', { ttlMs: SHORT_MS, staleMs: LONG_MS });
    await fixture.pass(PAST_SHORT_MS);

    assert.equal(await fixture.stored(), 1);
  });
}

function describeClose(test: ContractTest): void {
  test('is empty and does nothing once it is closed', async (fixture) => {
    const { adapter } = fixture;
    await fixture.set('k');
    const open = await fixture.begin('l');

    await adapter.close();
    await adapter.close();
    await fixture.set('k');

    assert.equal(await fixture.get('k'), undefined);
    assert.deepEqual(await adapter.getMany(['k'], undefined), [undefined]);
    assert.equal(await fixture.commit(open, 'l'), false);
    assert.equal(await fixture.commit(await fixture.begin('l'), 'l'), false);
    assert.equal(await adapter.invalidate({ kind: 'all' }), 0);
    assert.deepEqual(await adapter.scan({ limit: 1 }), { entries: [] });
  });
}
