import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheAdapterContext, EntryDraft, LoadGrant } from '../../core/ports/cache-adapter.port.js';
import { createEntryCodec } from '../../core/values/codec.js';
import { fakeClock } from '../../testing/index.js';
import { FileAdapter } from './file.adapter.js';
import { openFileAdapter } from './open-file.js';
import { entryIn, formatRecord, readHead } from './store/entry-record.js';
import { FileKeys } from './store/file-keys.js';
import { LmdbStore } from './store/lmdb-store.js';
import type { StoreWriter } from './store/ordered-store.port.js';
import { readState } from './store/store-state.js';

const MIB = 1024 ** 2;
const MINUTE_MS = 60_000;
const ID = new FileKeys(undefined).entry('k', undefined);
const LOAD = { purpose: 'load', tags: [], computesTags: true } as const;
const WRITE = { purpose: 'write', exclusive: false, tags: [], computesTags: true } as const;
const KEY = { kind: 'keys', keys: ['k'], namespace: undefined } as const;

let directory: string;
let clock: ReturnType<typeof fakeClock>;
let opened: FileAdapter[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cache-kit-file-'));
  clock = fakeClock();
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((adapter) => adapter.close()));
  rmSync(directory, { recursive: true, force: true });
});

function contextOf(context: Partial<CacheAdapterContext>): CacheAdapterContext {
  return {
    name: 'cache',
    version: undefined,
    clock,
    onEvict: () => undefined,
    onError: (error) => {
      throw error;
    },
    onNotice: () => undefined,
    ...context,
  };
}

/** An adapter over the files of this test. Several of them are like several processes. */
function open(context: Partial<CacheAdapterContext> = {}, maxBytes = 64 * MIB): FileAdapter {
  const options = { directory, maxBytes, isDurable: false };
  const adapter = openFileAdapter(options, createEntryCodec({}), contextOf(context));
  opened.push(adapter);
  return adapter;
}

/** Works on the store below the adapters. */
async function inStore<T>(work: (writer: StoreWriter) => T): Promise<T> {
  const store = new LmdbStore(join(directory, 'cache'), false);
  const result = await store.write(work);
  await store.close();
  return result;
}

function draft(key: string, more: Partial<EntryDraft> = {}): EntryDraft {
  return { key, value: 'v', ttlMs: MINUTE_MS, staleMs: 0, tags: [], loadMs: 0, ...more };
}

async function begin(adapter: FileAdapter, key: string, exclusive = false): Promise<LoadGrant> {
  return adapter.begin([key], undefined, { ...LOAD, exclusive });
}

async function isStored(grant: LoadGrant, key: string, more: Partial<EntryDraft> = {}): Promise<boolean> {
  const [stored] = await grant.commit([draft(key, more)]);
  return stored !== undefined;
}

