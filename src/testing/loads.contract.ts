import assert from 'node:assert/strict';
import type { LoadRequest } from '../core/ports/cache-adapter.port.js';
import {
  type AdapterFixture,
  type ContractTest,
  draftOf,
  LONG_MS,
  PAST_SHORT_MS,
  SHORT_MS,
} from './adapter-fixture.js';

const LOAD: LoadRequest = { purpose: 'load', exclusive: false, tags: [], computesTags: true };

export function describeLoads(test: ContractTest): void {
  describeTickets(test);
  describeEndings(test);
  describeWrites(test);
}

function describeTickets(test: ContractTest): void {
  test('grants what is missing and answers what is fresh, in the order of the keys', async (fixture) => {
    await fixture.set('here', { namespace: 'n' });

    const { tickets } = await fixture.adapter.begin(['a', 'here', 'b'], 'n', LOAD);

    assert.deepEqual(
      tickets.map(({ state }) => state),
      ['granted', 'found', 'granted'],
    );
    assert.equal(tickets[1]?.state === 'found' && tickets[1].entry.read(), 'v');
  });

  test('grants what has expired, together with the expired entry', async (fixture) => {
    await fixture.set('k', { ttlMs: SHORT_MS, staleMs: LONG_MS });
    await fixture.pass(PAST_SHORT_MS);

    const [ticket] = (await fixture.begin('k')).tickets;

    assert.equal(ticket?.state, 'granted');
    assert.equal(ticket.current?.read(), 'v');
  });

  test('grants what was softly invalidated', async (fixture) => {
    await fixture.set('k', { staleMs: LONG_MS });
    await fixture.adapter.invalidate({ kind: 'all' }, { soft: true });

    assert.equal((await fixture.begin('k')).tickets[0]?.state, 'granted');
  });

  for (const purpose of ['refresh', 'write'] as const) {
    test(`grants a ${purpose} although the entry is fresh`, async (fixture) => {
      await fixture.set('k', { value: 'old' });

      const grant = await fixture.begin('k', { purpose });

      assert.equal(grant.tickets[0]?.state, 'granted');
      assert.equal(await fixture.value('k'), 'old');
      assert.ok(await fixture.commit(grant, 'k', { value: 'new' }));
      assert.equal(await fixture.value('k'), 'new');
    });
  }

  test('hands a refresh the entry that it replaces, and none where there is none', async (fixture) => {
    await fixture.set('k');

    const { tickets } = await fixture.adapter.begin(['k', 'l'], undefined, { ...LOAD, purpose: 'refresh' });

    assert.deepEqual(
      tickets.map((ticket) => ticket.state === 'granted' && ticket.current?.read()),
      ['v', undefined],
    );
  });
}

function describeEndings(test: ContractTest): void {
  test('stores what was loaded, with its tags, and answers the entry', async ({ adapter }) => {
    const grant = await adapter.begin(['a', 'b'], 'n', { ...LOAD, tags: ['known'] });

    const stored = await grant.commit([
      draftOf('b', { value: 2, tags: ['known', 'computed'] }),
      draftOf('a', { value: 1, tags: ['known'], loadMs: 7 }),
    ]);

    assert.deepEqual(
      stored.map((entry) => [entry?.key, entry?.read(), entry?.loadMs]),
      [
        ['b', 2, 0],
        ['a', 1, 7],
      ],
    );
    assert.deepEqual(
      (await adapter.getMany(['a', 'b'], 'n')).map((entry) => entry?.read()),
      [1, 2],
    );
    assert.equal(await adapter.invalidate({ kind: 'tags', tags: ['computed'], mode: 'any' }), 1);
    assert.equal(await adapter.invalidate({ kind: 'tags', tags: ['known'], mode: 'any' }), 1);
  });

  test('stores the results that came, and lets others load the rest', async (fixture) => {
    const grant = await fixture.adapter.begin(['a', 'b'], undefined, { ...LOAD, exclusive: true });

    await grant.commit([draftOf('a')]);

    assert.equal(await fixture.value('a'), 'v');
    assert.equal((await fixture.begin('b', { exclusive: true })).tickets[0]?.state, 'granted');
  });

  test('refuses a draft for a key that it did not grant', async (fixture) => {
    await fixture.set('found', { value: 'old' });
    const grant = await fixture.adapter.begin(['found', 'granted'], undefined, LOAD);

    const stored = await grant.commit([
      draftOf('found', { value: 'new' }),
      draftOf('never asked for'),
      draftOf('granted'),
    ]);

    assert.deepEqual(
      stored.map((entry) => entry?.key),
      [undefined, undefined, 'granted'],
    );
    assert.deepEqual([await fixture.value('found'), await fixture.value('never asked for')], ['old', undefined]);
  });

  test('removes the key of a loaded draft with a TTL of 0, and answers that nothing is stored', async (fixture) => {
    await fixture.set('k');

    const isStored = await fixture.commit(await fixture.begin('k', { purpose: 'refresh' }), 'k', { ttlMs: 0 });

    assert.equal(isStored, false);
    assert.equal(await fixture.get('k'), undefined);
  });

  test('leaves everything as it was when a grant is released', async (fixture) => {
    await fixture.set('k');
    const grant = await fixture.begin('k', { purpose: 'refresh' });

    await grant.release();

    assert.equal(await fixture.value('k'), 'v');
  });

  test('stores nothing after a grant has ended, however often it ends', async (fixture) => {
    const released = await fixture.begin('a');
    await released.release();
    await released.release();
    const committed = await fixture.begin('b');
    await fixture.commit(committed, 'b', { value: 'first' });
    await committed.release();

    assert.equal(await fixture.commit(released, 'a'), false);
    assert.equal(await fixture.commit(committed, 'b', { value: 'second' }), false);
    assert.deepEqual([await fixture.value('a'), await fixture.value('b')], [undefined, 'first']);
  });

  test('lets the next one load as soon as an exclusive load has ended', async (fixture) => {
    const first = await fixture.begin('k', { exclusive: true });
    const second = await fixture.begin('k', { exclusive: true });

    await first.release();

    const [ticket] = second.tickets;
    if (ticket?.state === 'held') await ticket.settled;
    await second.release();
    const third = await fixture.begin('k', { exclusive: true });
    assert.equal(third.tickets[0]?.state, 'granted');
    assert.ok(await fixture.commit(third, 'k'));
  });

  test('is not blocked by a grant that is never ended', async (fixture) => {
    await fixture.begin('k');

    assert.ok(await fixture.commit(await fixture.begin('k'), 'k'));
    assert.equal(await fixture.value('k'), 'v');
  });
}

