import { describe, expect, it } from '@jest/globals';
import { availableParallelism } from 'node:os';
import { simulate } from './simulate.js';

/*
 * The simulation runs outside Jest, in as many processes as there are cores: run.ts says how to run one seed by hand.
 * `npm run test:simulation` runs a few thousand seeds, `npm run test:long` 100,000. More, or others, for a night:
 * SIMULATION_SEEDS=1000000 SIMULATION_FROM=500000.
 */

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 3_000);
const FROM = Number(process.env['SIMULATION_FROM'] ?? 1);
const MINUTES = 60_000;

describe('the Redis backend, simulated', () => {
  it(
    `breaks no promise in ${SEEDS} seeds from ${FROM}, under losses, delays, evictions, restarts and wrong clocks`,
    async () => {
      const workers = availableParallelism();
      const share = Math.ceil(SEEDS / workers);

      const runs = await Promise.all(
        Array.from({ length: workers }, (_, i) =>
          simulate(['--from', String(FROM + i * share), '--count', String(share)]),
        ),
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
    60 * MINUTES,
  );

  it(
    'tells the same story for the same seed',
    async () => {
      const stories = await Promise.all([1, 2].map(() => simulate(['--from', '7', '--trace'])));

      // Ids, and the checksums over them, are random each time; what is called, computed and broken is not.
      const [first, second] = stories.map(({ output }) =>
        output.split('\n').filter((line) => /^ *[\d.]+ (p\d+ ([<>!]| {2}computes)|---) /.test(line)),
      );
      expect(first?.length).toBeGreaterThan(20);
      expect(first).toEqual(second);
    },
    MINUTES,
  );
});
