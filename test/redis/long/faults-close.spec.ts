import { setTimeout as sleep } from 'node:timers/promises';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RedisOptions } from '../../../src/adapters/redis/options/redis-options.js';
import { nextMessage } from '../../support/child-message.js';
import { freePort } from '../../support/redis/free-port.js';
import {
  type RedisCluster,
  type RedisSentinelTrio,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinels,
} from '../../support/redis-servers.js';
import { cleanUpAfterEach, LIMIT_MS, afterTest } from '../redis.fixture.js';

/*
 * Checks from outside that close() leaves nothing: a separate process must end by itself, with the exit code of a
 * process without unhandled rejections.
 */

jest.setTimeout(60_000);
cleanUpAfterEach();

const CLOSED_WITHIN_MS = 2 * LIMIT_MS;
/** Two seconds, in which ioredis lets its connections to silent nodes and sentinels end, and some slack. */
const EXITED_WITHIN_MS = 2_500;
const ANSWERS_WITHIN_MS = 15_000;
/** Resources that are not the cache's: the IPC channel and the standard streams. */
const IGNORED_RESOURCES = new Set(['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'CloseReq']);

interface Closed {
  readonly closedMs: number;
  readonly rejections: readonly string[];
  readonly resources: readonly string[];
}

/** Opens a cache in a separate process, starts a fault, closes the cache, and waits for the end of the process. */
async function closeUnder(
  redis: RedisOptions,
  fault: () => Promise<void> | void,
  { isBusy }: { isBusy: boolean },
): Promise<Closed & { code: number | null; exitMs: number }> {
  const child = fork(join(import.meta.dirname, 'faults-close.worker.mjs'), [JSON.stringify({ redis, isBusy })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  afterTest(() => child.kill('SIGKILL'));
  await nextMessage(child, ANSWERS_WITHIN_MS);
  await fault();
  child.send('close');
  const closed = (await nextMessage(child, ANSWERS_WITHIN_MS)) as Closed;
  const startedMs = performance.now();
  const [code] = (await Promise.race([
    once(child, 'exit'),
    rejectAfter(10_000, `The process did not end: ${closed.resources.join()}`),
  ])) as [number | null];
  return { ...closed, code, exitMs: performance.now() - startedMs };
}

function rejectAfter(ms: number, message: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message)), ms).unref());
}

function expectQuiet({ closedMs, rejections, resources, code, exitMs }: Awaited<ReturnType<typeof closeUnder>>): void {
  expect(closedMs).toBeLessThan(CLOSED_WITHIN_MS);
  expect(resources.filter((resource) => !IGNORED_RESOURCES.has(resource))).toEqual([]);
  expectEnded({ rejections, code, exitMs });
}

function expectEnded({
  rejections,
  code,
  exitMs,
}: Pick<Awaited<ReturnType<typeof closeUnder>>, 'rejections' | 'code' | 'exitMs'>): void {
  // An invalidation that could not be sent before the close rejects with this error.
  expect(rejections.filter((each) => !each.startsWith('CacheUnavailableError'))).toEqual([]);
  expect(code).toBe(0);
  expect(exitMs).toBeLessThan(EXITED_WITHIN_MS);
}

describe.each([false, true])('close() leaves nothing behind, with calls under way: %s', (isBusy) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('without a fault', async () => {
    const closed = await closeUnder({ url: server.url }, () => undefined, { isBusy });

    expectQuiet(closed);
    expect(closed.rejections).toEqual([]);
  });

  it('when the server is frozen', async () => {
    afterTest(() => server.resume());

    expectQuiet(await closeUnder({ url: server.url }, () => server.pause(), { isBusy }));
  });

  it('when the server was frozen until the cache stopped sending commands', async () => {
    afterTest(() => server.resume());
    const fault = async (): Promise<void> => {
      server.pause();
      await sleep(1_500);
    };

    expectQuiet(await closeUnder({ url: server.url }, fault, { isBusy }));
  });

  it('when there was never a server', async () => {
    expectQuiet(await closeUnder({ url: `redis://127.0.0.1:${await freePort()}` }, () => undefined, { isBusy }));
  });

  it('when no server answers at the address', async () => {
    // The server is paused before it accepts the first connection, so the handshake hangs.
    afterTest(() => server.resume());
    server.pause();

    expectQuiet(await closeUnder({ url: server.url }, () => undefined, { isBusy }));
  });

  it.each([0, 100, 700])('when the server was killed %s ms ago', async (agoMs) => {
    const mortal = await startRedis();
    afterTest(() => mortal.stop());
    const fault = async (): Promise<void> => {
      mortal.kill('SIGKILL');
      await sleep(agoMs);
    };

    expectQuiet(await closeUnder({ url: mortal.url }, fault, { isBusy }));
  });
});

describe('a process ends after close() (Cluster)', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(() => cluster.stop());
  const redis = (): RedisOptions => ({ cluster: { nodes: cluster.urls } });

  it('without a fault', async () => {
    expectQuiet(await closeUnder(redis(), () => undefined, { isBusy: true }));
  });

  it('when all nodes are frozen', async () => {
    afterTest(() => cluster.nodes.forEach((node) => node.resume()));

    expectEnded(await closeUnder(redis(), () => cluster.nodes.forEach((node) => node.pause()), { isBusy: true }));
  });

  it.each([0, 700])('when all nodes were killed %s ms ago', async (agoMs) => {
    const fault = async (): Promise<void> => {
      for (const node of cluster.nodes) node.kill('SIGKILL');
      await sleep(agoMs);
    };

    expectEnded(await closeUnder(redis(), fault, { isBusy: true }));
  });
});

describe('a process ends after close() (Sentinel)', () => {
  let trio: RedisSentinelTrio;
  beforeAll(async () => {
    trio = await startSentinels();
  }, 60_000);
  afterAll(() => trio.stop());
  const redis = (): RedisOptions => ({
    sentinel: { name: trio.name, sentinels: trio.sentinels.map(({ host, port }) => ({ host, port })) },
  });

  it('without a fault', async () => {
    expectQuiet(await closeUnder(redis(), () => undefined, { isBusy: true }));
  });

  it('when the sentinels are frozen', async () => {
    afterTest(() => trio.sentinels.forEach((sentinel) => sentinel.resume()));

    expectEnded(
      await closeUnder(redis(), () => trio.sentinels.forEach((sentinel) => sentinel.pause()), { isBusy: true }),
    );
  });

  it('when all servers were killed', async () => {
    const fault = async (): Promise<void> => {
      for (const server of [...trio.sentinels, trio.master, ...trio.replicas]) server.kill('SIGKILL');
      await sleep(300);
    };

    expectEnded(await closeUnder(redis(), fault, { isBusy: true }));
  });
});
