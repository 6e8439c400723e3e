import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ask } from '../support/redis/ask.js';
import { freePort } from '../support/redis/free-port.js';
import { until } from '../support/redis/until.js';
import { type RedisSentinelTrio, startSentinels } from '../support/redis-servers.js';

/** What a process sees of sentinels that are away. */

jest.setTimeout(90_000);

let trio: RedisSentinelTrio;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  trio = await startSentinels();
}, 60_000);
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});
afterAll(() => trio.stop());

/** An application with a cache, and all that it prints. */
function application(options: object): { child: ChildProcess; output: () => string } {
  const child = spawn(
    process.execPath,
    [
      '--import',
      './test/simulation/typescript.mjs',
      'test/redis/start-process.ts',
      'standing',
      JSON.stringify(options),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  children.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

/** Ends when clients listen to all sentinels that are left. */
async function untilAllAreHeard(): Promise<void> {
  const isHeard = async ({ port }: { port: number }): Promise<boolean> =>
    /\bsub=1\b/.test(await ask(port, 'CLIENT LIST'));
  const areHeard = async (): Promise<boolean> =>
    (await Promise.all(trio.sentinels.slice(0, 2).map(isHeard))).every(Boolean);
  await until(areHeard, 10_000, () => 'Nobody listened to the sentinels.');
}

describe('an application', () => {
  it.each(['redis', 'hybrid'])(
    'prints nothing of a sentinel that is away at its start, or later (%s) (fault 20)',
    async (backend) => {
      const away = await freePort();
      const sentinels = [away, ...trio.sentinels.map(({ port }) => port)].map((port) => ({ host: '127.0.0.1', port }));
      const { child, output } = application({ backend, redis: { sentinel: { name: trio.name, sentinels } } });
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      await untilAllAreHeard();

      trio.sentinels[2]!.kill('SIGKILL');
      const before = await trio.currentMaster();
      await ask(trio.sentinels[0]!.port, `SENTINEL FAILOVER ${trio.name}`);
      await until(
        async () => ![undefined, before].includes(await trio.currentMaster()),
        20_000,
        () => 'No replica took the place of the master.',
      );
      // Its clients connect to the new one, and listen to the sentinels anew.
      await untilAllAreHeard();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await trio.sentinels[2]!.restart();
      await trio.ready();

      expect(output()).toBe('started\n');
    },
  );
});