function describeWrites(test: ContractTest): void {
  test('takes a key over from every load when a write begins', async (fixture) => {
    const load = await fixture.begin('k');
    const write = await fixture.begin('k', { purpose: 'write' });

    assert.equal(await fixture.commit(load, 'k', { value: 'loaded' }), false);
    assert.ok(await fixture.commit(write, 'k', { value: 'written' }));
    assert.equal(await fixture.value('k'), 'written');
  });

  test('lets no load that began during a write replace what was written', async (fixture) => {
    const write = await fixture.begin('k', { purpose: 'write' });
    const load = await fixture.begin('k');

    assert.ok(await fixture.commit(write, 'k', { value: 'written' }));
    assert.equal(await fixture.commit(load, 'k', { value: 'loaded' }), false);
    assert.equal(await fixture.value('k'), 'written');
  });

  test('leaves the entry that it granted to a write that ends without a result, and refuses all loads', async (fixture) => {
    await fixture.set('k', { value: 'stored', tags: ['t'] });
    const load = await fixture.begin('k', { purpose: 'refresh' });

    const write = await fixture.begin('k', { purpose: 'write' });
    const [ticket] = write.tickets;
    await write.release();

    assert.equal(ticket?.state === 'granted' && ticket.current?.read(), 'stored');
    assert.equal(await fixture.commit(load, 'k', { value: 'loaded' }), false);
    assert.equal(await fixture.value('k'), 'stored');
    assert.ok(await fixture.isFresh('k'));
  });

  test('stores the later of two writes', async (fixture) => {
    const first = await fixture.begin('k', { purpose: 'write' });
    const second = await fixture.begin('k', { purpose: 'write' });

    assert.equal(await fixture.commit(first, 'k', { value: 'first' }), false);
    assert.ok(await fixture.commit(second, 'k', { value: 'second' }));
    assert.equal(await fixture.value('k'), 'second');
  });
}

/**
 * The load that the fences are tested with: of `k` in `n`, with a tag known at the beginning and one computed later.
 */
const KNOWN = ['known'];
const RESULT = { tags: ['known', 'computed'], staleMs: LONG_MS };
type Act = (fixture: AdapterFixture) => unknown;

const FENCED: readonly (readonly [what: string, act: Act, remains?: unknown])[] = [
  ['its key was set', (fixture) => fixture.set('k', { namespace: 'n', value: 'set' }), 'set'],
  ['its key was set with a TTL of 0', (fixture) => fixture.set('k', { namespace: 'n', ttlMs: 0 })],
  ['a write of its key began', (fixture) => fixture.begin('k', { namespace: 'n', purpose: 'write' })],
  ...[{}, { soft: true }].flatMap((how): [string, Act][] => {
    const was = 'soft' in how ? 'was softly invalidated' : 'was invalidated';
    return [
      [`its key ${was}`, ({ adapter }) => adapter.invalidate({ kind: 'keys', keys: ['k'], namespace: 'n' }, how)],
      [
        `a tag it was known to carry ${was}`,
        ({ adapter }) => adapter.invalidate({ kind: 'tags', tags: KNOWN, mode: 'any' }, how),
      ],
      [
        `a tag that was computed later ${was}`,
        ({ adapter }) => adapter.invalidate({ kind: 'tags', tags: ['other', 'computed'], mode: 'any' }, how),
      ],
      [
        `what carries both of its tags ${was}`,
        ({ adapter }) => adapter.invalidate({ kind: 'tags', tags: ['computed', 'known'], mode: 'all' }, how),
      ],
      [`its namespace ${was}`, ({ adapter }) => adapter.invalidate({ kind: 'namespace', namespace: 'n' }, how)],
      [
        `a pattern that matches its key ${was}`,
        ({ adapter }) => adapter.invalidate({ kind: 'pattern', pattern: '[a-k]', namespace: 'n' }, how),
      ],
      [`everything ${was}`, ({ adapter }) => adapter.invalidate({ kind: 'all' }, how)],
    ];
  }),
];

