import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ask } from '../../support/redis/ask.js';
import { freePort } from '../../support/redis/free-port.js';
import { until } from '../../support/redis/until.js';
import { type RedisSentinelTrio, startSentinels } from '../../support/redis-servers.js';
import { spawnWorker } from './process-end.fixture.js';
import { cleanUpAfterEach } from '../redis.fixture.js';

/** Output of a process while sentinels are unavailable. */

jest.setTimeout(90_000);
cleanUpAfterEach();

let trio: RedisSentinelTrio;

beforeAll(async () => {
  trio = await startSentinels();
}, 60_000);
afterAll(() => trio.stop());

/** Waits until clients listen to all remaining sentinels. */
async function untilAllHaveListeners(): Promise<void> {
  const hasListener = async ({ port }: { port: number }): Promise<boolean> =>
    /\bsub=1\b/.test(await ask(port, 'CLIENT LIST'));
  const haveListeners = async (): Promise<boolean> =>
    (await Promise.all(trio.sentinels.slice(0, 2).map(hasListener))).every(Boolean);
  await until(haveListeners, 10_000, () => 'No client listened to the sentinels.');
}

describe('an application', () => {
  it.each(['redis', 'hybrid'])(
    'prints nothing about a sentinel that is unavailable at its start or later (%s) (fault 20)',
    async (backend) => {
      const unusedPort = await freePort();
      const sentinels = [unusedPort, ...trio.sentinels.map(({ port }) => port)].map((port) => ({
        host: '127.0.0.1',
        port,
      }));
      const { child, output } = spawnWorker('running', {
        backend,
        redis: { sentinel: { name: trio.name, sentinels } },
      });
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      await untilAllHaveListeners();

      trio.sentinels[2]!.kill('SIGKILL');
      const before = await trio.currentMaster();
      await ask(trio.sentinels[0]!.port, `SENTINEL FAILOVER ${trio.name}`);
      await until(
        async () => ![undefined, before].includes(await trio.currentMaster()),
        20_000,
        () => 'No replica has replaced the master in time.',
      );
      // The clients connect to the new master, and listen to the sentinels again.
      await untilAllHaveListeners();
      await sleep(1_000);
      await trio.sentinels[2]!.restart();
      await trio.ready();

      expect(output()).toBe('started\n');
    },
  );
});
