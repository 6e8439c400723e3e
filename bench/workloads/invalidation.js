import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../lib/commands.js';
import { ServerFigures } from '../lib/server-figures.js';
import { quantile } from '../lib/statistics.js';
import { product } from './product.js';

/*
 * Changes stored entries, one after the other, while other caches listen. The cost of a change is read from the server;
 * the processor time of this process only decides the number of changes in a sample.
 */

const LISTENER = new URL('../lib/near-listener.js', import.meta.url);
/** Processes that the listeners share: with a process for each, most of them would wait for a processor. */
const MOST_PROCESSES = 4;
/** Time in which the server finishes work that no client waits for. */
const SETTLED_MS = 50;
const VALUE = product(1);

/**
 * @param {import('nestjs-cache-kit').CacheService} cache
 * @param {{ kit: string, url: string, options: object, listeners: number }} settings
 */
export async function prepare(cache, { kit, url, options, listeners }) {
  const server = new ServerFigures(url);
  const processes = await openListeners(listeners, { kit, options });

  /**
   * @param {number} calls
   * @param {(key: string, tag: string) => Promise<unknown>} change
   * @param {boolean} [isTagged]
   */
  async function serverTime(calls, change, isTagged = false) {
    for (let i = 0; i < calls; i++) await cache.set(`key:${i}`, VALUE, isTagged ? { tags: [`tag:${i}`] } : {});
    await sleep(SETTLED_MS);
    const before = await server.cpuNs();
    for (let i = 0; i < calls; i++) await change(`key:${i}`, `tag:${i}`);
    await sleep(SETTLED_MS);
    return { serverNs: ((await server.cpuNs()) - before) / calls };
  }

  return {
    /** @param {number} calls */
    set: (calls) => serverTime(calls, (key) => cache.set(key, VALUE)),
    /** @param {number} calls */
    delete: (calls) => serverTime(calls, (key) => cache.delete(key)),
    /** @param {number} calls */
    invalidateTags: (calls) => serverTime(calls, (_, tag) => cache.invalidateTags([tag]), true),
    /** @param {number} seconds */
    async idle(seconds) {
      const before = await server.cpuNs();
      await sleep(seconds * 1000);
      return { serverNs: ((await server.cpuNs()) - before) / seconds };
    },
    /**
     * Time from the acknowledgement of a `delete` until a copy was gone: in each process in turn, in the cache that was
     * opened last.
     * @param {number} calls
     */
    async lag(calls) {
      const lags = [];
      for (let i = 0; i < calls; i++) lags.push(await lagOf(cache, processes[i % processes.length], `lag:${i}`));
      return { p50Ns: quantile(lags, 0.5), p99Ns: quantile(lags, 0.99) };
    },
  };
}

/** @param {number} count @param {{ kit: string, options: object }} settings */
async function openListeners(count, settings) {
  const processes = Array.from({ length: Math.min(count, MOST_PROCESSES) }, () => fork(LISTENER));
  await Promise.all(
    processes.map((each, i) =>
      ask(each, { command: 'open', count: Math.ceil((count - i) / processes.length), ...settings }),
    ),
  );
  return processes;
}

/**
 * @param {import('nestjs-cache-kit').CacheService} cache
 * @param {import('node:child_process').ChildProcess} listener
 * @param {string} key
 */
async function lagOf(cache, listener, key) {
  await cache.set(key, VALUE);
  await ask(listener, { command: 'watch', key });
  const calledNs = nowNs();
  await cache.delete(key);
  const answeredNs = nowNs();
  const goneNs = await ask(listener, { command: 'gone' });
  if (goneNs < calledNs) throw new Error('A copy was gone before it was invalidated: this would not measure the lag.');
  return goneNs - answeredNs;
}

/** The time, on the clock that all processes share. */
function nowNs() {
  return Number(process.hrtime.bigint());
}
