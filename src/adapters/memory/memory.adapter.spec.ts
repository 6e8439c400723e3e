import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import type { EntryDraft, StoredEntry } from '../../core/ports/cache-adapter.port.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { MemoryAdapter } from './memory.adapter.js';
import type { MemoryOptions } from './memory-options.js';

interface Fixture {
  readonly adapter: MemoryAdapter;
  readonly clock: FakeClock;
  readonly evicted: string[];
  readonly errors: unknown[];
}

function memoryWith(options: Partial<MemoryOptions> = {}, onEvict?: (entry: StoredEntry) => void): Fixture {
  const clock = new FakeClock();
  const evicted: string[] = [];
  const errors: unknown[] = [];
  const adapter = new MemoryAdapter(
    { maxEntries: 1_000, maxBytes: 64 * 1024 ** 2, policy: 'lru', isolation: 'clone', ...options },
    {
      name: 'test',
      version: undefined,
      clock,
      onNotice: () => undefined,
      onEvict: (entry) => {
        evicted.push(entry.key);
        onEvict?.(entry);
      },
      onError: (error) => errors.push(error),
    },
  );
  return { adapter, clock, evicted, errors };
}

function draftOf(key: string, draft: Partial<EntryDraft> = {}): EntryDraft {
  return { key, value: 'v', ttlMs: 60_000, staleMs: 0, tags: [], loadMs: 0, ...draft };
}

function fill(adapter: MemoryAdapter, count: number, draft: Partial<EntryDraft> = {}): void {
  adapter.set(
    Array.from({ length: count }, (_, i) => draftOf(`k${i}`, draft)),
    undefined,
  );
}

describe('MemoryAdapter', () => {
  it('answers at once, never by a promise', () => {
    const { adapter } = memoryWith();
    const grant = adapter.begin(['k'], undefined, { purpose: 'load', exclusive: true, tags: [], computesTags: false });

    const calls: (() => unknown)[] = [
      () => grant.commit([draftOf('k')]),
      () => adapter.set([draftOf('l')], undefined),
      () => adapter.get('k', undefined),
      () => adapter.getMany(['k'], undefined),
      () => adapter.scan({ limit: 1 }),
      () => adapter.usage(),
      () => adapter.invalidate({ kind: 'all' }),
      () => adapter.close(),
    ];

    for (const call of calls) expect(call()).not.toBeInstanceOf(Promise);
  });

  it('answers a hit with the stored entry itself, so that nothing is allocated', () => {
    const { adapter } = memoryWith();
    adapter.set([draftOf('k')], 'n');

    expect(adapter.get('k', 'n')).toBe(adapter.get('k', 'n'));
  });

  it('takes a softly invalidated entry for expired in the same turn, though the coarse clock lags', () => {
    const { adapter, clock } = memoryWith();
    const coarseMs = clock.nowMs();
    clock.coarseNowMs = () => coarseMs;
    clock.nowMs = () => coarseMs + 5;
    adapter.set([draftOf('k', { staleMs: 100 })], undefined);

    adapter.invalidate({ kind: 'all' }, { soft: true });

    expect(adapter.get('k', undefined)?.freshUntilMs).toBeLessThanOrEqual(clock.coarseNowMs());
  });

  it('labels a read with the wall time, after a jump from the next write on', async () => {
    const { adapter, clock } = memoryWith();
    adapter.set([draftOf('k')], undefined);
    await clock.advance(500);

    adapter.get('k', undefined)?.countHit();
    expect(adapter.get('k', undefined)?.lastReadAtMs).toBe(clock.wallMs());
    clock.jumpWall(3_600_000);
    adapter.set([draftOf('l')], undefined);
    adapter.get('k', undefined)?.countHit();

    expect(adapter.get('k', undefined)).toMatchObject({ hits: 2, lastReadAtMs: clock.wallMs() });
  });

  it('counts hits and misses of its tier, an expired entry as a miss', async () => {
    const { adapter, clock } = memoryWith();
    adapter.set([draftOf('fresh'), draftOf('stale', { ttlMs: 10, staleMs: 60_000 })], undefined);
    await clock.advance(20);

    adapter.getMany(['fresh', 'stale', 'missing', 'fresh'], undefined);

    expect(adapter.usage().tiers).toEqual([expect.objectContaining({ name: 'memory', hits: 2, misses: 2 })]);
  });

  it('lets an older load of a key lose against a younger one that has ended', () => {
    const { adapter } = memoryWith();
    const request = { purpose: 'load', exclusive: false, tags: [], computesTags: false } as const;
    const older = adapter.begin(['k'], undefined, request);
    const younger = adapter.begin(['k'], undefined, request);

    expect(younger.commit([draftOf('k', { value: 'younger' })])).toHaveLength(1);
    expect(older.commit([draftOf('k', { value: 'older' })])).toEqual([undefined]);

    expect(adapter.get('k', undefined)?.read()).toBe('younger');
  });
});

