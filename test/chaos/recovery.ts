/*
 * How soon a process is itself again when a fault is healed. Processes tell of themselves ten times a second.
 */

/** Counts since the process began. `isUp`: whether the server answers, and nothing waits to be told to it. */
export type Sample = readonly [atUs: number, nearHits: number, nearMisses: number, isUp: 0 | 1];

export interface Healing {
  readonly healedUs: number;
  /** When the next fault began. */
  readonly untilUs: number;
}

/** Of so many reads at least a share is told. */
const FEWEST_READS = 20;
const GOOD_SHARE = 0.8;

/** For each healing after how many milliseconds a sample was `isGood`; those are left out that the next fault overtook. */
export function recoveriesMs(healings: readonly Healing[], samples: readonly Sample[], isGood: (sample: Sample, before: Sample) => boolean, withinMs: number): number[] {
  return healings.flatMap(({ healedUs, untilUs }) => {
    const good = samples.findIndex((sample, i) => i > 0 && sample[0] >= healedUs && isGood(sample, samples[i - 1]!));
    const goodUs = samples[good]?.[0] ?? Infinity;
    if (goodUs <= untilUs) return [(goodUs - healedUs) / 1_000];
    return untilUs - healedUs < withinMs * 1_000 ? [] : [Infinity];
  });
}

export function isUp([, , , up]: Sample): boolean {
  return up === 1;
}

/** Whether most reads since the sample before were answered near. */
export function isNear(sample: Sample, before: Sample): boolean {
  const [hits, misses] = [sample[1] - before[1], sample[2] - before[2]];
  return hits + misses >= FEWEST_READS && hits / (hits + misses) > GOOD_SHARE;
}
