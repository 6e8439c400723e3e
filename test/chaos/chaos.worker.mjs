// One process of a chaos run: readers of all keys, and one writer of its own, through a cache of its own. It judges
// nothing. What it saw is told in batches, with the time of process.hrtime, which is one clock for all processes.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createCache } from 'nestjs-cache-kit';
import { behindAMap, isOwn, keysOf, KINDS } from './workload.mjs';

const BATCH_EVERY_MS = 200;
const SAMPLE_EVERY_MS = 100;
const WATCH_EVERY_MS = 10;
const FACTORY_MS = 8;
/** The channel to the parent, and what Node shows of its standard streams. */
const NOT_OURS = new Set(['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'CloseReq']);
/** ioredis gives the connections of its own, to nodes and sentinels, two seconds to end. */
const ENDED_WITHIN_MS = 2_500;

const {
  process: own,
  processes,
  options,
  routes,
  database,
  keysPerKind,
  readers,
  writePauseMs,
  seed,
  isBehindAMap,
  standsStill,
} = JSON.parse(process.argv[2]);
// Whoever started it may be gone before it is done.
process.once('disconnect', () => process.exit());

const nowUs = () => Number(process.hrtime.bigint()) / 1_000;
let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

const unhandled = [];
process.on('unhandledRejection', (error) => unhandled.push(`unhandled rejection: ${error?.stack ?? error}`));
process.on('uncaughtException', (error) => unhandled.push(`uncaught exception: ${error?.stack ?? error}`));

const keys = keysOf(keysPerKind);
const ownKeys = keys.map((_, i) => i).filter((i) => isOwn(i, own, processes));
const manyKeys = keys.map((_, i) => i).filter((i) => keys[i].kind === 'key');
const totals = { unavailable: 0, missed: 0, callerErrorCount: 0, callerErrors: [], slowestGetMs: 0, slowestLoadMs: 0 };
let reads = { keys: [], startsUs: [], versions: [] };
let acks = { keys: [], atUs: [], versions: [], areSent: [] };
let samples = [];
let stoodMs = 0;
let isReading = true;
let isWriting = true;

// As a router would: connections to a server lead to this process's own proxy of it.
const { createConnection } = net;
net.createConnection = ({ port, ...rest }) => createConnection({ ...rest, port: routes[port] ?? port });

const db = new Redis(database);
const onError = ({ code }) => {
  if (code === 'CACHE_BACKEND_UNAVAILABLE') totals.unavailable++;
};
const opened = await createCache({ ...options, onError });
const cache = isBehindAMap ? behindAMap(opened) : opened;

function note(key, startUs, version) {
  reads.keys.push(key);
  reads.startsUs.push(startUs);
  reads.versions.push(version);
}

function tell() {
  const untilUs = nowUs();
  process.send({
    type: 'batch',
    untilUs,
    reads: {
      keys: Uint16Array.from(reads.keys),
      startsUs: Float64Array.from(reads.startsUs),
      versions: Uint32Array.from(reads.versions),
    },
    acks: {
      keys: Uint16Array.from(acks.keys),
      atUs: Float64Array.from(acks.atUs),
      versions: Uint32Array.from(acks.versions),
      areSent: Uint8Array.from(acks.areSent),
    },
    samples,
  });
  reads = { keys: [], startsUs: [], versions: [] };
  acks = { keys: [], atUs: [], versions: [], areSent: [] };
  samples = [];
}

/**
 * A call that must not reject. Of the time that it takes that does not count for which the process itself stood still.
 */
async function called(slowest, call) {
  const stoodBeforeMs = stoodMs;
  const startedMs = performance.now();
  try {
    return await call();
  } catch (error) {
    totals.callerErrorCount++;
    if (totals.callerErrors.length < 5) totals.callerErrors.push(String(error?.stack ?? error));
    return undefined;
  } finally {
    const tookMs = performance.now() - startedMs;
    if (slowest !== undefined && tookMs > totals[slowest]) {
      // By then the watch has noticed.
      await sleep(WATCH_EVERY_MS);
      totals[slowest] = Math.max(totals[slowest], tookMs - (stoodMs - stoodBeforeMs));
    }
  }
}

async function versionOf(name) {
  const version = Number((await db.get(name)) ?? 0);
  await sleep(random(FACTORY_MS));
  return version;
}

async function readOne() {
  const key = random(keys.length);
  const { kind, name } = keys[key];
  const callOptions = KINDS[kind].options(name);
  const isGet = random(10) < 4;
  const startUs = nowUs();
  const version = isGet
    ? await called('slowestGetMs', () =>
        cache.get(name, callOptions.namespace === undefined ? undefined : { namespace: callOptions.namespace }),
      )
    : await called('slowestLoadMs', () => cache.getOrSet(name, () => versionOf(name), callOptions));
  if (version === undefined) totals.missed++;
  else note(key, startUs, version);
}

async function readMany() {
  const some = [
    manyKeys[random(manyKeys.length)],
    manyKeys[random(manyKeys.length)],
    manyKeys[random(manyKeys.length)],
  ];
  const load = async (names) => new Map(await Promise.all(names.map(async (name) => [name, await versionOf(name)])));
  const startUs = nowUs();
  const found = await called('slowestLoadMs', () =>
    cache.getOrSetMany(
      some.map((key) => keys[key].name),
      load,
    ),
  );
  for (const key of new Set(some)) {
    const version = found?.get(keys[key].name);
    if (version !== undefined) note(key, startUs, version);
  }
}

async function read() {
  while (isReading) {
    for (let burst = random(4); burst >= 0; burst--) await (random(20) === 0 ? readMany() : readOne());
    await sleep(1 + random(8));
  }
}

async function write() {
  while (isWriting) {
    const key = ownKeys[random(ownKeys.length)];
    const { kind, name } = keys[key];
    const { unavailable } = totals;
    let version;
    const bump = async () => (version = await db.incr(name));
    await called(undefined, async () => {
      if (KINDS[kind].write !== undefined) return KINDS[kind].write(cache, name, bump);
      await bump();
      return KINDS[kind].invalidate(cache, name);
    });
    acks.keys.push(key);
    acks.atUs.push(nowUs());
    acks.versions.push(version);
    // Told of an unavailable server, whoever it concerned: this one may have been kept for later.
    acks.areSent.push(unavailable === totals.unavailable ? 1 : 0);
    await sleep(random(2 * writePauseMs));
  }
}

/** A process that computes, collects garbage or is not scheduled hears of nothing meanwhile. */
async function standStill() {
  while (isWriting) {
    await sleep(300 + random(2_000));
    const endMs = performance.now() + 20 + random(280);
    while (performance.now() < endMs);
  }
}

/** Notices that it stood still, for whatever reason. */
async function watch() {
  while (isReading) {
    const startedMs = performance.now();
    await sleep(WATCH_EVERY_MS);
    stoodMs += Math.max(0, performance.now() - startedMs - WATCH_EVERY_MS);
  }
}

async function sample() {
  while (isReading) {
    const { tiers, status } = await opened.getStats();
    const near = tiers.find(({ name }) => name === 'memory');
    samples.push([nowUs(), near?.hits ?? 0, near?.misses ?? 0, status === 'up' ? 1 : 0]);
    await sleep(SAMPLE_EVERY_MS);
  }
}

async function whatIsLeft() {
  const endMs = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    // This wait's own timer is over when it is looked.
    await sleep(100);
    const left = process.getActiveResourcesInfo().filter((resource) => !NOT_OURS.has(resource));
    if (left.length === 0 || performance.now() > endMs) return left;
  }
}

process.send({ type: 'ready', names: keys.map(({ name }) => name) });
let reading;
let writing;
let telling;
process.on('message', async (order) => {
  if (order === 'go') {
    telling = setInterval(tell, BATCH_EVERY_MS);
    writing = Promise.all([write(), standsStill ? standStill() : undefined]);
    reading = Promise.all([...Array.from({ length: readers }, read), sample(), watch()]);
  } else if (order === 'calm') {
    isWriting = false;
    await writing;
    process.send({ type: 'calm' });
  } else if (order === 'stop') {
    isReading = false;
    await reading;
    clearInterval(telling);
    tell();
    const startedMs = performance.now();
    await opened.close();
    const closedMs = performance.now() - startedMs;
    db.disconnect();
    process.send({ type: 'done', ...totals, closedMs, left: await whatIsLeft(), unhandled }, () =>
      process.disconnect(),
    );
  }
});