describe('the bounds of MemoryAdapter', () => {
  it('never holds more than maxEntries, and tells of what it dropped', () => {
    const { adapter, evicted } = memoryWith({ maxEntries: 3 });

    fill(adapter, 5);

    expect(evicted).toEqual(['k0', 'k1']);
    expect(adapter.usage()).toMatchObject({ entries: 3, evictions: 2 });
  });

  it.each(['adaptive', 'lru'] as const)('never holds more than maxBytes under a random load (%s)', (policy) => {
    const maxBytes = 50_000;
    const { adapter } = memoryWith({ policy, maxBytes });

    for (let i = 0; i < 1_000; i++) {
      const key = `k${(i * 7919) % 211}`;
      const namespace = i % 3 === 0 ? 'n' : undefined;
      adapter.set([draftOf(key, { value: 'x'.repeat((i * 31) % 5_000), tags: [`t${i % 7}`] })], namespace);
      adapter.get(`k${(i * 104_729) % 211}`, undefined);

      expect(adapter.usage().bytes).toBeLessThanOrEqual(maxBytes);
      expect(adapter.get(key, namespace)).toBeDefined();
    }
    expect(adapter.invalidate({ kind: 'all' })).toBeGreaterThan(5);
    expect(adapter.usage()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it('stores nothing of an entry larger than maxBytes, keeps no old value in its place, and says how to go on', () => {
    const { adapter, errors, evicted } = memoryWith({ maxBytes: 2_000 });
    adapter.set([draftOf('k', { value: 'small' }), draftOf('other')], undefined);

    adapter.set([draftOf('k', { value: 'x'.repeat(3_000) })], undefined);

    expect(adapter.get('k', undefined)).toBeUndefined();
    expect(adapter.get('other', undefined)).toBeDefined();
    expect(errors).toEqual([expect.any(CacheConfigError)]);
    expect(String(errors[0])).toMatch(/`memory\.maxBytes` \(2000\).*Raise/);
    expect(evicted).toEqual([]);
  });

  it('answers a loaded entry that is larger than maxBytes as not stored', () => {
    const { adapter, errors } = memoryWith({ maxBytes: 2_000 });
    const grant = adapter.begin(['k'], undefined, { purpose: 'load', exclusive: false, tags: [], computesTags: false });

    expect(grant.commit([draftOf('k', { value: 'x'.repeat(3_000) })])).toEqual([undefined]);
    expect(errors).toHaveLength(1);
  });

  it('does not count, or tell of, a dropped entry that was past its time', async () => {
    const { adapter, clock, evicted } = memoryWith({ maxEntries: 2 });
    adapter.set([draftOf('a', { ttlMs: 10 }), draftOf('b')], undefined);
    await clock.advance(10);

    adapter.set([draftOf('c')], undefined);

    expect(evicted).toEqual([]);
    expect(adapter.usage().evictions).toBe(0);
  });

  it('bears a listener that stores the dropped entry again', () => {
    let again = 5;
    const { adapter } = memoryWith({ maxEntries: 2 }, ({ key }) => {
      if (again-- > 0) adapter.set([draftOf(key)], undefined);
    });

    fill(adapter, 4);

    expect(adapter.usage().entries).toBe(2);
    expect(adapter.invalidate({ kind: 'all' })).toBe(2);
    expect(adapter.usage()).toMatchObject({ entries: 0, bytes: 0 });
  });
});

describe('the sweep of MemoryAdapter', () => {
  it('frees expired entries that nobody reads, and then stands still', async () => {
    const { adapter, clock } = memoryWith({ maxEntries: 20_000 });
    fill(adapter, 5_000, { ttlMs: 1_000, tags: ['t'] });
    adapter.set([draftOf('for ever', { ttlMs: Infinity })], undefined);
    const before = adapter.usage().bytes ?? 0;

    await clock.advance(1_600);

    expect(adapter.invalidate({ kind: 'expired' })).toBe(0);
    expect(adapter.usage().bytes).toBeLessThan(before / 1_000);
    expect(clock.pending).toBe(0);
  });

  it('frees a large store in steps', async () => {
    const { adapter, clock } = memoryWith({ maxEntries: 100_000, maxBytes: Infinity });
    fill(adapter, 60_000, { ttlMs: 1_000 });

    await clock.advance(1_000);
    const rest = adapter.invalidate({ kind: 'expired' }, { dryRun: true });
    await clock.advance(400);

    expect(rest).toBe(58_000);
    expect(adapter.invalidate({ kind: 'expired' }, { dryRun: true })).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('takes a large tag out of sight at once, and frees it in steps', async () => {
    const { adapter, clock } = memoryWith({ maxEntries: 100_000, maxBytes: Infinity });
    fill(adapter, 20_000, { ttlMs: Infinity, tags: ['t'] });
    adapter.set([draftOf('other', { ttlMs: Infinity })], undefined);

    expect(adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' })).toBe(20_000);
    expect(adapter.usage().entries).toBe(1);
    expect(adapter.getMany(['k0', 'k19999', 'other'], undefined).map((entry) => entry?.key)).toEqual([
      undefined,
      undefined,
      'other',
    ]);
    expect(adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }, { dryRun: true })).toBe(0);
    expect(adapter.invalidate({ kind: 'expired' }, { dryRun: true })).toBe(0);
    const heldBytes = adapter.usage().bytes ?? 0;
    adapter.set([draftOf('k5', { ttlMs: Infinity })], undefined);
    await clock.advance(700);

    expect(adapter.usage().bytes).toBeLessThan(heldBytes / 1_000);
    expect(adapter.invalidate({ kind: 'all' }, { dryRun: true })).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('leaves nothing behind when a large store is closed', () => {
    const { adapter, clock } = memoryWith({ maxEntries: 10_000, maxBytes: Infinity });
    fill(adapter, 3_000, { tags: ['t'] });

    adapter.close();

    expect(adapter.usage()).toMatchObject({ entries: 0, bytes: 0 });
    expect(clock.pending).toBe(0);
  });

  it('has no timer while nothing can expire, and none when closed', () => {
    const { adapter, clock } = memoryWith();
    adapter.set([draftOf('k', { ttlMs: Infinity, staleMs: 100 })], undefined);
    expect(clock.pending).toBe(0);

    adapter.invalidate({ kind: 'all' }, { soft: true });
    expect(clock.pending).toBe(1);
    adapter.close();

    expect(clock.pending).toBe(0);
    adapter.set([draftOf('k')], undefined);
    expect(clock.pending).toBe(0);
  });

  it('tells only of live entries, however many have expired', async () => {
    const { adapter, clock } = memoryWith({ maxEntries: 20_000 });
    fill(adapter, 15_000, { ttlMs: 100 });
    adapter.set([draftOf('live', { createdAtMs: 5 })], undefined);

    await clock.advance(200);

    expect(adapter.usage()).toMatchObject({ entries: 1, oldestMs: 5, newestMs: 5 });
  });

  it('answers how many it freed when asked to', async () => {
    const { adapter, clock } = memoryWith();
    fill(adapter, 7, { ttlMs: 100 });
    adapter.set([draftOf('live')], undefined);
    await clock.advance(100);

    expect(adapter.invalidate({ kind: 'expired' }, { dryRun: true })).toBe(7);
    expect(adapter.invalidate({ kind: 'expired' })).toBe(7);
    expect(adapter.invalidate({ kind: 'expired' })).toBe(0);
  });
});

describe('the pages of MemoryAdapter', () => {
  it('shows no entry twice that is there throughout', () => {
    const { adapter } = memoryWith();
    fill(adapter, 100);
    const found: string[] = [];
    let cursor: string | undefined;

    do {
      const page = adapter.scan({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.entries.map(({ key }) => key));
      adapter.set([draftOf(`k${found.length % 100}`)], undefined);
      cursor = page.cursor;
    } while (cursor !== undefined);

    expect(found).toHaveLength(100);
    expect(new Set(found).size).toBe(100);
  });

  it.each(['', 'x', '-1', '1.5', '1e99', 'NaN'])('refuses the cursor %j, which it never gave', (cursor) => {
    const { adapter } = memoryWith();
    fill(adapter, 3);

    expect(() => adapter.scan({ limit: 10, cursor })).toThrow(CacheConfigError);
    expect(adapter.scan({ limit: 10, cursor: '1000' })).toEqual({ entries: [] });
  });

  it('ends a page early rather than search a large store for what hardly matches', () => {
    const { adapter } = memoryWith({ maxEntries: 50_000, maxBytes: Infinity });
    fill(adapter, 30_000);
    let pages = 0;
    let cursor: string | undefined;

    do {
      const page = adapter.scan({ limit: 10, pattern: 'k29999', ...(cursor === undefined ? {} : { cursor }) });
      cursor = page.cursor;
      pages++;
      expect(page.entries).toHaveLength(cursor === undefined ? 1 : 0);
    } while (cursor !== undefined);

    expect(pages).toBe(3);
  });
});
