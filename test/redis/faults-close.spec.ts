import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { RedisOptions } from '../../src/adapters/redis/options/redis-options.js';
import { freePort } from '../support/redis/free-port.js';
import {
  type RedisCluster,
  type RedisSentinelTrio,
  type RedisServer,
  startCluster,
  startRedis,
  startSentinels,
} from '../support/redis-servers.js';
import { endWhatTestsOpened, LIMIT_MS, onEnd } from './faults.fixture.js';

/*
 * What is left when a cache is closed is seen from outside: a process of its own must end by itself, with the exit code
 * of one that had no unhandled rejection.
 */

jest.setTimeout(60_000);
endWhatTestsOpened();

const CLOSED_WITHIN_MS = 2 * LIMIT_MS;
/**
 * ioredis gives the connections of its own, to nodes and sentinels, two seconds to end where the other side is silent.
 */
const EXITED_WITHIN_MS = 2_500;
/** The channel to this process, and what Node shows of its standard streams. */
const NOT_OURS = new Set(['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'CloseReq']);

interface Closed {
  readonly closedMs: number;
  readonly rejections: readonly string[];
  readonly resources: readonly string[];
}

/** Opens a cache in a process of its own, lets a fault begin, closes the cache, and waits for the process to end. */
async function closeUnder(
  redis: RedisOptions,
  fault: () => Promise<void> | void,
  { isBusy }: { isBusy: boolean },
): Promise<Closed & { code: number | null; exitMs: number }> {
  const child = fork(join(import.meta.dirname, 'faults-close.worker.mjs'), [JSON.stringify({ redis, isBusy })], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onEnd(() => child.kill('SIGKILL'));
  await message(child);
  await fault();
  child.send('close');
  const closed = (await message(child)) as Closed;
  const startedMs = performance.now();
  const [code] = (await Promise.race([
    once(child, 'exit'),
    rejectAfter(10_000, `It did not end: ${closed.resources.join()}`),
  ])) as [number | null];
  return { ...closed, code, exitMs: performance.now() - startedMs };
}

async function message(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The process ended too early: ${code}`)));
  ended.catch(() => undefined);
  const [received] = (await Promise.race([
    once(child, 'message'),
    ended,
    rejectAfter(15_000, 'The process said nothing.'),
  ])) as unknown[];
  return received;
}

function rejectAfter(ms: number, message: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(message)), ms).unref());
}

function expectQuiet({ closedMs, rejections, resources, code, exitMs }: Awaited<ReturnType<typeof closeUnder>>): void {
  expect(closedMs).toBeLessThan(CLOSED_WITHIN_MS);
  expect(resources.filter((resource) => !NOT_OURS.has(resource))).toEqual([]);
  expectEnded({ rejections, code, exitMs });
}

function expectEnded({
  rejections,
  code,
  exitMs,
}: Pick<Awaited<ReturnType<typeof closeUnder>>, 'rejections' | 'code' | 'exitMs'>): void {
  // An invalidation that could not be delivered any more says so.
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

  it('when all is well', async () => {
    const closed = await closeUnder({ url: server.url }, () => undefined, { isBusy });

    expectQuiet(closed);
    expect(closed.rejections).toEqual([]);
  });

  it('when the server is frozen', async () => {
    onEnd(() => server.resume());

    expectQuiet(await closeUnder({ url: server.url }, () => server.pause(), { isBusy }));
  });

  it('when the server was frozen for so long that it is not asked any more', async () => {
    onEnd(() => server.resume());
    const fault = async (): Promise<void> => {
      server.pause();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    };

    expectQuiet(await closeUnder({ url: server.url }, fault, { isBusy }));
  });

  it('when there was never a server', async () => {
    expectQuiet(await closeUnder({ url: `redis://127.0.0.1:${await freePort()}` }, () => undefined, { isBusy }));
  });

  it('when nobody answers at the address', async () => {
    // A server that is stopped before it takes the first connection: the handshake hangs.
    onEnd(() => server.resume());
    server.pause();

    expectQuiet(await closeUnder({ url: server.url }, () => undefined, { isBusy }));
  });

  it.each([0, 100, 700])('when the server was killed %s ms ago', async (agoMs) => {
    const mortal = await startRedis();
    onEnd(() => mortal.stop());
    const fault = async (): Promise<void> => {
      mortal.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, agoMs));
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

  it('when all is well', async () => {
    expectQuiet(await closeUnder(redis(), () => undefined, { isBusy: true }));
  });

  it('when all nodes are frozen', async () => {
    onEnd(() => cluster.nodes.forEach((node) => node.resume()));

    expectEnded(await closeUnder(redis(), () => cluster.nodes.forEach((node) => node.pause()), { isBusy: true }));
  });

  it.each([0, 700])('when all nodes were killed %s ms ago', async (agoMs) => {
    const fault = async (): Promise<void> => {
      for (const node of cluster.nodes) node.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, agoMs));
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

  it('when all is well', async () => {
    expectQuiet(await closeUnder(redis(), () => undefined, { isBusy: true }));
  });

  it('when the sentinels are frozen', async () => {
    onEnd(() => trio.sentinels.forEach((sentinel) => sentinel.resume()));

    expectEnded(
      await closeUnder(redis(), () => trio.sentinels.forEach((sentinel) => sentinel.pause()), { isBusy: true }),
    );
  });

  it('when all servers were killed', async () => {
    const fault = async (): Promise<void> => {
      for (const server of [...trio.sentinels, trio.master, ...trio.replicas]) server.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 300));
    };

    expectEnded(await closeUnder(redis(), fault, { isBusy: true }));
  });
});
