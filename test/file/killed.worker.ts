import { openCache } from './open-cache.js';

/*
 * A process that stores and deletes its own keys until it is killed: `killed.worker.ts <directory> <name> <seed>`. It
 * reports each change to its parent once the cache has acknowledged it.
 */
const [, , directory = '', name = '', seed = '1'] = process.argv;
const KEYS = 15;
const LARGEST = 3_000;

let state = Number(seed);
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const cache = await openCache(directory);

/** Resolves when the parent can read the message, also if this process is killed then. */
function tell(message: unknown): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function work(lane: number): Promise<never> {
  for (;;) {
    const key = `${name} ${lane} ${random(KEYS)}`;
    const version = random(2 ** 31);
    if (random(5) === 0) {
      await tell([key, 'changing', null]);
      await cache.delete(key);
      await tell([key, 'changed', null]);
    } else {
      await tell([key, 'changing', version]);
      await cache.set(key, { version, filler: 'x'.repeat(random(LARGEST)) }, { tags: [`tag ${random(5)}`, name] });
      await tell([key, 'changed', version]);
    }
  }
}

process.send?.('ready');
await Promise.all([1, 2, 3].map(work));
