/*
 * Measures how soon a process has recovered after a fault. Each process sends ten samples per second.
 */

/** Counts since the start of the process. `isUp`: 1 when the server answers and no invalidation is queued. */
export type Sample = readonly [atUs: number, nearHits: number, nearMisses: number, isUp: 0 | 1];

export interface Healing {
  readonly fault: string;
  readonly beganUs: number;
  readonly healedUs: number;
  /** Begin of the next fault. */
  readonly untilUs: number;
}

/** Minimum number of reads for a near share. */
const FEWEST_READS = 20;
const GOOD_SHARE = 0.8;

export interface Recovery {
  readonly fault: string;
  /** `Infinity` when the process did not recover before the next fault although it had enough time. */
  readonly afterMs: number;
}

/** Measures the time from each repair to the first good sample. Omits repairs that the next fault followed too soon. */
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

/** Describes the last fault before a time. */
export function situationAt(healings: readonly Healing[], atUs: number): string {
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

/** True when most reads since the previous sample were near hits. */
export function isNear(sample: Sample, before: Sample): boolean {
  const [hits, misses] = [sample[1] - before[1], sample[2] - before[2]];
  return hits + misses >= FEWEST_READS && hits / (hits + misses) > GOOD_SHARE;
}
