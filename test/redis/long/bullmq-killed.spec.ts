import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { nextMessage } from '../../support/child-message.js';
import { startRedis } from '../../support/redis-servers.js';
import { afterTest, cleanUpAfterEach, rawClient, stopAfterTest } from '../redis.fixture.js';
import { openWriting, untilLanded } from '../bullmq/bullmq.fixture.js';

cleanUpAfterEach();

/** `npm run test:long` kills more often. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 20);
const ROUND_TIMEOUT_MS = 15_000;
/** The time after which the write of a dead process is taken over, and some more. */
const RECOVERED_WITHIN_MS = 40_000;
/** Far more than one process can write in a round. */
const NUMBERS = 1_000_000;

const root = join(import.meta.dirname, '../../..');

/** What was taken over last, by key. */
type Ledger = Map<string, number>;

async function start(port: number, first: number, ledger: Ledger): Promise<ChildProcess> {
  const worker = fork(join(import.meta.dirname, 'bullmq-killed.worker.ts'), [String(port), String(first)], {
    cwd: root,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', './test/simulation/typescript.mjs'],
  });
  afterTest(() => worker.kill('SIGKILL'));
  worker.on('message', (message) => {
    if (!Array.isArray(message)) return;
    const [key, n] = message as [string, number];
    ledger.set(key, n);
  });
  await nextMessage(worker, ROUND_TIMEOUT_MS);
  return worker;
}

describe('processes that are killed while they write behind', () => {
  it(
    `lose nothing that was taken over, and keep its order, in ${ROUNDS} rounds`,
    async () => {
      const server = await stopAfterTest(startRedis());
      const ledger: Ledger = new Map();

      for (let round = 0; round < ROUNDS; round++) {
        const worker = await start(server.port, round * NUMBERS + 1, ledger);
        const taken = ledger.size === 0 ? 0 : Math.max(...ledger.values());
        while (Math.max(0, ...ledger.values()) === taken) await sleep(1);
        await sleep((round * 37) % 150);
        const gone = once(worker, 'close');
        worker.kill('SIGKILL');
        await gone;
      }
      const source = rawClient(server);
      await source.select(1);
      const { errors } = await openWriting(server.url, {
        append: async (value, key) => {
          await source.rpush(key, String(value));
        },
      });
      await untilLanded(server.port, { withinMs: RECOVERED_WITHIN_MS });

      const lost: string[] = [];
      const disordered: string[] = [];
      let written = 0;
      for (const [key, last] of ledger) {
        const numbers = (await source.lrange(key, 0, -1)).map(Number);
        written += numbers.length;
        if ((numbers.at(-1) ?? 0) < last) lost.push(`${key}: ${numbers.at(-1)} instead of ${last}`);
        numbers.forEach((n, i) => n < (numbers[i - 1] ?? 0) && disordered.push(`${key}: ${n} after ${numbers[i - 1]}`));
      }
      expect([lost, disordered, errors]).toEqual([[], [], []]);
      // Or nothing was tried.
      expect(ledger.size).toBe(8);
      expect(written).toBeGreaterThan(ROUNDS);
    },
    ROUNDS * ROUND_TIMEOUT_MS + RECOVERED_WITHIN_MS,
  );
});
