import { describe, expect, it } from '@jest/globals';
import { cacheWith } from '../../../test/support/cache-with.js';
import { randomFrom } from '../../testing/seeded-random.js';
import type { CacheService } from '../cache.service.js';
import type { LoadOptions } from './call-options.js';

/*
 * Promise 1 of the kit, played out with random interleavings: a database of a few rows, each with a version; loads that
 * read the version at once and answer later; writers that raise the version and then invalidate in every way there is.
 * A read that begins after an invalidation was acknowledged must not answer with a version from before it. The schedule
 * of a seed is always the same, so a seed that fails is a test case.
 */

const ROWS = 3;
const READERS = 24;
const WRITERS = 8;
/** `npm run test:long` plays 400. */
const SEEDS = Number(process.env['FRESHNESS_SEEDS'] ?? 60);

describe('no old value after an invalidation', () => {
  it.each<[string, LoadOptions]>([
    ['plain loads', {}],
    ['stale-while-revalidate and stale-if-error', { staleWhileRevalidate: '1m', staleIfError: '1m' }],
    ['refresh-ahead and time-outs', { refreshAhead: 0.2, softTimeout: 3, hardTimeout: 40 }],
    ['no single-flight', { singleFlight: false }],
  ])(
    `holds for ${SEEDS} seeds with %s`,
    async (_, options) => {
      const violations: string[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) violations.push(...(await playOut(seed, options)));

      expect(violations).toEqual([]);
    },
    120_000,
  );
});

interface World {
  readonly cache: CacheService;
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
  readonly versions: number[];
  /** The version that was current when the last acknowledged invalidation of the row was asked for. */
  readonly acknowledged: number[];
  readonly options: LoadOptions;
}

async function playOut(seed: number, options: LoadOptions): Promise<string[]> {
  const { cache, clock } = cacheWith({ memory: { maxEntries: 100 } });
  const random = randomFrom(seed);
  const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.schedule(ms, resolve));
  const world: World = {
    cache,
    random,
    wait,
    versions: new Array<number>(ROWS).fill(0),
    acknowledged: new Array<number>(ROWS).fill(0),
    options,
  };
  const violations: string[] = [];
  const actors = [
    ...Array.from({ length: READERS }, () =>
      read(world).then((violation) => violation && violations.push(`seed ${seed}: ${violation}`)),
    ),
    ...Array.from({ length: WRITERS }, () => write(world)),
  ];
  let running = true as boolean;
  // A background refresh may outlive its reader; closing waits for it, and needs time to pass for that.
  void Promise.all(actors)
    .then(() => cache.close())
    .then(() => (running = false));
  while (running) await clock.advance(1);
  return violations;
}

async function read({ cache, random, wait, versions, acknowledged, options }: World): Promise<string | undefined> {
  await wait(Math.floor(random() * 100));
  const row = Math.floor(random() * ROWS);
  const load = async (): Promise<{ version: number }> => {
    const version = versions[row] as number;
    await wait(Math.floor(random() * 30));
    if (random() < 0.1) throw new Error('unlucky');
    return { version };
  };
  const tags = random() < 0.5 ? [`row:${row}`] : () => [`row:${row}`];
  const ttl = Math.ceil(random() * 60);
  const expected = acknowledged[row] as number;
  try {
    const seen =
      random() < 0.8
        ? await cache.getOrSet(`r${row}`, load, { ...options, namespace: 'rows', ttl, tags })
        : await readBatch(cache, row, load, { ...options, ttl, tags });
    return seen.version < expected
      ? `row ${row}: version ${seen.version} after ${expected} was acknowledged`
      : undefined;
  } catch {
    return undefined;
  }
}

async function readBatch(
  cache: CacheService,
  row: number,
  load: () => Promise<{ version: number }>,
  options: object,
): Promise<{ version: number }> {
  const values = await cache.getOrSetMany([`r${row}`], async ([key]) => new Map([[key as string, await load()]]), {
    ...options,
    namespace: 'rows',
  });
  return values.get(`r${row}`) as { version: number };
}

async function write({ cache, random, wait, versions, acknowledged }: World): Promise<void> {
  await wait(Math.floor(random() * 100));
  const row = Math.floor(random() * ROWS);
  const key = `r${row}`;
  const where = { namespace: 'rows' };
  const version = (versions[row] as number) + 1;
  versions[row] = version;
  await wait(Math.floor(random() * 3));
  const ways = [
    () => cache.delete(key, where),
    () => cache.invalidateTags([`row:${row}`]),
    () => cache.invalidateNamespace('rows'),
    () => cache.invalidatePattern(`?${row}`, where),
    () => cache.clear(),
    () =>
      cache.writeThrough(key, async () => ({ version: versions[row] as number }), {
        ...where,
        tags: [`row:${row}`],
        ttl: 50,
      }),
  ];
  await ways[Math.floor(random() * ways.length)]?.();
  acknowledged[row] = Math.max(acknowledged[row] as number, version);
}