const UNFENCED: readonly (readonly [what: string, act: Act])[] = [
  ['nothing happened', () => undefined],
  [
    'another key was set, in its namespace and in another',
    (fixture) => Promise.all([fixture.set('l', { namespace: 'n' }), fixture.set('k')]),
  ],
  ['another key was invalidated', ({ adapter }) => adapter.invalidate({ kind: 'keys', keys: ['l'], namespace: 'n' })],
  [
    'its key was invalidated in another namespace',
    ({ adapter }) => adapter.invalidate({ kind: 'keys', keys: ['k'], namespace: undefined }),
  ],
  [
    'another tag was invalidated',
    ({ adapter }) => adapter.invalidate({ kind: 'tags', tags: ['k', 'n', 'other'], mode: 'any' }),
  ],
  ['another namespace was invalidated', ({ adapter }) => adapter.invalidate({ kind: 'namespace', namespace: 'nn' })],
  [
    'a pattern was invalidated in another namespace',
    ({ adapter }) => adapter.invalidate({ kind: 'pattern', pattern: '*', namespace: undefined }),
  ],
  ['an invalidation was tried out', ({ adapter }) => adapter.invalidate({ kind: 'all' }, { dryRun: true })],
  ['expired entries were freed', ({ adapter }) => adapter.invalidate({ kind: 'expired' })],
  ['another load of its key was given up', async (fixture) => (await fixture.begin('k', { namespace: 'n' })).release()],
];

/** Events between the beginning and the end of a load, and the right of the load to store after each. */
export function describeFences(test: ContractTest): void {
  for (const [what, act, remains] of FENCED) {
    test(`refuses what was loaded when ${what} since the load began`, async (fixture) => {
      const grant = await fixture.begin('k', { namespace: 'n', tags: KNOWN });
      await act(fixture);

      assert.equal(await fixture.commit(grant, 'k', { ...RESULT, value: 'loaded' }), false);
      assert.equal(await fixture.value('k', 'n'), remains);
    });

    test(`stores what was loaded when ${what} before the load began`, async (fixture) => {
      await act(fixture);
      const grant = await fixture.begin('k', { namespace: 'n', tags: KNOWN, purpose: 'refresh' });

      assert.ok(await fixture.commit(grant, 'k', { ...RESULT, value: 'loaded' }));
      assert.equal(await fixture.value('k', 'n'), 'loaded');
      assert.ok(await fixture.isFresh('k', 'n'));
    });
  }

  for (const [what, act] of UNFENCED) {
    test(`stores what was loaded when ${what} meanwhile`, async (fixture) => {
      const grant = await fixture.begin('k', { namespace: 'n', tags: KNOWN });
      await act(fixture);

      assert.ok(await fixture.commit(grant, 'k', { ...RESULT, value: 'loaded' }));
      assert.equal(await fixture.value('k', 'n'), 'loaded');
    });
  }

  test('refuses a refresh whose entry was invalidated, and does not bring the entry back', async (fixture) => {
    await fixture.set('k', { tags: ['t'], value: 'old' });
    const grant = await fixture.begin('k', { purpose: 'refresh' });
    await fixture.adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' });

    assert.equal(await fixture.commit(grant, 'k', { tags: ['t'] }), false);
    assert.equal(await fixture.get('k'), undefined);
  });

  test('refuses only those keys of a batch that were invalidated', async (fixture) => {
    const grant = await fixture.adapter.begin(['a', 'b', 'c'], undefined, LOAD);
    await fixture.adapter.invalidate({ kind: 'keys', keys: ['b'], namespace: undefined });
    await fixture.adapter.invalidate({ kind: 'tags', tags: ['of c'], mode: 'any' });

    const stored = await grant.commit([draftOf('a'), draftOf('b'), draftOf('c', { tags: ['of c'] })]);

    assert.deepEqual(
      stored.map((entry) => entry?.key),
      ['a', undefined, undefined],
    );
    assert.deepEqual(await fixture.scanned(), ['/a']);
  });
}
