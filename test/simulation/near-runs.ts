import { MAX_STALENESS_MS, type Mutant, type Scenario, simulate, type Verdict } from './near-world.js';

interface Runs {
  /** Verdicts of the seeds in which a copy was too old. */
  readonly broken: readonly (Verdict & { readonly seed: number })[];
  /** Share of the reads that a near copy answered, 0 to 1. */
  readonly nearShare: number;
  /** Age of the oldest answer, in ms. */
  readonly oldestMs: number;
}

/** Plays the seeds from 1 on, and prints their figures. */
export async function playSeeds(seeds: number, scenario?: Scenario): Promise<Runs> {
  const verdicts: (Verdict & { seed: number })[] = [];
  for (let seed = 1; seed <= seeds; seed++) verdicts.push({ seed, ...(await simulate(seed, undefined, scenario)) });
  const sumOf = (what: 'nearHits' | 'reads'): number => verdicts.reduce((sum, verdict) => sum + verdict[what], 0);
  const reads = sumOf('reads');
  const nearShare = sumOf('nearHits') / reads;
  const oldestMs = Math.max(...verdicts.map(({ oldestOthersMs }) => oldestOthersMs));
  console.info(
    `${reads} reads, ${Math.round(100 * nearShare)} % of them near; ` +
      `the oldest answer was ${Math.round(oldestMs)} ms old, of ${MAX_STALENESS_MS} allowed`,
  );
  return { broken: verdicts.filter(isBroken), nearShare, oldestMs };
}

/** True if one of the seeds from 1 on shows that the design is wrong. */
export async function isFoundOut(mutant: Mutant, seeds: number, scenario?: Scenario): Promise<boolean> {
  for (let seed = 1; seed <= seeds; seed++) if (isBroken(await simulate(seed, mutant, scenario))) return true;
  return false;
}

function isBroken({ oldestOwnMs, oldestOthersMs, staleAtEnd }: Verdict): boolean {
  return oldestOwnMs > 0 || oldestOthersMs > MAX_STALENESS_MS || staleAtEnd > 0;
}
