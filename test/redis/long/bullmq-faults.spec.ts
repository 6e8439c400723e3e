import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { nextMessage } from '../../support/child-message.js';
import { freePort } from '../../support/redis/free-port.js';
import { startCluster, startRedis } from '../../support/redis-servers.js';
import { openWriting, Source, untilLanded, untilTrue } from '../bullmq/bullmq.fixture.js';
import { afterTest, cleanUpAfterEach, stopAfterTest, timed } from '../redis.fixture.js';

/* Write-behind on a Redis that fails, and processes that must end by themselves after close(). */

jest.setTimeout(90_000);
cleanUpAfterEach();

const root = join(import.meta.dirname, '../../..');
const run = promisify(execFile);
const WORKER = join(import.meta.dirname, 'bullmq-faults.worker.ts');
const EXEC = ['--disable-warning=ExperimentalWarning', '--import', './test/simulation/typescript.mjs'];
/** Five seconds for what is pending, and some for connections that do not answer. */
const CLOSED_WITHIN_MS = 8_000;
const ANSWERS_WITHIN_MS = 20_000;
/** Resources that are not the cache's: the IPC channel, the standard streams, and the turn that asks. */
const IGNORED_RESOURCES = new Set(['PipeWrap', 'TTYWrap', 'FSReqCallback', 'FSReqPromise', 'CloseReq', 'Immediate']);

interface Closed {
  readonly closedMs: number;
  readonly resources: readonly string[];
  readonly rejections: readonly string[];
  readonly reports: readonly string[];
}

/** Writes behind in a separate process, starts a fault, closes the cache, and waits for the end of the process. */
async function closeUnder(
  ports: readonly number[],
  fault: () => Promise<void> | void,
): Promise<Closed & { code: number | null; exitMs: number }> {
  const child = fork(WORKER, ['closing', ports.join()], { cwd: root, execArgv: EXEC });
  afterTest(() => child.kill('SIGKILL'));
  await nextMessage(child, ANSWERS_WITHIN_MS);
  await fault();
  child.send('close');
  const closed = (await nextMessage(child, ANSWERS_WITHIN_MS)) as Closed;
  const startedMs = performance.now();
  const [code] = (await once(child, 'exit')) as [number | null];
  return { ...closed, code, exitMs: performance.now() - startedMs };
}

function expectQuiet({ closedMs, resources, rejections, code, exitMs }: Awaited<ReturnType<typeof closeUnder>>): void {
  expect(resources.filter((resource) => !IGNORED_RESOURCES.has(resource))).toEqual([]);
  expect([rejections, code]).toEqual([[], 0]);
  expect(closedMs).toBeLessThan(CLOSED_WITHIN_MS);
  expect(exitMs).toBeLessThan(2_500);
}

describe('close() with write-behind on BullMQ leaves nothing behind', () => {
  it('without a fault', async () => {
    const { port } = await stopAfterTest(startRedis());

    const closed = await closeUnder([port], () => undefined);

    expectQuiet(closed);
    expect(closed.reports).toEqual([]);
  });

  it('when there was never a server', async () => {
    expectQuiet(await closeUnder([await freePort()], () => undefined));
  });

  it.each([0, 700])('when the server was killed %s ms ago', async (agoMs) => {
    const server = await stopAfterTest(startRedis());
    const fault = async (): Promise<void> => {
      server.kill('SIGKILL');
      await sleep(agoMs);
    };

    expectQuiet(await closeUnder([server.port], fault));
  });

  it('when the server is frozen', async () => {
    const server = await stopAfterTest(startRedis());

    expectQuiet(await closeUnder([server.port], () => server.pause()));
  });

  it('in a Cluster', async () => {
    const { nodes } = await stopAfterTest(startCluster());

    expectQuiet(
      await closeUnder(
        nodes.map(({ port }) => port),
        () => undefined,
      ),
    );
  });
});

