/**
 * Returns a generator of the same numbers in every run and every process (mulberry32).
 * @param {number} seed
 * @returns {() => number} from 0 to below 1
 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Shuffles the items in place. @template T @param {T[]} items @param {() => number} next @returns {T[]} */
export function shuffled(items, next) {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

/**
 * Draws ranks by Zipf's law: rank r has a weight of 1 / (r + 1) ** exponent.
 * @param {{ ranks: number, exponent: number, draws: number, next: () => number }} law
 */
export function zipf({ ranks, exponent, draws, next }) {
  const upTo = new Float64Array(ranks);
  let total = 0;
  for (let rank = 0; rank < ranks; rank++) upTo[rank] = total += (rank + 1) ** -exponent;
  return Uint32Array.from({ length: draws }, () => firstAbove(upTo, next() * total));
}

/** @param {Float64Array} sorted @param {number} value */
function firstAbove(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
