/** Four buckets to each doubling, from about a microsecond up: a quantile is at most 19 % off. */
const BUCKETS_PER_DOUBLING = 4;
const SMALLEST_MS = 2 ** -10;
const BUCKETS = 160;

/** Durations in log-scaled buckets: constant memory, constant cost. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  record(durationMs: number): void {
    const bucket = Math.floor(Math.log2(Math.max(durationMs, SMALLEST_MS) / SMALLEST_MS) * BUCKETS_PER_DOUBLING);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
  }

  /** The duration that the share `q` of all stayed below, 0 while nothing was recorded. @param q 0..1 */
  quantileMs(q: number): number {
    let left = Math.ceil(this.#total * q);
    if (left === 0) return 0;
    const bucket = this.#counts.findIndex((count) => (left -= count) <= 0);
    const ms = SMALLEST_MS * 2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING);
    return Number(ms.toPrecision(3));
  }
}
