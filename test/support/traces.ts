import { randomFrom } from '../../src/testing/seeded-random.js';

/** Requests as caches meet them, the same for the same seed. `size` is that of the cache they are meant for. */
export type Trace = (requests: number, size: number) => Iterable<string>;

const KEYS = 100_000;

/** Few keys are asked for often, many seldom. */
export const zipf =
  (skew: number): Trace =>
  (requests) =>
    repeat(requests, zipfian(KEYS, skew, randomFrom(1)));

/** The same, and of ten requests three walk through keys that nobody asks for again. */
export const zipfWithScan: Trace = (requests) => {
  const random = randomFrom(2);
  const popular = zipfian(KEYS, 0.9, random);
  let next = KEYS;
  return repeat(requests, () => (random() < 0.3 ? next++ : popular()));
};

/** Nine of ten requests go to a set of keys that just fits, and that is another one after each five rounds. */
export const shiftingHotSet: Trace = (requests, size) => {
  const random = randomFrom(3);
  const hot = Math.floor(size * 0.8);
  return repeat(requests, (i) =>
    random() < 0.9 ? Math.floor(i / (hot * 5)) * hot + Math.floor(random() * hot) : -Math.floor(random() * KEYS),
  );
};

/** A feed: the younger an item the likelier it is read, and every fourth request there is a new one. */
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
