import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MUTANTS } from './mutants.js';
import type { Summary } from './run.js';

/*
 * The simulation runs outside Jest, in as many processes as there are cores: run.ts says how to run one seed by hand.
 * More seeds, or others, for a night: SIMULATION_SEEDS=1000000 SIMULATION_FROM=500000.
 */

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 40_000);
const FROM = Number(process.env['SIMULATION_FROM'] ?? 1);
const SEEDS_PER_MUTANT = 16_000;
const MINUTES = 60_000;

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

describe('the Redis backend, simulated', () => {
  it(
    `breaks no promise in ${SEEDS} seeds, whatever is lost, late, evicted, frozen, restarted or wrong about the time`,
    async () => {
      const workers = availableParallelism();
      const share = Math.ceil(SEEDS / workers);

      const runs = await Promise.all(
        Array.from({ length: workers }, (_, i) => run(['--from', String(FROM + i * share), '--count', String(share)])),
      );

      expect(runs.map(({ summary, output }) => (summary.violating.length === 0 ? '' : output))).toEqual(
        runs.map(() => ''),
      );
      const [hits, floors, seeds] = (['hits', 'floors', 'seeds'] as const).map((what) =>
        runs.reduce((sum, { summary }) => sum + summary[what], 0),
      ) as [number, number, number];
      // Or nothing was tried.
      expect(hits).toBeGreaterThan(5 * seeds);
      expect(floors).toBeGreaterThan(2 * seeds);
    },
    40 * MINUTES,
  );

  it.each(MUTANTS.map(({ name }) => name))(
    'finds out a design that %s',
    async (name) => {
      const { summary } = await run(['--mutant', name, '--count', String(SEEDS_PER_MUTANT), '--until-caught']);

      expect(summary.violating).toHaveLength(1);
    },
    5 * MINUTES,
  );

  it(
    'tells the same story for the same seed',
    async () => {
      const stories = await Promise.all([1, 2].map(() => run(['--from', '7', '--trace'])));

      // Ids, and the checksums over them, are drawn anew each time; what is called, computed and broken is not.
      const [first, second] = stories.map(({ output }) =>
        output.split('\n').filter((line) => /^ *[\d.]+ (p\d+ ([<>!]| {2}computes)|---) /.test(line)),
      );
      expect(first?.length).toBeGreaterThan(20);
      expect(first).toEqual(second);
    },
    MINUTES,
  );
});

async function run(args: readonly string[]): Promise<{ summary: Summary; output: string }> {
  const command = ['--import', './test/simulation/typescript.mjs', 'test/simulation/run.ts', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: REPOSITORY, maxBuffer: 1 << 26 });
  return { summary: JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary, output: stdout };
}
