/*
 * How soon a process is itself again when a fault is healed. Processes tell of themselves ten times a second.
 */

/** Counts since the process began. `isUp`: whether the server answers, and nothing waits to be told to it. */
export type Sample = readonly [atUs: number, nearHits: number, nearMisses: number, isUp: 0 | 1];

export interface Healing {
  readonly fault: string;
  readonly beganUs: number;
  readonly healedUs: number;
  /** When the next fault began. */
  readonly untilUs: number;
}

/** Of so many reads at least a share is told. */
const FEWEST_READS = 20;
const GOOD_SHARE = 0.8;

export interface Recovery {
  readonly fault: string;
  /** `Infinity` where it did not come before the next fault, though there was time. */
  readonly afterMs: number;
}

/** For each healing, how long until a sample was `isGood`; those are left out that the next fault soon overtook. */
export function recoveries(
  healings: readonly Healing[],
  samples: readonly Sample[],
  isGood: (sample: Sample, before: Sample) => boolean,
  withinMs: number,
): Recovery[] {
  return healings.flatMap(({ fault, healedUs, untilUs }) => {
    const good = samples.findIndex((sample, i) => i > 0 && sample[0] >= healedUs && isGood(sample, samples[i - 1]!));
    const goodUs = samples[good]?.[0] ?? Infinity;
    if (goodUs <= untilUs) return [{ fault, afterMs: (goodUs - healedUs) / 1_000 }];
    return untilUs - healedUs < withinMs * 1_000 ? [] : [{ fault, afterMs: Infinity }];
  });
}

export function slowest(all: readonly Recovery[]): Recovery {
  return all.reduce((worst, each) => (each.afterMs > worst.afterMs ? each : worst), { fault: 'no fault', afterMs: 0 });
}

/** What was the matter, in words. */
export function matterAt(healings: readonly Healing[], atUs: number): string {
  const last = healings.findLast(({ beganUs }) => beganUs <= atUs);
  if (last === undefined) return 'before any fault';
  const { fault, beganUs, healedUs } = last;
  return atUs < healedUs
    ? `${Math.round((atUs - beganUs) / 1_000)} ms into ${fault}`
    : `${Math.round((atUs - healedUs) / 1_000)} ms after ${fault}`;
}

export function isUp([, , , up]: Sample): boolean {
  return up === 1;
}

/** Whether most reads since the sample before were answered near. */
export function isNear(sample: Sample, before: Sample): boolean {
  const [hits, misses] = [sample[1] - before[1], sample[2] - before[2]];
  return hits + misses >= FEWEST_READS && hits / (hits + misses) > GOOD_SHARE;
}
