import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ServerFigures } from '../lib/server-figures.js';
import { ENTRIES, prepare as prepareHits } from './hits.js';

/**
 * @typedef {import('../subjects/subject.js').Subject & { nearHits?: () => Promise<number> }} NearSubject `nearHits`:
 * number of reads that the process answered from its own copies
 */

/**
 * Calls between two turns of the event loop, in which answers of Redis arrive: a copy is served only while a PING of
 * the last second is answered.
 */
const CALLS_PER_TURN = 1000;
const ATTEMPTS = 100;

/**
 * The hits of `hits.js` on entries with copies in the process. Before each sample the event loop turns, and all entries
 * are read until each has a copy; after it the cache must have counted one near hit for each read.
 * @param {NearSubject} cache @param {{ url: string }} settings
 */
export async function prepare(cache, { url }) {
  const server = new ServerFigures(url);
  process.once('disconnect', () => server.close());
  const { get, getOrSet } = await prepareHits(cache);
  let hitsBefore = 0;
  return {
    get,
    getOrSet,
    /** @param {number} calls */
    async serverCommands(calls) {
      const commands = await server.commands();
      for (let done = 0; done < calls; done += CALLS_PER_TURN) {
        await get(Math.min(CALLS_PER_TURN, calls - done));
        await nextTurn();
      }
      return { perHit: ((await server.commands()) - commands) / calls };
    },
    async before() {
      if (cache.nearHits !== undefined) hitsBefore = await whenNear(cache.nearHits, get);
    },
    /** @param {number} calls */
    async after(calls) {
      if (cache.nearHits === undefined) return;
      const hits = (await cache.nearHits()) - hitsBefore;
      if (hits !== calls)
        throw new Error(`Only ${hits} of ${calls} reads were near hits: this would not measure them.`);
    },
  };
}

/**
 * @param {() => Promise<number>} nearHits
 * @param {(calls: number) => unknown} read
 * @returns {Promise<number>} the near hits so far
 */
async function whenNear(nearHits, read) {
  let before = await nearHits();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await read(ENTRIES);
    const hits = await nearHits();
    if (hits - before === ENTRIES) return hits;
    before = hits;
    await sleep(20);
  }
  throw new Error('The entries did not come near: this would not measure near hits.');
}