describe('what several processes share', () => {
  it('shows each what another has stored, and hides what another has invalidated', async () => {
    const [one, other] = [open(), open()];

    await one.set([draft('k', { tags: ['t'] })], undefined);
    const before = await other.get('k', undefined);
    await one.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' });

    expect(before?.read()).toBe('v');
    expect(await other.get('k', undefined)).toBeUndefined();
  });

  it.each([
    ['deleted', { kind: 'keys', keys: ['k'], namespace: undefined }],
    ['invalidated by its tag', { kind: 'tags', tags: ['t'], mode: 'any' }],
    ['invalidated by all of its tags', { kind: 'tags', tags: ['u', 't'], mode: 'all' }],
    ['invalidated by a pattern', { kind: 'pattern', pattern: 'k*', namespace: undefined }],
    ['cleared', { kind: 'all' }],
  ] as const)('refuses a load that began before its key was %s elsewhere', async (_, target) => {
    const [one, other] = [open(), open()];
    const grant = await begin(one, 'k');

    await other.invalidate(target);

    expect(await isStored(grant, 'k', { tags: ['t', 'u'] })).toBe(false);
  });

  it('accepts a load of which another one has invalidated something else', async () => {
    const [one, other] = [open(), open()];
    const grant = await begin(one, 'k');

    await other.invalidate({ kind: 'tags', tags: ['t', 'u'], mode: 'all' });
    await other.invalidate({ kind: 'pattern', pattern: 'l*', namespace: undefined });
    await other.invalidate({ kind: 'namespace', namespace: 'n' });

    expect(await isStored(grant, 'k', { tags: ['t'] })).toBe(true);
  });

  it('refuses a load whose key was stored elsewhere, also when that entry is gone again', async () => {
    const [one, other] = [open(), open()];
    const grant = await begin(one, 'k');

    await other.set([draft('k', { ttlMs: 10 })], undefined);
    await clock.advance(20);
    await other.invalidate({ kind: 'expired' });

    expect(await isStored(grant, 'k')).toBe(false);
  });

  it.each([
    ['a soft invalidation', async (adapter: FileAdapter) => adapter.invalidate(KEY, { soft: true })],
    ['a write that began', async (adapter: FileAdapter) => adapter.begin(['k'], undefined, { ...WRITE })],
  ])('refuses a load that began before %s, also when the entry of that time is gone', async (_, invalidate) => {
    const adapter = open();
    await adapter.set([draft('k', { ttlMs: 50, staleMs: 50 })], undefined);
    const grant = await adapter.begin(['k'], undefined, { ...LOAD, purpose: 'refresh', exclusive: false });

    await invalidate(adapter);
    await clock.advance(200);
    await adapter.invalidate({ kind: 'expired' });

    expect(await isStored(grant, 'k')).toBe(false);
  });

  it('lets one of them load, and the others wait until it has stored', async () => {
    const [one, other] = [open(), open()];
    const grant = await begin(one, 'k', true);

    const [ticket] = (await begin(other, 'k', true)).tickets;
    await isStored(grant, 'k');
    await clock.advance(20);

    expect(ticket?.state).toBe('held');
    await (ticket as { settled: Promise<void> }).settled;
    expect((await begin(other, 'k', true)).tickets[0]?.state).toBe('found');
  });

  it('lets another one load when the first has gone without a word', async () => {
    const [one, other] = [open(), open()];
    await begin(one, 'k', true);
    // Its timers are gone, and its lease is not.
    await one.close();

    const held = (await begin(other, 'k', true)).tickets[0]?.state;
    await clock.advance(1_000);

    expect([held, (await begin(other, 'k', true)).tickets[0]?.state]).toEqual(['held', 'granted']);
  });

  it('keeps the lease of a load that takes long', async () => {
    const [one, other] = [open(), open()];
    await begin(one, 'k', true);

    for (let i = 0; i < 30; i++) {
      await clock.advance(100);
      // The renewal is a transaction.
      await one.set([draft('other')], undefined);
    }

    expect((await begin(other, 'k', true)).tickets[0]?.state).toBe('held');
  });

  it('keeps versions apart, and lets neither invalidate entries of the other', async () => {
    const [old, current] = [open({ version: '1' }), open({ version: '2' })];
    await old.set([draft('k', { value: 'old', tags: ['t'] })], 'n');

    const removed = [
      await current.invalidate({ kind: 'all' }),
      await current.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }),
      await current.invalidate({ kind: 'namespace', namespace: 'n' }),
    ];

    expect(removed).toEqual([0, 0, 0]);
    expect(await current.get('k', 'n')).toBeUndefined();
    expect((await current.usage()).entries).toBe(0);
    expect((await old.get('k', 'n'))?.read()).toBe('old');
  });
});

describe('an invalidation of many entries', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => draft(`k${i}`, { tags: ['t', 'u'] }));

  it.each([
    ['a tag', { kind: 'tags', tags: ['t'], mode: 'any' }],
    ['several tags', { kind: 'tags', tags: ['t', 'u'], mode: 'any' }],
    ['a namespace', { kind: 'namespace', namespace: 'n' }],
    ['a pattern', { kind: 'pattern', pattern: 'k*', namespace: 'n' }],
    ['everything', { kind: 'all' }],
  ] as const)('removes and counts each of them once, by %s', async (_, target) => {
    const adapter = open();
    await adapter.set(many, 'n');

    const dryRun = await adapter.invalidate(target, { dryRun: true });
    const removed = await adapter.invalidate(target);

    expect([dryRun, removed, (await adapter.usage()).entries]).toEqual([1_000, 1_000, 0]);
  });

  it('leaves an entry that is stored while it walks', async () => {
    const adapter = open();
    await adapter.set(many, 'n');

    const removed = adapter.invalidate({ kind: 'namespace', namespace: 'n' });
    // Together with the mark, and so before the first slice.
    await Promise.all([adapter.set([draft('k500', { value: 'new' }), draft('new')], 'n'), removed]);

    expect(await removed).toBe(999);
    expect((await adapter.get('k500', 'n'))?.read()).toBe('new');
    expect((await adapter.usage()).entries).toBe(2);
  });
});

