import { randomFrom } from '../../src/testing/seeded-random.js';

/** A request pattern that is common for caches. It is deterministic. `size` is the capacity of the tested cache. */
export type Trace = (requests: number, size: number) => Iterable<string>;

const KEYS = 100_000;

/** Zipf distribution: few keys are requested often, and many keys seldom. */
export const zipf =
  (skew: number): Trace =>
  (requests) =>
    repeat(requests, zipfian(KEYS, skew, randomFrom(1)));

/** A Zipf distribution, with three of ten requests scanning keys that are never requested again. */
export const zipfWithScan: Trace = (requests) => {
  const random = randomFrom(2);
  const popular = zipfian(KEYS, 0.9, random);
  let next = KEYS;
  return repeat(requests, () => (random() < 0.3 ? next++ : popular()));
};

/** Nine of ten requests go to a hot set that just fits into the cache and is replaced after every five rounds. */
export const shiftingHotSet: Trace = (requests, size) => {
  const random = randomFrom(3);
  const hot = Math.floor(size * 0.8);
  return repeat(requests, (i) =>
    random() < 0.9 ? Math.floor(i / (hot * 5)) * hot + Math.floor(random() * hot) : -Math.floor(random() * KEYS),
  );
};

/** A feed: newer items are read more often, and every fourth request adds a new item. */
export const feed: Trace = (requests, size) => {
  const random = randomFrom(4);
  return repeat(requests, (i) => Math.floor(i / 4) + Math.floor(Math.log(1 - random()) * size * 0.7));
};

function* repeat(requests: number, next: (request: number) => number): Iterable<string> {
  for (let i = 0; i < requests; i++) yield `key:${next(i)}`;
}

function zipfian(keys: number, skew: number, random: () => number): () => number {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key++) sums[key] = sum += (key + 1) ** -skew;
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
