// One of several processes whose callers all request the same key. Loads are counted in a database, which is another
// Redis server.
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from 'nestjs-cache-kit';
import { Redis } from 'ioredis';

const { redis, database, callers, factoryMs, forMs, options } = JSON.parse(process.argv[2]);
// The parent can end first.
process.once('disconnect', () => process.exit());
const errors = [];
const cache = await createCache({ backend: 'redis', redis, onError: (error) => errors.push(error.message) });
const db = new Redis(database);
await db.ping();
const loads = [];
const nowMs = () => Number(process.hrtime.bigint() / 1_000n) / 1_000;

async function load() {
  const startMs = nowMs();
  const version = await db.incr('loads');
  process.send({ state: 'loading' });
  await sleep(factoryMs);
  loads.push([startMs, nowMs()]);
  return version;
}

async function call(calls, endMs) {
  do {
    const startMs = nowMs();
    const value = await cache.getOrSet('hot', load, options);
    calls.push([value, nowMs() - startMs]);
    if (forMs > 0) await sleep(5);
  } while (nowMs() < endMs);
}

process.send({ state: 'ready' });
process.once('message', async () => {
  const calls = [];
  const endMs = nowMs() + forMs;
  await Promise.all(Array.from({ length: callers }, () => call(calls, endMs)));
  await cache.close();
  db.disconnect();
  process.send({ state: 'done', calls, loads, errors }, () => process.disconnect());
});