describe('loads that take very long', () => {
  it('are stored after ten minutes, and refused when nobody knows any more what was invalidated', async () => {
    const adapter = open();
    await adapter.set([draft('first')], undefined);
    const grants = [await begin(adapter, 'a'), await begin(adapter, 'b')] as const;
    const rotations = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        await adapter.set([draft(`between ${i}`)], undefined);
        await clock.advance(10 * MINUTE_MS + 1_000);
        await adapter.set([draft(`after ${i}`)], undefined);
      }
    };

    await rotations(1);
    const first = await isStored(grants[0], 'a');
    await rotations(3);

    expect([first, await isStored(grants[1], 'b')]).toEqual([true, false]);
  });

  it('are refused by the mark of an invalidation as long as they can be stored', async () => {
    const adapter = open();
    const grant = await begin(adapter, 'k');
    await adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' });

    await clock.advance(11 * MINUTE_MS);
    await adapter.set([draft('other')], undefined);

    expect(await isStored(grant, 'k', { tags: ['t'] })).toBe(false);
  });

  it.each([100, 200])('are refused by any of %d invalidations by several tags, or by patterns', async (count) => {
    const adapter = open();
    const grants = [await begin(adapter, 'k 1'), await begin(adapter, 'k 2'), await begin(adapter, 'k 3')] as const;
    for (let i = 0; i < count; i++) {
      await adapter.invalidate({ kind: 'tags', tags: ['common', `t${i}`], mode: 'all' });
      await adapter.invalidate({ kind: 'pattern', pattern: `k ${i + 1}`, namespace: 'n' });
    }

    expect(await isStored(grants[0], 'k 1', { tags: ['common', 't1'] })).toBe(false);
    expect(await isStored(grants[1], 'k 2', { tags: ['t1'] })).toBe(true);
    expect(await isStored(await begin(adapter, 'k 4'), 'k 4', { tags: ['common', 't1'] })).toBe(true);
  });
});

describe('the bound on bytes', () => {
  const value = 'x'.repeat(1_000);

  it('evicts what would expire first, and reports it', async () => {
    const evicted: string[] = [];
    const adapter = open({ onEvict: ({ key }) => void evicted.push(key) }, 100_000);

    for (let i = 0; i < 150; i++) await adapter.set([draft(`k${i}`, { value, ttlMs: MINUTE_MS + i })], undefined);

    const { bytes, entries, evictions } = await adapter.usage();
    expect(bytes).toBeLessThanOrEqual(100_000);
    expect(entries).toBeGreaterThan(80);
    expect(evictions).toBe(150 - entries);
    expect(evicted).toEqual(Array.from({ length: evictions }, (_, i) => `k${i}`));
  });

  it('spares what was read, as long as others can go', async () => {
    const adapter = open({}, 100_000);

    for (let i = 0; i < 300; i++) {
      await adapter.set([draft(`k${i}`, { value, ttlMs: MINUTE_MS + i })], undefined);
      await adapter.get('k0', undefined);
    }

    expect((await adapter.get('k0', undefined))?.read()).toBe(value);
  });

  it('holds where everything was read', async () => {
    const adapter = open({}, 100_000);

    for (let i = 0; i < 300; i++) {
      await adapter.set([draft(`k${i}`, { value })], undefined);
      await adapter.get(`k${i}`, undefined);
    }

    expect((await adapter.usage()).bytes).toBeLessThanOrEqual(100_000);
  });

  it('holds for one value that is larger than all of it', async () => {
    const adapter = open({}, 100_000);
    await adapter.set([draft('small')], undefined);

    await adapter.set([draft('large', { value: 'x'.repeat(200_000) })], undefined);

    expect((await adapter.usage()).bytes).toBeLessThanOrEqual(100_000);
  });

  it('frees what is past its time without a read', async () => {
    const adapter = open();
    for (let i = 0; i < 1_000; i++) await adapter.set([draft(`k${i}`, { ttlMs: 100, tags: ['t'] })], undefined);

    await clock.advance(2_000);
    await adapter.set([draft('last')], undefined);
    await adapter.close();

    const rows = await inStore((writer) =>
      (['entries', 'expiry', 'tags'] as const).map((table) => writer.range(table, { start: Buffer.of(0) }).length),
    );
    expect(rows).toEqual([1, 1, 0]);
  });
});

