import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { createCache } from '../../../src/create-cache.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';

/*
 * A process that requests many keys in one turn of its event loop: `bursts.worker.ts <settings as JSON>`. It prints the
 * outcome. Jest runs code several times slower, which would change the burst.
 */

export interface BurstSettings {
  readonly url: string;
  readonly name: string;
  readonly count: number;
  /** Action before the burst. */
  readonly before: 'nothing' | 'clear' | 'clear by another process' | 'the same burst' | 'forget scripts';
  readonly computesTags: boolean;
}

export interface BurstOutcome {
  /** True when each call returned the value loaded for its key. */
  readonly isRight: boolean;
  readonly stored: number;
  /** Number of entries that the invalidation of one of 50 tags has found. */
  readonly tagged: number;
  readonly errors: readonly string[];
  /** Number of scripts that the server has run. */
  readonly scripts: number;
  /** Number of socket reads of the server. */
  readonly reads: number;
}

const TAGS = 50;
const { url, name, count, before, computesTags } = JSON.parse(process.argv[2] ?? '') as BurstSettings;
const keys = times(count, (i) => `k${i}`);
const errors: string[] = [];
// The parent parses the output as JSON.
Logger.overrideLogger(['warn', 'error']);
const raw = new Redis(url);
const open = (): Promise<CacheService> =>
  createCache({ backend: 'redis', redis: { url }, name, onError: (error) => errors.push(error.message) });
const [cache, other] = [await open(), await open()];

const loadAll = (): Promise<number[]> =>
  Promise.all(
    keys.map((key, i) =>
      cache.getOrSet(key, async () => i, computesTags ? { tags: (value: number) => [`t${value % TAGS}`] } : {}),
    ),
  );

/** Waits until all values are stored, and returns the number of stored values. */
async function stored(): Promise<number> {
  let found = 0;
  const areAll = async (): Promise<boolean> =>
    (found = [...(await cache.getMany<number>(keys))].filter(([key, value]) => key === `k${value}`).length) === count;
  await until(areAll, 5_000, () => '').catch(() => undefined);
  return found;
}

async function prepare(): Promise<unknown> {
  if (before === 'clear') return cache.clear();
  if (before === 'clear by another process') return other.clear();
  if (before === 'forget scripts') return raw.script('FLUSH');
  if (before === 'nothing') return undefined;
  await loadAll();
  return cache.clear();
}

const readsOf = async (): Promise<number> => Number(/total_reads_processed:(\d+)/.exec(await raw.info('stats'))?.[1]);

await prepare();
await raw.config('RESETSTAT');
const readsBefore = await readsOf();
const values = await loadAll();
const reads = (await readsOf()) - readsBefore;
const scripts = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1] ?? 0);
const outcome: BurstOutcome = {
  isRight: values.every((value, i) => value === i),
  stored: await stored(),
  tagged: computesTags ? await cache.invalidateTags(['t7']) : 0,
  errors,
  scripts,
  reads,
};
console.log(JSON.stringify(outcome));
await Promise.all([cache.close(), other.close(), raw.quit()]);
