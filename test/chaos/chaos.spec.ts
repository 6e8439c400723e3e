import { describe, expect, it, jest } from '@jest/globals';
import { chaosRun } from './chaos-run.js';
import { broken, figures, staleness, tally } from './gates.js';
import { MUTANTS } from './mutants.js';
import { BACKEND } from './settings.js';
import type { TopologyName } from './topology.js';

/*
 * The short runs. For the long ones, with more faults and other seeds: `npm run chaos -- --minutes 30 --topology cluster`.
 */

jest.setTimeout(150_000);

const SEED = Number(process.env['CHAOS_SEED'] ?? 1);
const MUTANT_FOR_MS = 25_000;

const RUNS: readonly (readonly [topology: TopologyName, forMs: number])[] = [
  ['standalone', 25_000],
  ['cluster', 15_000],
  ['sentinel', 15_000],
];

describe.each(RUNS)(`the ${BACKEND} backend under faults (%s)`, (topology, forMs) => {
  it('serves nothing that is too old, fails no call, and is soon as before', async () => {
    const report = await chaosRun({ topology, backend: BACKEND, forMs, seed: SEED });

    console.info(`${figures(report)}\n${tally(report)}`);
    expect(broken(report)).toEqual([]);
  });
});

describe('the chaos', () => {
  it('finds out values that are kept where nothing is heard of invalidations', async () => {
    const report = await chaosRun({ topology: 'standalone', backend: 'redis', forMs: 2_000, seed: SEED, faults: [], isBehindAMap: true });

    expect(staleness(report).map((complaint) => complaint.replace(/:.*/, ''))).toEqual([
      'a process read what it had invalidated itself',
      'a process read what another had invalidated more than 0 ms before',
      'old values were left when the faults were over',
    ]);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('finds out a design that %s', async (_, mutant) => {
    const report = await chaosRun({ topology: 'standalone', backend: mutant.backend, forMs: MUTANT_FOR_MS, seed: SEED, faults: mutant.faults, mutant });

    console.info(figures(report));
    expect(staleness(report)).not.toEqual([]);
  });
});