describe('a record that is damaged', () => {
  it.each([
    ['cut', (record: Buffer) => record.subarray(0, 20)],
    ['changed', (record: Buffer) => Buffer.concat([record.subarray(0, -6), Buffer.from('damage')])],
    ['empty', () => Buffer.alloc(0)],
    [
      "another one's",
      (record: Buffer) =>
        formatRecord(
          readHead(record)!,
          createEntryCodec({}).encode({ ...draft('else'), namespace: undefined, createdAtMs: 0 }) as Buffer,
        ),
    ],
  ])('is a miss, and is loaded again, where it is %s', async (_, damage) => {
    const adapter = open();
    await adapter.set([draft('k')], undefined);
    await inStore((writer) => writer.put('entries', ID, damage(writer.get('entries', ID)!)));

    const read = await adapter.get('k', undefined);
    const grant = await begin(adapter, 'k', true);

    expect(read).toBeUndefined();
    expect(grant.tickets[0]?.state).toBe('granted');
    expect(await isStored(grant, 'k')).toBe(true);
    expect((await adapter.get('k', undefined))?.read()).toBe('v');
  });
});

it('frees a damaged record, and counts its bytes no more', async () => {
  const adapter = open();
  await adapter.set([draft('k', { ttlMs: 100 })], undefined);
  await inStore((writer) => writer.put('entries', ID, Buffer.from('damaged')));

  await clock.advance(200);
  await adapter.invalidate({ kind: 'expired' });

  const { rows, bytes } = await inStore((writer) => ({
    rows: (['entries', 'expiry'] as const).map((table) => writer.range(table, { start: Buffer.of(0) }).length),
    bytes: readState(writer).bytes,
  }));
  expect({ rows, bytes }).toEqual({ rows: [0, 0], bytes: 0 });
});

it('keeps an entry that has replaced a damaged record, when the time of that record is over', async () => {
  const adapter = open();
  await adapter.set([draft('k', { ttlMs: 100 })], undefined);
  await inStore((writer) => writer.put('entries', ID, Buffer.from('damaged')));
  await adapter.set([draft('k', { value: 'new' })], undefined);

  await clock.advance(200);
  await adapter.invalidate({ kind: 'expired' });

  expect((await adapter.get('k', undefined))?.read()).toBe('new');
});

it('frees each lost lease, however many running loads there are', async () => {
  const [lost, other] = [open(), open()];
  const running = Array.from({ length: 150 }, (_, i) => `a${i}`);
  await lost.begin(['lost'], undefined, { ...LOAD, exclusive: true });
  await lost.close();
  await other.begin(running, undefined, { ...LOAD, exclusive: true });

  for (let step = 0; step < 40; step++) {
    await clock.advance(100);
    // The renewals are committed with this.
    await other.set([draft('other')], undefined);
  }

  expect(await inStore((writer) => writer.range('leases', { start: Buffer.of(0) }).length)).toBe(150);
});

it('closes although a transaction of another process never ends', async () => {
  const never = new Promise<never>(() => undefined);
  const view = { get: () => undefined, range: () => [] };
  const adapter = new FileAdapter(
    { view: () => view, write: () => never, close: () => never },
    { codec: createEntryCodec({}), maxBytes: MIB },
    contextOf({}),
  );

  const closed = adapter.close();
  await clock.advance(1_000);

  await expect(closed).resolves.toBeUndefined();
});

describe('the record', () => {
  it('has the bytes that its table says', () => {
    const head = { revision: 5, freshUntilWallMs: 1_000.5, staleUntilWallMs: Infinity, hasTags: true };

    const record = formatRecord(head, Buffer.from('entry'));

    expect(record.toString('hex')).toBe(
      `4014000000000000408f4400000000007ff000000000000001${Buffer.from('entry').toString('hex')}`,
    );
    expect(readHead(record)).toEqual(head);
    expect(entryIn(record).toString()).toBe('entry');
  });
});
