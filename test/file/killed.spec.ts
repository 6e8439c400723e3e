import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { openCache } from './open-cache.js';

/*
 * Processes that share the files of a cache are killed at random moments. What was acknowledged is there, nothing is
 * damaged, and the tables agree with each other. `npm run test:long` plays 30 rounds, KILL_ROUNDS=100 more.
 */

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 4);
const ROUND_TIMEOUT_MS = 15_000;

const root = join(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cache-kit-killed-'));
const workers = new Set<ChildProcess>();

afterEach(() => {
  for (const worker of workers) worker.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** `null` where there is no entry. */
type Version = number | null;
type Change = readonly [key: string, state: 'changing' | 'changed', version: Version];

/** What one process is known to have stored: the last acknowledged version, and those that may have followed. */
class Ledger {
  readonly #acknowledged = new Map<string, Version>();
  readonly #pending = new Map<string, Set<Version>>();

  note([key, state, version]: Change): void {
    const pending = this.#pending.get(key) ?? new Set();
    this.#pending.set(key, pending);
    if (state === 'changing') return void pending.add(version);
    this.#acknowledged.set(key, version);
    pending.delete(version);
  }

  /** Keys whose stored version is neither the acknowledged one nor one that was under way. */
  async wrong(read: (key: string) => Promise<Version>): Promise<string[]> {
    const wrong: string[] = [];
    for (const [key, pending] of this.#pending) {
      const stored = await read(key);
      const isKnown = this.#acknowledged.has(key);
      if (pending.has(stored) || (isKnown ? this.#acknowledged.get(key) === stored : stored === null)) {
        this.#acknowledged.set(key, stored);
        pending.clear();
      } else {
        wrong.push(`${key}: ${String(stored)} instead of ${String(this.#acknowledged.get(key))}`);
      }
    }
    return wrong;
  }
}

async function start(name: string, seed: number, ledger: Ledger): Promise<ChildProcess> {
  const worker = fork(join(root, 'test/file/killed.worker.ts'), [directory, name, String(seed)], {
    cwd: root,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', './test/simulation/typescript.mjs'],
  });
  workers.add(worker);
  worker.on('message', (message) => {
    if (message !== 'ready') ledger.note(message as Change);
  });
  await once(worker, 'message');
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  // All messages are read when the channel is at its end.
  const gone = Promise.all([once(worker, 'close'), once(worker, 'disconnect')]);
  worker.kill('SIGKILL');
  await gone;
  workers.delete(worker);
}

describe('processes that are killed while they write to the files of a cache', () => {
  it(
    `lose nothing that was acknowledged, and damage nothing, in ${ROUNDS} rounds`,
    async () => {
      const reader = await openCache(directory);
      const ledgers = { a: new Ledger(), b: new Ledger() };
      let other = await start('b', 1, ledgers.b);
      const wrong: string[] = [];
      let entries = 0;
      const versionOf = async (key: string): Promise<Version> =>
        (await reader.get<{ version: number }>(key))?.version ?? null;

      for (let round = 0; round < ROUNDS; round++) {
        const victim = await start('a', round + 2, ledgers.a);
        await new Promise((resolve) => setTimeout(resolve, 50 + ((round * 37) % 150)));
        await kill(victim);
        wrong.push(...(await ledgers.a.wrong(versionOf)));
        if (round % 4 !== 3) continue;
        await kill(other);
        wrong.push(...(await ledgers.b.wrong(versionOf)));
        entries += (await reader.getStats()).totalEntries;
        other = await start('b', round + 100, ledgers.b);
      }
      await kill(other);
      const stored = (await reader.getStats()).totalEntries;
      const removed = (await reader.invalidateTags(['a'])) + (await reader.invalidateTags(['b']));
      const left = (await reader.getStats()).totalEntries;
      await reader.close();

      expect(wrong).toEqual([]);
      // Or nothing was tried.
      expect(entries).toBeGreaterThan(ROUNDS);
      expect({ removed, left }).toEqual({ removed: stored, left: 0 });
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );
});
