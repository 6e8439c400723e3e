import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import type { BurstSettings, BurstOutcome } from './bursts.worker.js';
import { cleanUpAfterEach, open, rawClient } from '../redis.fixture.js';

/** Many calls in one turn of the event loop: they share round trips, and none of them is lost. */

jest.setTimeout(120_000);
cleanUpAfterEach();

const MANY = 3_000;
const SOME = 500;

let server: RedisServer;
let caches = 0;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

/** Loads many keys at once, in a separate process. */
async function burst(settings: Partial<BurstSettings>): Promise<BurstOutcome> {
  const all: BurstSettings = {
    url: server.url,
    name: `burst-${++caches}`,
    count: MANY,
    before: 'nothing',
    computesTags: false,
    ...settings,
  };
  const loader = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    join(import.meta.dirname, '../../simulation/typescript.mjs'),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...loader,
    join(import.meta.dirname, 'bursts.worker.ts'),
    JSON.stringify(all),
  ]);
  return JSON.parse(stdout) as BurstOutcome;
}

describe('a burst of cold loads', () => {
  it.each(['nothing', 'clear', 'clear by another process', 'forget scripts'] as const)(
    'is stored completely, after: %s (fault 28)',
    async (before) => {
      const { isRight, stored, errors } = await burst({ before });

      expect({ isRight, stored, errors }).toEqual({ isRight: true, stored: MANY, errors: [] });
    },
  );

  it('is stored completely when the tags are computed (fault 28)', async () => {
    const { isRight, stored, tagged, errors } = await burst({ computesTags: true });

    expect({ isRight, stored, tagged, errors }).toEqual({ isRight: true, stored: MANY, tagged: MANY / 50, errors: [] });
  });

  it('takes two scripts per load, and few socket writes in all (fault 28)', async () => {
    const { stored, scripts, reads } = await burst({ count: SOME, before: 'the same burst' });

    expect(stored).toBe(SOME);
    expect(scripts / SOME).toBeLessThan(2.9);
    expect(reads).toBeLessThan(SOME / 5);
  });
});

describe('a burst of other calls', () => {
  const keys = times(SOME, (i) => `k${i}`);
  const CALLS: readonly (readonly [what: string, call: (cache: CacheService) => Promise<unknown>])[] = [
    ['`set`', (cache) => Promise.all(keys.map((key, i) => cache.set(key, i)))],
    ['`refresh`', (cache) => Promise.all(keys.map((key, i) => cache.refresh(key, async () => i)))],
    ['`writeThrough`', (cache) => Promise.all(keys.map((key, i) => cache.writeThrough(key, async () => i)))],
    ['`delete`', (cache) => Promise.all(keys.map((key) => cache.delete(key)))],
    ['`invalidateTags`', (cache) => Promise.all(keys.map((tag) => cache.invalidateTags([tag])))],
  ];

  it.each(CALLS)('of %s takes few socket writes (fault 28)', async (_, call) => {
    const { cache, errors } = await open({ url: server.url }, { name: `burst-${++caches}` });
    const raw = rawClient(server);
    const readsOf = async (): Promise<number> =>
      Number(/total_reads_processed:(\d+)/.exec(await raw.info('stats'))?.[1]);
    const before = await readsOf();

    await call(cache);

    const reads = (await readsOf()) - before;
    expect(reads).toBeLessThan(SOME / 2);
    expect(errors).toEqual([]);
  });
});
