import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';
import { startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, open, rawClient } from '../redis.fixture.js';

/** Names of evicted entries in the indexes. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const STORED = 60_000;
const CHUNK = 250;
/** Redis measures idle time in seconds: with this pause, entries are idle longer than their indexes. */
const PAUSE_MS = 20;
/** Time of one or two sweeps while more entries are stored. */
const CLEANED_WITHIN_MS = 15_000;
const MEMORY_BYTES = 24 * 1024 * 1024;
const INDEXES = ['i:{all:0}', 'c:{all:0}', 'i:{tag:t}'].map((index) => `cache-kit:default:${index}`);

interface Sizes {
  /** Number of all keys. Only a few are not entries. Listing their names would need memory of the server. */
  readonly live: number;
  /** Number of members of each index. */
  readonly members: readonly number[];
  readonly totalEntries: number;
  /** Share of the server's memory that the indexes use. */
  readonly indexShare: number;
}

async function store(cache: CacheService, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i += CHUNK) {
    await cache.setMany(
      times(CHUNK, (j) => [`key-${i + j}`, 'v'.repeat(100)] as const),
      { tags: ['t'], ttl: '1h' },
    );
    await sleep(PAUSE_MS);
  }
}

async function sizesOf(client: Redis, cache: CacheService): Promise<Sizes> {
  const { totalEntries } = await cache.getStats();
  const [keys, members, bytes] = await Promise.all([
    client.dbsize(),
    Promise.all(INDEXES.map((index) => client.zcard(index))),
    Promise.all(INDEXES.map((index) => client.memory('USAGE', index))),
  ]);
  return {
    live: keys,
    members,
    totalEntries,
    indexShare: bytes.reduce<number>((sum, each) => sum + (each ?? 0), 0) / MEMORY_BYTES,
  };
}

describe('a Redis that evicts the least recently used keys', () => {
  it('is filled with entries, not with names of evicted entries (fault 27)', async () => {
    const server = await stopAfterTest(
      startRedis({ args: ['--maxmemory', String(MEMORY_BYTES), '--maxmemory-policy', 'allkeys-lru'] }),
    );
    const { cache, errors } = await open({ url: server.url, commandTimeout: '5s' });
    const client = rawClient(server);
    const areFew = ({ live, members, totalEntries }: Sizes): boolean =>
      Math.max(...members) <= 1.5 * live && totalEntries <= 1.25 * live;

    let stored = STORED;
    const areFewAfterMore = async (): Promise<boolean> => {
      await store(cache, stored, CHUNK);
      stored += CHUNK;
      return areFew((atEnd = await sizesOf(client, cache)));
    };

    await store(cache, 0, STORED);
    const whileWriting = await sizesOf(client, cache);
    let atEnd = whileWriting;
    await until(areFewAfterMore, CLEANED_WITHIN_MS, () => `Too many names are left: ${JSON.stringify(atEnd)}`);
    const invalidated = await cache.invalidateTags(['t']);

    console.info(JSON.stringify({ whileWriting, atEnd }));
    expect(whileWriting.live).toBeLessThan(STORED * 0.75);
    expect(whileWriting.indexShare).toBeLessThan(0.55);
    expect(Math.abs(atEnd.totalEntries / atEnd.live - 1)).toBeLessThan(0.25);
    expect(invalidated).toBeLessThanOrEqual(1.5 * atEnd.live);
    expect(await cache.get(`key-${stored - 1}`)).toBeUndefined();
    expect(errors).toEqual([]);
  });
});
