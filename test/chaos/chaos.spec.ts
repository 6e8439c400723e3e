import { describe, expect, it, jest } from '@jest/globals';
import { chaosRun } from './chaos-run.js';
import { broken, figures, staleness, tally } from './gates.js';
import { MUTANTS } from './mutants.js';
import { BACKEND } from './settings.js';
import type { TopologyName } from './topology.js';

/*
 * The short runs. For the long ones, with more faults and other seeds: `npm run chaos -- --minutes 30 --topology
 * cluster`.
 */

jest.setTimeout(150_000);

const SEED = Number(process.env['CHAOS_SEED'] ?? 1);
/** Of 99 invalidations in 100. */
const USUAL_LAG_MS = 10;
/** The machine may be busy with something else: what counts is the best of so many. */
const LAG_ROUNDS = 3;
const MUTANT_FOR_MS = 60_000;
/** Invalidations that are beyond doubt, in the times between failovers. */
const ENOUGH_TOLD = 200;

/** Each of the faults comes at least once; of the standalone server all. */
const RUNS: readonly (readonly [topology: TopologyName, forMs: number, faults?: readonly string[]])[] = [
  ['standalone', 25_000],
  ['cluster', 15_000, ['a master killed', 'a master paused for a moment', 'clients killed', 'black hole', 'reset']],
  [
    'sentinel',
    15_000,
    [
      'the master killed',
      'the master replaced while it runs',
      'the master paused for a moment',
      'clients killed',
      'black hole',
    ],
  ],
];

describe.each(RUNS)(`the ${BACKEND} backend under faults (%s)`, (topology, forMs, faults) => {
  it('serves nothing that is too old, fails no call, and is soon as before', async () => {
    const report = await chaosRun({
      topology,
      backend: BACKEND,
      forMs,
      seed: SEED,
      ...(faults === undefined ? {} : { faults }),
    });

    console.info(`${figures(report)}\n${tally(report)}`);
    expect(broken(report)).toEqual([]);
  });
});

describe(`the ${BACKEND} backend`, () => {
  it('is behind for milliseconds where nothing is wrong', async () => {
    let lagMs = Infinity;
    for (let round = 0; round < LAG_ROUNDS && lagMs > USUAL_LAG_MS; round++) {
      const report = await chaosRun({
        topology: 'standalone',
        backend: BACKEND,
        forMs: 5_000,
        seed: SEED + round,
        faults: [],
      });
      console.info(figures(report));
      expect(broken(report)).toEqual([]);
      lagMs = Math.min(lagMs, report.verdict.lagP99Ms);
    }

    expect(lagMs).toBeLessThanOrEqual(USUAL_LAG_MS);
  });
});

describe('hybrid through failovers of Sentinel', () => {
  /** What is acknowledged around a failover may be lost with the old master, so there must be time between them. */
  const REST_MS = 5_000;
  const FAILOVERS = [
    'the master killed',
    'the master paused until it was replaced',
    'the master replaced while it runs',
  ];

  it('keeps copies no older than `maxStaleness`, goes on caching, and leaves nothing behind (fault 35)', async () => {
    const report = await chaosRun({
      topology: 'sentinel',
      backend: 'hybrid',
      forMs: 0,
      restMs: REST_MS,
      seed: SEED,
      faults: FAILOVERS,
    });

    console.info(`${figures(report)}\n${tally(report)}`);
    const { acks, unsent } = report.verdict;
    expect(acks - unsent).toBeGreaterThan(ENOUGH_TOLD);
    expect(report.healings).toHaveLength(FAILOVERS.length);
    expect(broken(report)).toEqual([]);
  });
});

describe('the chaos', () => {
  it('finds out values that are kept where nothing is heard of invalidations', async () => {
    const report = await chaosRun({
      topology: 'standalone',
      backend: 'redis',
      forMs: 2_000,
      seed: SEED,
      faults: [],
      isBehindAMap: true,
    });

    expect(staleness(report).map((complaint) => complaint.replace(/:.*/, ''))).toEqual([
      'a process read what it had invalidated itself',
      'a process read what another had invalidated more than 0 ms before',
      'old values were left when the faults were over',
    ]);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('finds out a design that %s', async (_, mutant) => {
    const report = await chaosRun({
      topology: 'standalone',
      backend: mutant.backend,
      forMs: MUTANT_FOR_MS,
      seed: SEED,
      faults: mutant.faults,
      mutant,
    });

    console.info(figures(report));
    expect(staleness(report)).not.toEqual([]);
  });
});
