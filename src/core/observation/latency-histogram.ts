/** Buckets for each doubling of the duration. With four a quantile is wrong by 19 % at most. */
const BUCKETS_PER_DOUBLING = 4;
/** About a microsecond. */
const SMALLEST_MS = 2 ** -10;
const BUCKETS = 160;

/** Numbers of durations, each with the number of its bucket. */
export type Buckets = readonly (readonly [bucket: number, count: number])[];

/** True for the buckets of a histogram, as they come from another process. */
export function isBuckets(value: unknown): value is Buckets {
  const isBucket = (each: unknown): boolean =>
    Array.isArray(each) && each.length === 2 && isWhole(each[0], BUCKETS) && isWhole(each[1], 2 ** 32);
  return Array.isArray(value) && value.every(isBucket);
}

function isWhole(value: unknown, end: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < end;
}

/** Counts durations in buckets on a logarithmic scale: constant memory, constant cost. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;
  #sumMs = 0;

  record(durationMs: number): void {
    const bucket = Math.floor(Math.log2(Math.max(durationMs, SMALLEST_MS) / SMALLEST_MS) * BUCKETS_PER_DOUBLING);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
    this.#sumMs += durationMs;
  }

  /**
   * Counts the durations up to each bound, and all of them. A duration counts with the middle of its bucket.
   * @param boundsMs in rising order
   */
  cumulative(boundsMs: readonly number[]): { counts: readonly number[]; total: number; sumMs: number } {
    const counts = boundsMs.map(() => 0);
    this.#counts.forEach((count, bucket) => {
      const ms = middleOf(bucket);
      for (let i = boundsMs.length - 1; count > 0 && i >= 0 && (boundsMs[i] as number) >= ms; i--)
        counts[i] = (counts[i] ?? 0) + count;
    });
    return { counts, total: this.#total, sumMs: this.#sumMs };
  }

  /** The buckets that are not empty. */
  buckets(): Buckets {
    return [...this.#counts].flatMap((count, bucket) => (count === 0 ? [] : [[bucket, count] as const]));
  }

  /** Adds the durations of another histogram. */
  add(buckets: Buckets): void {
    for (const [bucket, count] of buckets) {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
      this.#sumMs += count * middleOf(bucket);
    }
  }

  /** The duration that a share `q` of all does not exceed; 0 while nothing is recorded. @param q 0 to 1 */
  quantileMs(q: number): number {
    let left = Math.ceil(this.#total * q);
    if (left === 0) return 0;
    const bucket = this.#counts.findIndex((count) => (left -= count) <= 0);
    return Number(middleOf(bucket).toPrecision(3));
  }
}

function middleOf(bucket: number): number {
  return SMALLEST_MS * 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING);
}
