import { describe, expect, it } from '@jest/globals';
import { memoryTier, settle, times } from '../../../test/support/cache-with.js';
import type {
  CacheAdapter,
  InvalidationTarget,
  LoadRequest,
  StoredEntry,
} from '../../core/ports/cache-adapter.port.js';
import type { Coherence, CoherenceListener } from '../../core/ports/coherence.port.js';
import { draftOf } from '../../testing/adapter-fixture.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { HybridAdapter } from './hybrid.adapter.js';

const LOAD: LoadRequest = { purpose: 'load', exclusive: false, tags: [], computesTags: true };
const KEY: InvalidationTarget = { kind: 'keys', keys: ['k'], namespace: undefined };

/** A coherence whose proofs and announcements the test controls. */
class ManualCoherence implements Coherence {
  provenUntilMs = Infinity;
  copyLimitMs = Infinity;
  isClosed = false;
  #listener: CoherenceListener | undefined;

  listen(listener: CoherenceListener): void {
    this.#listener = listener;
  }

  tell(target: InvalidationTarget): void {
    this.#listener?.onChange(target);
  }

  usage() {
    return { mode: 'tracking', reason: 'The test says so.', isProven: this.provenUntilMs > 0 } as const;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A far tier that counts its calls, and answers when the test allows it. */
class FarTier {
  readonly asked: string[] = [];
  #held: (() => void)[] | undefined;

  constructor(readonly store: CacheAdapter) {}

  hold(): void {
    this.#held = [];
  }

  async letGo(): Promise<void> {
    for (const go of this.#held?.splice(0) ?? []) go();
    this.#held = undefined;
    await settle();
  }

  /** Reads the store when the call arrives, and answers later. */
  get port(): CacheAdapter {
    const later = async <T>(name: string, answer: T): Promise<Awaited<T>> => {
      this.asked.push(name);
      if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
      return answer as Awaited<T>;
    };
    const { store } = this;
    return {
      kind: 'far',
      get: (...args) => later('get', store.get(...args)),
      getMany: (...args) => later('getMany', store.getMany(...args)),
      begin: (...args) => later('begin', store.begin(...args)),
      set: (...args) => later('set', store.set(...args)),
      invalidate: (...args) => later('invalidate', store.invalidate(...args)),
      scan: (...args) => later('scan', store.scan(...args)),
      usage: () => later('usage', store.usage()),
      close: () => store.close(),
    };
  }
}

function hybrid() {
  const clock = new FakeClock();
  const coherence = new ManualCoherence();
  const far = new FarTier(memoryTier(clock));
  const adapter = new HybridAdapter({ near: memoryTier(clock), far: far.port, coherence, clock });
  const read = async (key = 'k'): Promise<StoredEntry | undefined> => adapter.get(key, undefined);
  /** Stores directly, without the adapter, as another process does. */
  const store = (value: unknown, draft = {}, key = 'k'): unknown =>
    far.store.set([draftOf(key, { value, ...draft })], undefined);
  return { adapter, clock, coherence, far, read, store };
}

describe('a near copy', () => {
  it('answers at once what was read before, and asks the far tier nothing', async () => {
    const { adapter, far, read, store } = hybrid();
    store('v');
    await read();

    const entry = adapter.get('k', undefined);

    expect(entry).not.toBeInstanceOf(Promise);
    expect((entry as StoredEntry).read()).toBe('v');
    expect(far.asked).toEqual(['get']);
  });

  it('knows all that the entry knows', async () => {
    const { clock, read, store } = hybrid();
    store('v', { ttlMs: 1_000, staleMs: 500, tags: ['t'], loadMs: 7, createdAtMs: 1_700_000_000_000 });
    await clock.advance(300);
    const original = await read();
    original?.countHit();

    const copy = await read();

    const facts = ({ key, tags, createdAtMs, ttlMs, freshUntilMs, staleUntilMs, loadMs, hits }: StoredEntry) => ({
      key,
      tags,
      createdAtMs,
      ttlMs,
      freshUntilMs,
      staleUntilMs,
      loadMs,
      hits,
    });
    expect(facts(copy as StoredEntry)).toEqual({
      key: 'k',
      tags: ['t'],
      createdAtMs: 1_700_000_000_000,
      ttlMs: 1_000,
      freshUntilMs: 2_000,
      staleUntilMs: 2_500,
      loadMs: 7,
      hits: 1,
    });
  });

  it('keeps the hits that were counted before it was made', async () => {
    const { coherence, read, store } = hybrid();
    store('v');
    coherence.provenUntilMs = 0;
    const before = await read();
    before?.countHit();
    coherence.provenUntilMs = Infinity;

    const copy = await read();

    expect([copy?.hits, copy?.lastReadAtMs]).toEqual([1, before?.lastReadAtMs]);
  });

  it('is served as a stale one when it has expired, and gone when the entry is', async () => {
    const { clock, far, read, store } = hybrid();
    store('v', { ttlMs: 1_000, staleMs: 500 });
    await read();

    await clock.advance(1_200);
    const stale = await read();
    await clock.advance(300);

    expect(stale?.read()).toBe('v');
    expect(far.asked).toEqual(['get']);
    expect(await read()).toBeUndefined();
  });

  it('is not made of what has expired', async () => {
    const { clock, far, read, store } = hybrid();
    store('v', { ttlMs: 100, staleMs: 500 });
    await clock.advance(100);

    await read();
    await read();

    expect(far.asked).toEqual(['get', 'get']);
  });

  it('is used for no longer than it may be, and shows the times of the entry all the same', async () => {
    const { clock, coherence, far, read, store } = hybrid();
    coherence.copyLimitMs = 1_000;
    store('v', { ttlMs: Infinity });
    await read();

    await clock.advance(999);
    const last = await read();
    await clock.advance(1);
    await read();

    expect([last?.freshUntilMs, last?.staleUntilMs]).toEqual([Infinity, Infinity]);
    expect(far.asked).toEqual(['get', 'get']);
  });
});

describe('a near copy with a time limit', () => {
  it('is not used for longer in a process that has been too busy to read its coarse clock (fault 23)', async () => {
    const { adapter, clock, coherence, far, read, store } = hybrid();
    coherence.copyLimitMs = 1_000;
    store('v', { ttlMs: Infinity });
    await read();
    const coarseMs = clock.coarseNowMs();
    clock.coarseNowMs = () => coarseMs;

    await clock.advance(1_000);
    await read();
    await clock.advance(1_000);
    await adapter.getMany(['k'], undefined);

    expect(far.asked).toEqual(['get', 'get', 'getMany']);
  });
});

describe('proof', () => {
  it('is needed for every copy that is served, to the millisecond', async () => {
    const { clock, coherence, far, read, store } = hybrid();
    store('v');
    await read();
    coherence.provenUntilMs = clock.nowMs() + 10;

    await clock.advance(9);
    await read();
    await clock.advance(1);
    await read();

    expect(far.asked).toEqual(['get', 'get']);
  });

  it('is needed for every copy that is made', async () => {
    const { adapter, coherence, read, store } = hybrid();
    store('v');
    coherence.provenUntilMs = 0;
    await read();
    await adapter.getMany(['k'], undefined);
    coherence.provenUntilMs = Infinity;

    expect(adapter.get('k', undefined)).toBeInstanceOf(Promise);
  });

  it('is told of: without it the state is degraded', async () => {
    const { adapter, coherence } = hybrid();
    const states = [(await adapter.usage()).status];
    coherence.provenUntilMs = 0;
    states.push((await adapter.usage()).status);

    expect(states).toEqual(['up', 'degraded']);
  });
});

describe('a change that is told of', () => {
  const TARGETS: readonly InvalidationTarget[] = [KEY, { kind: 'tags', tags: ['t'], mode: 'any' }, { kind: 'all' }];

  it.each(TARGETS)('takes out of the near tier what it names: %j', async (target) => {
    const { coherence, read, store } = hybrid();
    store('old', { tags: ['t'] });
    await read();
    store('new', { tags: ['t'] });

    coherence.tell(target);

    expect((await read())?.read()).toBe('new');
  });

  it.each(TARGETS)('keeps an answer that is on its way from becoming a copy: %j', async (target) => {
    const { adapter, coherence, far, read, store } = hybrid();
    store('old', { tags: ['t'] });
    far.hold();
    const reads = [read(), Promise.resolve(adapter.getMany(['k'], undefined)).then(([entry]) => entry)];
    store('new', { tags: ['t'] });
    coherence.tell(target);
    await far.letGo();

    const answers = (await Promise.all(reads)).map((entry) => entry?.read());

    expect(answers).toEqual(['old', 'old']);
    expect((await read())?.read()).toBe('new');
  });

  it('leaves alone what it does not name', async () => {
    const { coherence, far, read, store } = hybrid();
    store('v', { tags: ['t'] });
    await read();

    coherence.tell({ kind: 'tags', tags: ['u'], mode: 'any' });
    coherence.tell({ kind: 'keys', keys: ['k'], namespace: 'n' });
    await read();

    expect(far.asked).toEqual(['get']);
  });
});

describe('a change of its own', () => {
  it.each<[string, (adapter: HybridAdapter) => unknown, unknown]>([
    ['set', (adapter) => adapter.set([draftOf('k', { value: 'new' })], undefined), 'new'],
    ['invalidate', (adapter) => adapter.invalidate(KEY), undefined],
    ['invalidate by tag', (adapter) => adapter.invalidate({ kind: 'tags', tags: ['t'], mode: 'any' }), undefined],
    [
      'a load',
      async (adapter) =>
        (await adapter.begin(['k'], undefined, { ...LOAD, purpose: 'refresh' })).commit([
          draftOf('k', { value: 'new' }),
        ]),
      'new',
    ],
  ])('is seen by every read that begins after it was answered: %s', async (_, change, expected) => {
    const { adapter, read, store } = hybrid();
    store('old', { tags: ['t'] });
    await read();

    await change(adapter);

    expect((await read())?.read()).toBe(expected);
  });

  it('keeps a read that began before from bringing back what was there', async () => {
    const { adapter, far, read, store } = hybrid();
    store('old');
    far.hold();
    const early = read();
    const change = adapter.invalidate(KEY);
    await far.letGo();
    await Promise.all([early, change]);

    expect(await read()).toBeUndefined();
  });

  it('takes the copy away although the far tier has failed: it may have done it', async () => {
    const { adapter, far, read, store } = hybrid();
    store('old');
    await read();
    far.store.set = () => {
      throw new Error('away');
    };

    await expect(adapter.set([draftOf('k', { value: 'new' })], undefined)).rejects.toThrow('away');

    expect(adapter.get('k', undefined)).toBeInstanceOf(Promise);
  });

  it('expires softly what stays in the far tier', async () => {
    const { adapter, clock, read, store } = hybrid();
    store('v', { staleMs: 1_000 });
    await read();

    await adapter.invalidate(KEY, { soft: true });

    const entry = (await read()) as StoredEntry;
    expect(entry.read()).toBe('v');
    expect(entry.freshUntilMs).toBeLessThanOrEqual(clock.nowMs());
  });

  it('changes nothing as a dry run', async () => {
    const { adapter, far, read, store } = hybrid();
    store('v');
    await read();

    expect(await adapter.invalidate(KEY, { dryRun: true })).toBe(1);
    await read();

    expect(far.asked).toEqual(['get', 'invalidate']);
  });
});

describe('a batch', () => {
  it('asks the far tier only for what is not near, and answers in the order of the keys', async () => {
    const { adapter, far, read, store } = hybrid();
    for (const key of ['a', 'b', 'c']) store(key, {}, key);
    await read('b');

    const answers = await adapter.getMany(['a', 'b', 'missing', 'c', 'a'], undefined);

    expect(answers.map((entry) => entry?.read())).toEqual(['a', 'b', undefined, 'c', 'a']);
    expect(far.asked).toEqual(['get', 'getMany']);
  });

  it('is answered at once when everything is near', async () => {
    const { adapter, store } = hybrid();
    const keys = times(10, (i) => `k${i}`);
    for (const key of keys) store(key, {}, key);
    await adapter.getMany(keys, undefined);

    const answers = adapter.getMany(keys, undefined);

    expect((answers as StoredEntry[]).map((entry) => entry.read())).toEqual(keys);
  });
});

describe('people who look into it', () => {
  it('see each tier', async () => {
    const { adapter, read, store } = hybrid();
    store('v');
    const before = await adapter.look('k', undefined);
    await read();
    const after = await adapter.look('k', undefined);

    expect([before, after].map((tiers) => tiers.map(({ name, entry }) => [name, entry?.read()]))).toEqual([
      [
        ['memory', undefined],
        ['far', 'v'],
      ],
      [
        ['memory', 'v'],
        ['far', 'v'],
      ],
    ]);
  });

  it('see what is stored in the far tier, and what both tiers take', async () => {
    const { adapter, read, store } = hybrid();
    store('a', {}, 'a');
    store('b', {}, 'b');
    await read('a');

    const { entries, bytes, tiers, coherence } = await adapter.usage();

    expect(entries).toBe(2);
    expect(tiers.map(({ entries: each }) => each)).toEqual([1, 2]);
    expect(bytes).toBe(tiers.reduce((sum, tier) => sum + (tier.bytes ?? 0), 0));
    expect(coherence).toEqual({ mode: 'tracking', reason: 'The test says so.', isProven: true });
  });
});

it('closes all its parts', async () => {
  const { adapter, coherence, far, store } = hybrid();
  store('v');

  await adapter.close();

  expect(coherence.isClosed).toBe(true);
  expect(far.store.get('k', undefined)).toBeUndefined();
});
