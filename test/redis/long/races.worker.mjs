// One of several processes that read, write and invalidate on one store, each through its own cache. It records reads
// and acknowledgements with times of process.hrtime, a clock that all processes of the machine share.
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from 'nestjs-cache-kit';
import { Redis } from 'ioredis';

const { cacheOptions, database, kinds, forMs, keysPerKind, seed } = JSON.parse(process.argv[2]);
// The parent can end first.
process.once('disconnect', () => process.exit());
const errors = [];
const cache = await createCache({ ...cacheOptions, onError: (error) => errors.push(error.message) });
const db = new Redis(database);
const reads = [];
const acks = [];
const nowUs = () => Number(process.hrtime.bigint() / 1000n);
let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

/** For each kind of key: options for storing it, and the operation that publishes a new version. */
const KINDS = {
  key: { options: () => ({}), invalidate: (key) => cache.delete(key) },
  tag: { options: (key) => ({ tags: [`tag ${key}`] }), invalidate: (key) => cache.invalidateTags([`tag ${key}`]) },
  computedTag: {
    options: (key) => ({ tags: () => [`computed ${key}`] }),
    invalidate: (key) => cache.invalidateTags([`computed ${key}`]),
  },
  allTags: {
    options: (key) => ({ tags: ['common', `rare ${key}`] }),
    invalidate: (key) => cache.invalidateTags(['common', `rare ${key}`], { mode: 'all' }),
  },
  namespace: {
    options: (key) => ({ namespace: `ns ${key}` }),
    invalidate: (key) => cache.invalidateNamespace(`ns ${key}`),
  },
  pattern: { options: () => ({}), invalidate: (key) => cache.invalidatePattern(`${key.slice(0, -1)}*`) },
  writeThrough: { options: () => ({}), write: (key, bump) => cache.writeThrough(key, bump) },
  set: { options: () => ({}), write: async (key, bump) => cache.set(key, await bump()) },
  refreshed: { options: () => ({ refreshAhead: 0.1, ttl: '2s' }), invalidate: (key) => cache.delete(key) },
  stale: { options: () => ({ staleWhileRevalidate: '1m', ttl: '50ms' }), invalidate: (key) => cache.delete(key) },
  clear: { options: () => ({}), invalidate: () => cache.clear() },
};

const keyOf = (kind) => `${kind} ${random(keysPerKind)}x`;

async function read(kind, endUs) {
  while (nowUs() < endUs) {
    const key = keyOf(kind);
    const load = async () => {
      const version = Number((await db.get(key)) ?? 0);
      await sleep(random(26));
      return version;
    };
    const startUs = nowUs();
    const version = await cache.getOrSet(key, load, KINDS[kind].options(key));
    reads.push([key, startUs, version]);
    if (random(4) === 0) await sleep(random(3));
  }
}

/** Writes the keys of this process. One writer per key keeps acknowledgements in version order. */
async function write(kind, endUs, pauseMs) {
  const own = Array.from({ length: keysPerKind }, (_, i) => `${kind} ${i}x`).filter((_, i) => i % 4 === seed % 4);
  while (own.length > 0 && nowUs() < endUs) {
    const key = own[random(own.length)];
    const bump = () => db.incr(key);
    let version;
    if (KINDS[kind].write) await KINDS[kind].write(key, async () => (version = await bump()));
    else {
      version = await bump();
      await KINDS[kind].invalidate(key);
    }
    acks.push([key, nowUs(), version]);
    await sleep(random(pauseMs));
  }
}

process.send('ready');
process.once('message', async () => {
  const endUs = nowUs() + forMs * 1_000;
  await Promise.all(
    kinds.flatMap((kind) => [
      read(kind, endUs),
      read(kind, endUs),
      read(kind, endUs),
      write(kind, endUs, kind === 'clear' ? 400 : 150),
    ]),
  );
  await cache.close();
  db.disconnect();
  process.send({ reads, acks, errors: errors.slice(0, 5), errorCount: errors.length }, () => process.disconnect());
});