describe('close() with write-behind on BullMQ', () => {
  it('writes what this process has added at once', async () => {
    const { url } = await stopAfterTest(startRedis());
    const source = new Source();
    const { cache, errors } = await openWriting(url, { save: source.save });
    await cache.writeBehind('a', 1, 'save', { delay: '1h' });
    await cache.writeBehind('b', 2, 'save', { delay: '1h', namespace: 'n' });

    const { tookMs } = await timed(() => cache.close());

    expect([source.values.sort(), errors]).toEqual([[1, 2], []]);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('reports what is left by name after five seconds, and the next start writes it', async () => {
    const { url, port } = await stopAfterTest(startRedis());
    const source = new Source();
    const { cache, errors } = await openWriting(url, { save: source.save });
    source.hold();
    await cache.writeBehind('a', 1, 'save', { delay: 0 });
    await cache.writeBehind('b', 2, 'save', { delay: '1h', namespace: 'n' });

    const { tookMs } = await timed(() => cache.close());
    const next = await openWriting(url, { save: source.save });
    source.release();
    await untilLanded(port, { withinMs: 40_000 });

    expect(tookMs).toBeGreaterThan(4_900);
    expect(tookMs).toBeLessThan(7_000);
    expect(errors.map(({ message }) => message)).toEqual([
      'The cache was closed before 2 pending writes had landed: `a`, `b` of `n`. ' +
        'They are kept: another process, or the next start, writes them.',
    ]);
    expect([...source.rows]).toEqual(
      expect.arrayContaining([
        ['a', 1],
        ['b', 2],
      ]),
    );
    expect(next.errors).toEqual([]);
  });

  it('takes nothing over afterwards, and lets nobody wait for room', async () => {
    const { url } = await stopAfterTest(startRedis());
    const source = new Source();
    const { cache } = await openWriting(url, { save: source.save });
    source.hold();
    await cache.writeBehind('a', 1, 'save', { delay: 0 });
    const waiting = cache.writeBehind('b', 2, 'save', { maxPending: 1 });
    const refused = expect(waiting).rejects.toThrow('Nothing was taken over for `b`: the cache is closed.');

    await cache.close();

    await refused;
    await expect(cache.writeBehind('c', 3, 'save')).rejects.toThrow('the cache is closed');
    source.release();
  });
});

describe('a start that fails elsewhere', () => {
  it('leaves no connection that would keep the process alive', async () => {
    const { port } = await stopAfterTest(startRedis());

    // The time limit of the test finds a process that does not end.
    const { stdout } = await run(process.execPath, [...EXEC, WORKER, 'failing-start', String(port)], { cwd: root });

    expect(stdout).toBe('no start\n');
  });
});

describe('write-behind on a Redis that fails', () => {
  it('takes nothing over while Redis is frozen, also when it goes on', async () => {
    const server = await stopAfterTest(startRedis());
    afterTest(() => server.resume());
    const source = new Source();
    const { cache } = await openWriting(server.url, { save: source.save });
    await cache.writeBehind('before', 1, 'save', { delay: 0 });
    await untilLanded(server.port);

    server.pause();
    const { value, tookMs } = await timed(() =>
      cache.writeBehind('k', 2, 'save').catch((error: unknown) => String(error)),
    );
    const stored = await cache.get('k');
    await sleep(500);
    server.resume();
    await cache.writeBehind('after', 3, 'save', { delay: 0 });
    await source.untilWrites(2);
    await sleep(1_500);

    expect(value).toMatch(/nothing was taken over for `k`.*Redis did not answer in time/);
    expect(tookMs).toBeLessThan(3_000);
    expect([stored, source.values]).toEqual([undefined, [1, 3]]);
  });

  it('goes on after connections were lost', async () => {
    const server = await stopAfterTest(startRedis({ args: ['--appendonly', 'yes'] }));
    const source = new Source();
    const { cache } = await openWriting(server.url, { save: source.save });
    source.hold();
    await cache.writeBehind('running', 1, 'save', { delay: 0 });
    await cache.writeBehind('waiting', 2, 'save', { delay: 2_000 });
    await source.untilWrites(1);

    await server.restart();
    source.release();
    await untilLanded(server.port, { withinMs: 40_000 });
    await cache.writeBehind('later', 3, 'save', { delay: 0 });
    await untilLanded(server.port);

    expect([source.rows.get('running'), source.rows.get('waiting'), source.rows.get('later')]).toEqual([1, 2, 3]);
    expect(await cache.get('waiting')).toBe(2);
  });

  it('tells `onFailed` of what Redis has lost', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await openWriting(server.url, { save: new Source().save });
    const failed: unknown[] = [];
    const onFailed = (error: unknown, key: string, value: unknown): void =>
      void failed.push([String(error), key, value]);
    await cache.writeBehind('k', 1, 'save', { delay: '1h', onFailed });

    await server.restart();
    await untilTrue(() => failed.length > 0, 'a call of onFailed', 30_000);

    expect(failed).toEqual([
      [expect.stringContaining('Redis does not have the pending write of `k` any more'), 'k', 1],
    ]);
    expect(await cache.get('k')).toBeUndefined();
  });
});
