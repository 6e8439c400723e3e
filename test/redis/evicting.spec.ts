import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { until } from '../support/redis/until.js';
import { startRedis } from '../support/redis-servers.js';
import { endWhatTestsOpened, kept, open, rawClient } from './faults.fixture.js';

/** What a server that evicts entries leaves of them in the indexes. */

jest.setTimeout(60_000);
endWhatTestsOpened();

const STORED = 60_000;
const CHUNK = 250;
/**
 * Redis counts in seconds how long a key was not used: entries are to be older than their indexes when they are
 * evicted.
 */
const PAUSE_MS = 20;
/** After a walk or two, while entries go on being stored. */
const STRUCK_WITHIN_MS = 15_000;
const MEMORY_BYTES = 24 * 1024 * 1024;
const INDEXES = ['i:{all:0}', 'c:{all:0}', 'i:{tag:t}'].map((index) => `cache-kit:default:${index}`);

interface Look {
  /** All keys, of which a handful are no entries: an answer with their names would take the memory of some. */
  readonly live: number;
  /** Of each index. */
  readonly members: readonly number[];
  readonly totalEntries: number;
  /** How much of the server's memory the indexes take. */
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

async function lookAt(client: Redis, cache: CacheService): Promise<Look> {
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

describe('a Redis that evicts what was used least recently', () => {
  it('is filled with entries, and not with the names of those that it has evicted (fault 27)', async () => {
    const server = await kept(
      startRedis({ args: ['--maxmemory', String(MEMORY_BYTES), '--maxmemory-policy', 'allkeys-lru'] }),
    );
    const { cache, errors } = await open({ url: server.url, commandTimeout: '5s' });
    const client = rawClient(server);
    const areFew = ({ live, members, totalEntries }: Look): boolean =>
      Math.max(...members) <= 1.5 * live && totalEntries <= 1.25 * live;

    let stored = STORED;
    const areFewAtLast = async (): Promise<boolean> => {
      await store(cache, stored, CHUNK);
      stored += CHUNK;
      return areFew((atLast = await lookAt(client, cache)));
    };

    await store(cache, 0, STORED);
    const whileWriting = await lookAt(client, cache);
    let atLast = whileWriting;
    await until(areFewAtLast, STRUCK_WITHIN_MS, () => `Too many names are left: ${JSON.stringify(atLast)}`);
    const invalidated = await cache.invalidateTags(['t']);

    console.info(JSON.stringify({ whileWriting, atLast }));
    expect(whileWriting.live).toBeLessThan(STORED * 0.75);
    expect(whileWriting.indexShare).toBeLessThan(0.55);
    expect(Math.abs(atLast.totalEntries / atLast.live - 1)).toBeLessThan(0.25);
    expect(invalidated).toBeLessThanOrEqual(1.5 * atLast.live);
    expect(await cache.get(`key-${stored - 1}`)).toBeUndefined();
    expect(errors).toEqual([]);
  });
});
