import { afterEach, describe, expect, it } from '@jest/globals';
import { createCache, memoryAdapter } from '../../create-cache.js';
import type { CacheService } from '../../core/cache.service.js';
import type { CacheError } from '../../core/vocabulary/cache.errors.js';
import { type FakeClock, fakeClock } from '../fake-clock.js';
import { faultyAdapter, type FaultPlan, type FaultyAdapter } from './faulty-adapter.js';

interface Opened {
  readonly cache: CacheService;
  readonly adapter: FaultyAdapter;
  readonly clock: FakeClock;
  readonly errors: CacheError[];
}

const opened: Opened[] = [];

async function cacheWithFaults(plan: FaultPlan): Promise<Opened> {
  const adapter = faultyAdapter(memoryAdapter(), plan);
  const clock = fakeClock();
  const errors: CacheError[] = [];
  const cache = await createCache({ adapter, clock, onError: (error) => errors.push(error) });
  opened.push({ cache, adapter, clock, errors });
  return { cache, adapter, clock, errors };
}

/** Whether a promise is settled when everything that can settle has. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

afterEach(async () => {
  for (const { cache, adapter } of opened.splice(0)) {
    adapter.plan({});
    await cache.close();
  }
});

const down = new Error('the store is down');

describe('faultyAdapter', () => {
  it('is the adapter itself where nothing is planned', async () => {
    const { cache, adapter } = await cacheWithFaults({});
    await cache.set('k', 'v');

    expect(await cache.get('k')).toBe('v');
    expect(adapter.calls).toMatchObject({ get: 1, set: 1, begin: 0 });
    expect(adapter.faults).toMatchObject({ get: 0, set: 0 });
    expect((await cache.getStats()).backend).toBe('memory');
  });

  it('wraps an adapter as well as a factory', async () => {
    const { clock } = await cacheWithFaults({});
    const inner = await memoryAdapter()({
      name: 'n',
      version: undefined,
      clock,
      onEvict: () => undefined,
      onError: () => undefined,
      onNotice: () => undefined,
    });
    const adapter = faultyAdapter(inner, { set: { error: down } });
    const cache = await createCache({ adapter, clock, onError: () => undefined });

    await cache.set('k', 'v');

    expect([adapter.faults.set, await cache.get('k')]).toEqual([1, undefined]);
  });

  it('fails in every call with an error, and the cache goes on without its store', async () => {
    const { cache, adapter, errors } = await cacheWithFaults({ get: { error: down }, begin: { error: down } });

    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(errors.map(({ cause }) => cause)).toEqual([down, down]);
    expect(adapter.faults).toMatchObject({ get: 1, begin: 1 });
  });

  it('fails in the calls that are counted', async () => {
    const { cache, adapter } = await cacheWithFaults({
      invalidate: { error: down, on: [2, 4] },
      set: { error: down, on: 1 },
    });
    const outcomes: string[] = [];
    for (let i = 0; i < 5; i++)
      await cache.clear().then(
        () => outcomes.push('done'),
        () => outcomes.push('failed'),
      );

    expect(outcomes).toEqual(['done', 'failed', 'done', 'failed', 'done']);
    expect([adapter.calls.invalidate, adapter.faults.invalidate]).toEqual([5, 2]);
  });

  it('fails where a function says so, which sees the arguments', async () => {
    const { cache } = await cacheWithFaults({
      get: ({ args: [key], number }) => (key === 'bad' && number > 1 ? { error: down } : undefined),
    });
    await cache.setMany([
      ['good', 1],
      ['bad', 2],
    ]);

    expect([await cache.get('bad'), await cache.get('good'), await cache.get('bad')]).toEqual([2, 1, undefined]);
  });

  it('hangs until another plan comes', async () => {
    const { cache, adapter } = await cacheWithFaults({ get: { hang: true } });
    await cache.set('k', 'v');
    const found = cache.get('k');

    expect(await isSettled(found)).toBe(false);

    adapter.plan({});
    expect(await found).toBe('v');
    expect([adapter.calls.get, adapter.faults.get]).toEqual([0, 0]);
  });

  it('hangs until the cache is closed', async () => {
    const { cache } = await cacheWithFaults({ get: { hang: true } });
    const found = cache.get('k');

    await cache.close();

    expect(await found).toBeUndefined();
  });

  it('is late by the clock of the cache', async () => {
    const { cache, clock } = await cacheWithFaults({ get: { delay: '2s' } });
    await cache.set('k', 'v');
    const found = cache.get('k');

    await clock.advance(1_999);
    const before = await isSettled(found);
    await clock.advance(1);

    expect([before, await found]).toEqual([false, 'v']);
  });

  it('answers with nonsense', async () => {
    const { cache } = await cacheWithFaults({ usage: { answer: { tiers: [] } }, get: { answer: undefined } });
    await cache.set('k', 'v');

    expect(await cache.get('k')).toBeUndefined();
  });

  it('does not store what a load has brought', async () => {
    const { cache, errors } = await cacheWithFaults({ commit: { error: down }, release: { error: down, on: 1 } });

    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBeUndefined();
    expect(errors.length).toBeGreaterThan(0);
  });

  it.each<[unknown, RegExp]>([
    [null, /Expected `plan` to be an object, got `null`/],
    [{ gett: { error: down } }, /Unknown option `plan.gett`. Did you mean `get`\?/],
    [{ get: {} }, /Expected `plan.get` to have one of `error`, `hang`, `delay` and `answer`/],
    [{ get: { error: down, hang: true } }, /Expected `plan.get` to have one of/],
    [{ get: { throws: down } }, /Unknown option `plan.get.throws`/],
    [{ get: { delay: 'soon' } }, /Expected `plan.get.delay` to be a duration/],
    [{ get: { hang: 'yes' } }, /Expected `plan.get.hang` to be one of true/],
    [{ get: { hang: true, on: 0 } }, /Expected `plan.get.on` to be a whole number of 1 or more, got `0`/],
    [{ get: 'error' }, /Expected `plan.get` to be an object, got `error`/],
  ])('refuses the plan %j', async (plan, message) => {
    const { adapter } = await cacheWithFaults({});

    expect(() => faultyAdapter(memoryAdapter(), plan as FaultPlan)).toThrow(message);
    expect(() => adapter.plan(plan as FaultPlan)).toThrow(message);
  });

  it('refuses what is no adapter when the cache is opened', async () => {
    await expect(createCache({ adapter: faultyAdapter({} as never, {}) })).rejects.toThrow(
      /Expected `adapter` to be a CacheAdapter/,
    );
  });
});

describe('memoryAdapter', () => {
  it('refuses options that mean nothing', () => {
    expect(() => memoryAdapter({ maxEntries: 0 })).toThrow(/Expected `memory.maxEntries`/);
  });
});
