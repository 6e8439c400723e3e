// One process of a chaos run, with its own cache: several readers of all keys, and one writer. It judges nothing. It
// sends its observations in batches, with times of process.hrtime, a clock that all processes of the machine share.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createCache } from 'nestjs-cache-kit';
import { behindAMap, isOwn, keysOf, KINDS } from './workload.mjs';

const BATCH_EVERY_MS = 200;
const SAMPLE_EVERY_MS = 100;
const WATCH_EVERY_MS = 10;
const FACTORY_MS = 8;
/** Resources that are not the cache's: the IPC channel and the standard streams. */
const IGNORED_RESOURCES = new Set(['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'CloseReq']);
/** Two seconds, in which ioredis lets its connections to nodes and sentinels end, and some slack. */
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
  blocksEventLoop,
} = JSON.parse(process.argv[2]);
// The parent can end first.
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
let blockedMs = 0;
let isReading = true;
let isWriting = true;

// Acts as a router: redirects connections to a server to this process's proxy of it.
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

function sendBatch() {
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

/** Runs a call that must not reject, and records its duration without the time in which this process was blocked. */
async function called(slowest, call) {
  const blockedBeforeMs = blockedMs;
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
      // Waits until `watch` has measured the last block.
      await sleep(WATCH_EVERY_MS);
      totals[slowest] = Math.max(totals[slowest], tookMs - (blockedMs - blockedBeforeMs));
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
    // Any error about an unavailable server can mean that this invalidation is queued.
    acks.areSent.push(unavailable === totals.unavailable ? 1 : 0);
    await sleep(random(2 * writePauseMs));
  }
}

/** Blocks the event loop from time to time, as long computations, garbage collection and the scheduler do. */
async function blockEventLoop() {
  while (isWriting) {
    await sleep(300 + random(2_000));
    const endMs = performance.now() + 20 + random(280);
    while (performance.now() < endMs);
  }
}

/** Measures the time in which the event loop was blocked, for any reason. */
async function watch() {
  while (isReading) {
    const startedMs = performance.now();
    await sleep(WATCH_EVERY_MS);
    blockedMs += Math.max(0, performance.now() - startedMs - WATCH_EVERY_MS);
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

/** Returns the resources that keep this process alive after the cache was closed. */
async function leftResources() {
  const endMs = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    // The timer of this wait has ended before the check.
    await sleep(100);
    const left = process.getActiveResourcesInfo().filter((resource) => !IGNORED_RESOURCES.has(resource));
    if (left.length === 0 || performance.now() > endMs) return left;
  }
}

process.send({ type: 'ready', names: keys.map(({ name }) => name) });
let reading;
let writing;
let sending;
process.on('message', async (command) => {
  if (command === 'go') {
    sending = setInterval(sendBatch, BATCH_EVERY_MS);
    writing = Promise.all([write(), blocksEventLoop ? blockEventLoop() : undefined]);
    reading = Promise.all([...Array.from({ length: readers }, read), sample(), watch()]);
  } else if (command === 'calm') {
    isWriting = false;
    await writing;
    process.send({ type: 'calm' });
  } else if (command === 'stop') {
    isReading = false;
    await reading;
    clearInterval(sending);
    sendBatch();
    const startedMs = performance.now();
    await opened.close();
    const closedMs = performance.now() - startedMs;
    db.disconnect();
    process.send({ type: 'done', ...totals, closedMs, left: await leftResources(), unhandled }, () =>
      process.disconnect(),
    );
  }
});
