import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { answerCommands } from './commands.js';

/*
 * A process with several caches that listen, each over connections of its own. On demand one of them reports when its
 * copy of a key is gone: it reads the key in every turn of the event loop. A near copy is returned in the same turn; an
 * answer from Redis takes at least one more.
 */

/** Time after which every earlier change has arrived. */
const SETTLED_MS = 5;

/** @type {import('nestjs-cache-kit').CacheService[]} */
const caches = [];
/** @type {Promise<number> | undefined} */
let gone;

answerCommands({
  async open({ kit, options, count }) {
    const { createCache } = await import(kit);
    caches.push(...(await Promise.all(Array.from({ length: count }, () => createCache(options)))));
  },
  /** Answers when the last cache has a copy, and then watches that copy. */
  async watch({ key }) {
    const cache = caches[caches.length - 1];
    do {
      while (!(await isNear(cache, key))) await cache.get(key);
      await sleep(SETTLED_MS);
    } while (!(await isNear(cache, key)));
    gone = untilGone(cache, key);
  },
  /** Time at which the copy was gone, on the clock that all processes share. */
  gone: () => gone,
});
process.once('disconnect', () => process.exit());

/** @param {import('nestjs-cache-kit').CacheService} cache @param {string} key */
async function untilGone(cache, key) {
  while (await isNear(cache, key)) await nextTurn();
  return Number(process.hrtime.bigint());
}

/** @param {import('nestjs-cache-kit').CacheService} cache @param {string} key */
async function isNear(cache, key) {
  let value;
  cache.get(key).then(
    (found) => (value = found),
    () => undefined,
  );
  await Promise.resolve();
  return value !== undefined;
}
