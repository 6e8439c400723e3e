import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';
import { until } from '../support/redis/until.js';
import { endWhatTestsOpened, open, rawClient } from './faults.fixture.js';

/** Many calls in one turn of the event loop: what they share, and that none of them is lost because there are so many. */

jest.setTimeout(120_000);
endWhatTestsOpened();

const MANY = 3_000;
/** As many as this process gets through before any wait is over. */
const SOME = 500;

let server: RedisServer;
let caches = 0;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

const keysOf = (count: number): string[] => times(count, (i) => `k${i}`);

/** Two processes, as it were, with one cache. */
async function opened() {
  const name = `burst-${++caches}`;
  const [{ cache, errors }, { cache: other }] = [await open({ url: server.url }, { name }), await open({ url: server.url }, { name })];
  return { cache, errors, other, raw: rawClient(server) };
}

function loadAll(cache: CacheService, count: number, options?: { readonly tags: (value: number) => string[] }): Promise<number[]> {
  return Promise.all(keysOf(count).map((key, i) => cache.getOrSet(key, async () => i, options)));
}

/** How many of the values are stored: all that will be. */
async function stored(cache: CacheService, count: number): Promise<number> {
  const look = async (): Promise<number> => [...(await cache.getMany<number>(keysOf(count)))].filter(([key, value]) => key === `k${value}`).length;
  let found = 0;
  await until(async () => (found = await look()) === count, 5_000, () => '').catch(() => undefined);
  return found;
}

/** What the server has done during a call: scripts that were run, and how often there was something to be read. */
async function workOf(raw: Redis, call: () => Promise<unknown>): Promise<{ readonly scripts: number; readonly reads: number }> {
  const readsOf = async (): Promise<number> => Number(/total_reads_processed:(\d+)/.exec(await raw.info('stats'))?.[1]);
  await raw.config('RESETSTAT');
  const before = await readsOf();
  await call();
  const reads = (await readsOf()) - before;
  const scripts = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1] ?? 0);
  return { scripts, reads };
}

const CLEARED: readonly (readonly [when: string, prepare: (cache: CacheService, other: CacheService) => Promise<unknown>])[] = [
  ['on a fresh cache', async () => undefined],
  ['right after a `clear`', (cache) => cache.clear()],
  ['right after a `clear` by another process', (_, other) => other.clear()],
];

describe('a burst of cold loads', () => {
  it.each(CLEARED)('is stored whole %s (fault 28)', async (_, prepare) => {
    const { cache, errors, other } = await opened();
    await prepare(cache, other);

    const values = await loadAll(cache, MANY);

    expect(values).toEqual(times(MANY, (i) => i));
    expect(errors).toEqual([]);
    expect(await stored(cache, MANY)).toBe(MANY);
  });

  it('is stored whole where the tags are computed (fault 28)', async () => {
    const { cache, errors } = await opened();

    await loadAll(cache, MANY, { tags: (value) => [`t${value % 50}`] });

    expect(await stored(cache, MANY)).toBe(MANY);
    expect(await cache.invalidateTags(['t7'])).toBe(MANY / 50);
    expect(errors).toEqual([]);
  });

  it('is stored whole where the server has forgotten its scripts (fault 28)', async () => {
    const { cache, errors, raw } = await opened();
    await raw.script('FLUSH');

    await loadAll(cache, MANY);

    expect(errors).toEqual([]);
    expect(await stored(cache, MANY)).toBe(MANY);
  });

  it('takes two scripts for each load, and few writes for all of them (fault 28)', async () => {
    const { cache, raw } = await opened();

    await loadAll(cache, SOME);
    await cache.clear();

    const { scripts, reads } = await workOf(raw, () => loadAll(cache, SOME));

    expect(await stored(cache, SOME)).toBe(SOME);
    expect(scripts / SOME).toBeLessThan(2.5);
    expect(reads).toBeLessThan(SOME / 2);
  });
});

describe('a burst of other calls', () => {
  const CALLS: readonly (readonly [what: string, call: (cache: CacheService) => Promise<unknown>])[] = [
    ['`set`', (cache) => Promise.all(keysOf(SOME).map((key, i) => cache.set(key, i)))],
    ['`refresh`', (cache) => Promise.all(keysOf(SOME).map((key, i) => cache.refresh(key, async () => i)))],
    ['`writeThrough`', (cache) => Promise.all(keysOf(SOME).map((key, i) => cache.writeThrough(key, async () => i)))],
    ['`delete`', (cache) => Promise.all(keysOf(SOME).map((key) => cache.delete(key)))],
    ['`invalidateTags`', (cache) => Promise.all(keysOf(SOME).map((tag) => cache.invalidateTags([tag])))],
  ];

  it.each(CALLS)('of %s takes few writes (fault 28)', async (_, call) => {
    const { cache, errors, raw } = await opened();

    const { reads } = await workOf(raw, () => call(cache));

    expect(reads).toBeLessThan(SOME / 2);
    expect(errors).toEqual([]);
  });
});
