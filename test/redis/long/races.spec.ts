import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import type { RedisOptions } from '../../../src/adapters/redis/options/redis-options.js';
import { times } from '../../support/cache-with.js';
import { nextMessage } from '../../support/child-message.js';
import { startCluster, startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, afterTest } from '../redis.fixture.js';

/*
 * Four processes read and invalidate the same keys as fast as they can. The value of a key is its version in a
 * database, which is another Redis server. Writers increment it, invalidate, and record the time of the
 * acknowledgement. Afterwards a checker requires: a read that began after the acknowledgement of version v returned at
 * least v. All processes share one clock.
 */

jest.setTimeout(120_000);
cleanUpAfterEach();

const PROCESSES = 4;
const ANSWERS_WITHIN_MS = 60_000;

type Event = readonly [key: string, atUs: number, version: number];

interface Report {
  readonly reads: readonly Event[];
  readonly acks: readonly Event[];
  readonly errors: readonly string[];
  readonly errorCount: number;
}

interface Run {
  readonly cacheOptions: CacheKitOptions;
  readonly kinds: readonly string[];
  readonly forMs: number;
  readonly keysPerKind?: number;
}

async function race({ cacheOptions, kinds, forMs, keysPerKind = 12 }: Run): Promise<Report> {
  const database = (await stopAfterTest(startRedis())).url;
  const workers = times(PROCESSES, (seed) => {
    const settings = { cacheOptions, database, kinds, forMs, keysPerKind, seed };
    const worker = fork(join(import.meta.dirname, 'races.worker.mjs'), [JSON.stringify(settings)], {
      serialization: 'advanced',
    });
    afterTest(() => worker.kill('SIGKILL'));
    return worker;
  });
  await Promise.all(workers.map((worker) => nextMessage(worker, ANSWERS_WITHIN_MS)));
  const reports = workers.map((worker) => nextMessage(worker, forMs + ANSWERS_WITHIN_MS));
  for (const worker of workers) worker.send('go');
  const all = (await Promise.all(reports)) as Report[];
  return {
    reads: all.flatMap(({ reads }) => reads),
    acks: all.flatMap(({ acks }) => acks),
    errors: all.flatMap(({ errors }) => errors),
    errorCount: all.reduce((sum, { errorCount }) => sum + errorCount, 0),
  };
}

interface Verdict {
  readonly reads: number;
  readonly acks: number;
  readonly stale: readonly string[];
}

/** Judges the reads of each kind, which is the first word of a key. */
function judge({ reads, acks }: Report): Map<string, Verdict> {
  const acknowledged = new Map<string, Event[]>();
  for (const ack of [...acks].sort(([, one], [, other]) => one - other)) {
    const list = acknowledged.get(ack[0]) ?? [];
    // Minimum version of later reads: the highest version acknowledged so far.
    list.push([ack[0], ack[1], Math.max(ack[2], list.at(-1)?.[2] ?? 0)]);
    acknowledged.set(ack[0], list);
  }
  const verdicts = new Map<string, { reads: number; acks: number; stale: string[] }>();
  const verdictOf = (key: string): { reads: number; acks: number; stale: string[] } => {
    const kind = key.split(' ')[0]!;
    const verdict = verdicts.get(kind) ?? { reads: 0, acks: 0, stale: [] };
    verdicts.set(kind, verdict);
    return verdict;
  };
  for (const [key] of acks) verdictOf(key).acks++;
  for (const [key, startUs, version] of reads) {
    const verdict = verdictOf(key);
    verdict.reads++;
    const minimum = minimumAt(acknowledged.get(key) ?? [], startUs);
    if (version < minimum) verdict.stale.push(`${key}: ${version} at ${startUs}, after ${minimum} was acknowledged`);
  }
  return verdicts;
}

function minimumAt(acks: readonly Event[], atUs: number): number {
  let low = 0;
  let high = acks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (acks[middle]![1] < atUs) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : acks[low - 1]![2];
}

function show(name: string, report: Report, verdicts: Map<string, Verdict>): void {
  const lines = [...verdicts].map(
    ([kind, { reads, acks, stale }]) =>
      `  ${kind.padEnd(14)}${String(reads).padStart(8)} reads ${String(acks).padStart(7)} invalidations ` +
      `${String(stale.length).padStart(4)} stale`,
  );
  console.info(`${name}, ${PROCESSES} processes, ${report.errorCount} errors\n${lines.join('\n')}`);
}

const KINDS = [
  'key',
  'tag',
  'computedTag',
  'allTags',
  'namespace',
  'pattern',
  'writeThrough',
  'set',
  'refreshed',
  'stale',
];

describe('the verdict', () => {
  it('finds a read of a version below the one acknowledged before its begin', () => {
    const acks: Event[] = [
      ['key 1', 100, 1],
      ['key 1', 200, 2],
    ];
    const stale = (startUs: number, version: number): number =>
      judge({ acks, reads: [['key 1', startUs, version]], errors: [], errorCount: 0 }).get('key')!.stale.length;

    expect([stale(99, 0), stale(101, 0), stale(101, 1), stale(199, 1), stale(201, 1), stale(201, 2)]).toEqual([
      0, 1, 0, 0, 1, 0,
    ]);
  });
});

type StartStore = () => Promise<CacheKitOptions>;

const onRedis = (redis: RedisOptions): CacheKitOptions => ({
  backend: 'redis',
  redis: { ...redis, commandTimeout: '2s' },
});

const STORES: readonly (readonly [name: string, start: StartStore])[] = [
  ['a standalone Redis', async () => onRedis({ url: (await stopAfterTest(startRedis())).url })],
  ['a Redis Cluster', async () => onRedis({ cluster: { nodes: (await stopAfterTest(startCluster())).urls } })],
  ['files', async () => ({ backend: 'file', file: { directory: directoryOfTest() } })],
];

/** Returns a new directory, which is removed after the test. */
function directoryOfTest(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cache-kit-races-'));
  afterTest(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe.each(STORES)('processes that share %s', (name, start) => {
  it('never read a value that was invalidated before the read', async () => {
    const report = await race({ cacheOptions: await start(), kinds: KINDS, forMs: 12_000 });

    const verdicts = judge(report);
    show(name, report, verdicts);
    expect(Object.fromEntries([...verdicts].map(([kind, { stale }]) => [kind, stale]))).toEqual(
      Object.fromEntries(KINDS.map((kind) => [kind, []])),
    );
    expect(Math.min(...[...verdicts.values()].map(({ reads }) => reads))).toBeGreaterThan(300);
    expect(Math.min(...[...verdicts.values()].map(({ acks }) => acks))).toBeGreaterThan(30);
  });

  it('never read a value that was cleared before the read', async () => {
    const report = await race({ cacheOptions: await start(), kinds: ['clear'], forMs: 4_000 });

    const verdicts = judge(report);
    show(name, report, verdicts);
    expect(verdicts.get('clear')?.stale).toEqual([]);
    expect(verdicts.get('clear')?.reads).toBeGreaterThan(500);
    expect(verdicts.get('clear')?.acks).toBeGreaterThan(20);
  });
});
