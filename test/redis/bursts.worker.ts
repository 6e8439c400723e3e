import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { createCache } from '../../src/compose-cache.js';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { until } from '../support/redis/until.js';

/*
 * A process that asks for many keys in one turn of its event loop: `bursts.worker.ts <order as JSON>`. It prints what
 * came of it. Inside Jest, where code runs several times slower, the same burst would be another one.
 */

export interface BurstOrder {
  readonly url: string;
  readonly name: string;
  readonly count: number;
  /** What is done before. */
  readonly before: 'nothing' | 'clear' | 'clear by another process' | 'the same burst' | 'forget scripts';
  readonly computesTags: boolean;
}

export interface BurstOutcome {
  /** Whether each call was given what was loaded for its key. */
  readonly isRight: boolean;
  readonly stored: number;
  /** How many an invalidation of one tag of 50 has found. */
  readonly tagged: number;
  readonly errors: readonly string[];
  /** Scripts that the server has run, and how often there was something for it to read. */
  readonly scripts: number;
  readonly reads: number;
}

const TAGS = 50;
const { url, name, count, before, computesTags } = JSON.parse(process.argv[2] ?? '') as BurstOrder;
const keys = times(count, (i) => `k${i}`);
const errors: string[] = [];
// Its output is read as JSON.
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

/** How many of the values are stored: all that will be. */
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
