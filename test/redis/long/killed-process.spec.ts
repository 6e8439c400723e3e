import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, jest } from '@jest/globals';
import type { ClusterStats } from '../../../src/core/cluster/cluster-stats.js';
import { startRedis } from '../../support/redis-servers.js';
import { until } from '../../support/redis/until.js';
import { afterTest, cleanUpAfterEach, open, stopAfterTest } from '../redis.fixture.js';

/** The statistics of all processes, each of them a process of its own: one is closed, and one is killed. */

jest.setTimeout(90_000);
cleanUpAfterEach();

it.each(['redis', 'hybrid'])(
  'a closed process leaves at once, a killed one after 15 s at most, on %s',
  async (backend) => {
    const { url } = await stopAfterTest(startRedis());
    const options = { backend, redis: { url, commandTimeout: '5s' } };
    const [closing, dying, staying] = await Promise.all([3, 40, 500].map((reads) => startProcess(options, reads)));
    const { cache } = await open({ url, commandTimeout: '5s' });
    const pidsOf = ({ processes }: ClusterStats): (number | undefined)[] => processes.map(({ pid }) => pid).sort();
    const pids = (...some: (ChildProcess | undefined)[]): unknown[] =>
      [process.pid, ...some.map((each) => each?.pid)].sort();

    const all = await cache.getClusterStats();
    closing?.send('close');
    await line(closing);
    await pastReuse();
    const withoutClosed = await cache.getClusterStats();
    dying?.kill('SIGKILL');
    const killedMs = Date.now();
    await pastReuse();
    const rightAfter = await cache.getClusterStats();
    let last = rightAfter;
    await until(
      async () => !pidsOf((last = await cache.getClusterStats())).includes(dying?.pid),
      20_000,
      () => `The killed process is still listed: ${JSON.stringify(pidsOf(last))}.`,
    );
    const fellOutMs = Date.now() - killedMs;

    expect(pidsOf(all)).toEqual(pids(closing, dying, staying));
    expect(all.total).toMatchObject({ totalHits: 543, sets: 3, totalEntries: 3, hitRate: 1 });
    expect(pidsOf(withoutClosed)).toEqual(pids(dying, staying));
    expect(withoutClosed.total).toMatchObject({ totalHits: 540, totalEntries: 3 });
    expect(pidsOf(rightAfter)).toEqual(pids(dying, staying));
    expect(pidsOf(last)).toEqual(pids(staying));
    expect(last.total).toMatchObject({ totalHits: 500, sets: 1, totalEntries: 3 });
    // The last report was up to 5 s old; an answer is given again for one second.
    expect(fellOutMs).toBeGreaterThan(8_000);
    expect(fellOutMs).toBeLessThan(17_500);
  },
);

async function startProcess(options: object, reads: number): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      './test/simulation/typescript.mjs',
      'test/redis/long/killed-process.worker.ts',
      JSON.stringify(options),
      String(reads),
    ],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  afterTest(() => child.kill('SIGKILL'));
  await line(child);
  return child;
}

async function line(child: ChildProcess | undefined): Promise<void> {
  await once(child?.stdout as NodeJS.ReadableStream, 'data');
}

/** Waits until an answer is not given again. */
function pastReuse(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_050));
}
