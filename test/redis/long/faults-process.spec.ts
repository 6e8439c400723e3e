import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { TcpProxy } from '../../chaos/tcp-proxy.js';
import { times } from '../../support/cache-with.js';
import type { Platform } from '../../support/nest-app.js';
import { freePort } from '../../support/redis/free-port.js';
import { until } from '../../support/redis/until.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import type { CallRound, WorkerSettings } from './faults-process.worker.js';
import { cleanUpAfterEach, HEALED_WITHIN_MS, stopAfterTest, LIMIT_MS, afterTest, timed } from '../redis.fixture.js';

/*
 * Applications in separate processes, which end at the first unhandled rejection (Jest would continue). Each answers
 * routes and calls while Redis is down, frozen or slow, and after it is back, and ends when it is closed.
 */

jest.setTimeout(60_000);
cleanUpAfterEach();

/** Slack for an application with a dozen concurrent requests, in addition to the measured delay of timers. */
const SLACK_MS = 400;
const TICK_MS = 20;
/** Limit for a route, which makes two calls: a lookup, and the begin of a load after a miss. */
const ROUTE_LIMIT_MS = 2 * LIMIT_MS;
const ENDS_WITHIN_MS = 5_000;
/** More than two measured reads: one read in 64 is measured. */
const REQUESTS = 130;
const AT_ONCE = 13;
/** Duration of the handler of `slow`. */
const SLOW_MS = 600;

interface Answer {
  readonly path: string;
  readonly status: number | undefined;
  readonly body: string;
  readonly xCache: unknown;
  readonly cacheStatus: unknown;
  readonly tookMs: number;
}

interface End {
  readonly code: unknown;
  /** Number of lines that report a fault or a change of the connection. */
  readonly reports: number;
  /** All other lines. */
  readonly others: readonly string[];
  readonly livedMs: number;
}

class Application {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals | null>;
  readonly #startedMs = performance.now();
  #printed = '';
  readonly #agent = new Agent({ keepAlive: true });
  #port = 0;
  #round = 0;

  private constructor(settings: WorkerSettings) {
    const execArgv = ['--import', './test/simulation/typescript.mjs'];
    this.#child = fork(join(import.meta.dirname, 'faults-process.worker.ts'), [JSON.stringify(settings)], {
      execArgv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    afterTest(() => {
      this.#child.kill('SIGKILL');
      this.#agent.destroy();
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
    this.#exit = once(this.#child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
    );
  }

  static async start(settings: WorkerSettings): Promise<Application> {
    const application = new Application(settings);
    application.#port = ((await application.#nextMessage()) as { port: number }).port;
    return application;
  }

  async get(path: string): Promise<Answer> {
    const { value, tookMs } = await timed(() => this.#ask(path).catch((error: unknown) => this.#explain(error)));
    return {
      path,
      status: value.status,
      body: value.body,
      xCache: value.headers['x-cache'],
      cacheStatus: value.headers['cache-status'],
      tookMs,
    };
  }

  /** Requests 130 paths. They are new, unless `round` was used before. */
  async getMany(route: 'items' | 'failing', round = String(++this.#round)): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let first = 0; first < REQUESTS; first += AT_ONCE)
      answers.push(...(await Promise.all(times(AT_ONCE, (i) => this.get(`${route}/${round}-${first + i}`)))));
    return answers;
  }

  askFifty(id: string): Promise<Answer[]> {
    return Promise.all(times(50, () => this.get(`slow/${id}`)));
  }

  /** Makes more than 64 calls of each kind. */
  async callAll(): Promise<CallRound> {
    this.#child.send({ call: String(++this.#round) });
    return (await this.#nextMessage()) as CallRound;
  }

  /** Waits until a route is answered from the cache. */
  async untilBack(): Promise<void> {
    const isBack = async (): Promise<boolean> => {
      const path = `items/back-${++this.#round}`;
      await this.get(path);
      return (await this.get(path)).xCache === 'HIT';
    };
    await until(isBack, HEALED_WITHIN_MS, () => `No route was answered from the cache again: ${this.#printed}`);
  }

  /** Closes the application, and waits for the end of the process. */
  async end(): Promise<End> {
    this.#agent.destroy();
    this.#child.send('close');
    const code = await this.#inTime(this.#exit, ENDS_WITHIN_MS, 'end');
    const lines = this.#printed.split('\n').filter((line) => line !== '');
    const isReport = (line: string): boolean => /^\[Nest\] \d+ .* (ERROR|WARN|LOG) \[CacheKit\] /.test(line);
    return {
      code,
      others: lines.filter((line) => !isReport(line)),
      reports: lines.filter(isReport).length,
      livedMs: performance.now() - this.#startedMs,
    };
  }

  async #ask(path: string): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: string }> {
    const request = get({
      host: '127.0.0.1',
      port: this.#port,
      path: `/${path}`,
      agent: this.#agent,
      signal: AbortSignal.timeout(10_000),
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }

  /** Adds the output of the process to an error: a reset connection means that the process has ended or will end. */
  async #explain(cause: unknown): Promise<never> {
    await Promise.race([this.#exit, sleep(1_000)]);
    throw new Error(`${String(cause)}. The process has ended with ${this.#child.exitCode}: ${this.#printed}`, {
      cause,
    });
  }

  #nextMessage(): Promise<unknown> {
    const ended = this.#exit.then((code) =>
      Promise.reject(new Error(`The process has ended with ${code}: ${this.#printed}`)),
    );
    return this.#inTime(
      Promise.race([once(this.#child, 'message').then(([message]) => message as unknown), ended]),
      30_000,
      'answer',
    );
  }

  async #inTime<T>(promise: Promise<T>, withinMs: number, what: string): Promise<T> {
    const timer = { stop: (): void => undefined };
    const late = new Promise<never>((_, reject) => {
      const timeout = setTimeout(
        () => reject(new Error(`The process did not ${what} within ${withinMs} ms: ${this.#printed}`)),
        withinMs,
      );
      timer.stop = () => clearTimeout(timeout);
    });
    return Promise.race([promise, late]).finally(() => timer.stop());
  }
}

const APPLICATIONS: readonly [string, Platform, CacheKitOptions][] = [
  ['redis on Express', 'express', { backend: 'redis' }],
  ['hybrid on Express', 'express', { backend: 'hybrid' }],
  ['redis on Fastify, without statistics', 'fastify', { backend: 'redis', stats: false }],
];

function start(
  platform: Platform,
  cache: CacheKitOptions,
  redis: NonNullable<CacheKitOptions['redis']>,
): Promise<Application> {
  return Application.start({ platform, cache: { ...cache, redis, http: { headers: { cacheStatus: 'debug' } } } });
}

async function startProxy(server: RedisServer): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(server.port);
  afterTest(() => proxy.stop());
  return proxy;
}

/**
 * Allowed time for a promised `limitMs`: adds the measured delay of timers, because a busy machine also delays answers.
 */
class Bound {
  #lateMs = 0;
  #lastMs = performance.now();

  constructor() {
    const timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lateMs = Math.max(this.#lateMs, nowMs - this.#lastMs - TICK_MS);
      this.#lastMs = nowMs;
    }, TICK_MS);
    afterTest(() => clearInterval(timer));
  }

  of(limitMs: number): number {
    return limitMs + SLACK_MS + this.#lateMs;
  }
}

const slowest = (answers: readonly Answer[]): number => Math.max(...answers.map(({ tookMs }) => tookMs));
/** The different combinations of status and `X-Cache`. */
const outcomesOf = (answers: readonly Answer[]): string[] =>
  [...new Set(answers.map(({ status, xCache }) => `${status} ${String(xCache)}`))].sort();

/** Expects the handler's answer, and one member of `Cache-Status`. */
function expectAnswered(answers: readonly Answer[]): void {
  const isRight = ({ path, status, body, cacheStatus }: Answer): boolean =>
    status === 200 && body.startsWith(`${path} by run `) && String(cacheStatus).match(/nest;/g)?.length === 1;
  const wrong = answers
    .filter((answer) => !isRight(answer))
    .map(({ path, status, body, cacheStatus }) => `${path}: ${String(status)} ${body} ${String(cacheStatus)}`);
  expect(wrong).toEqual([]);
}

/** Expects that routes run their handlers at once, and that calls work without Redis. */
async function expectGoesOnWithoutRedis(application: Application): Promise<void> {
  const bound = new Bound();
  const answers = await application.getMany('items');
  const failures = await application.getMany('failing');
  const calls = await application.callAll();

  expectAnswered(answers);
  expect(outcomesOf(answers)).toEqual(['200 BYPASS']);
  expect(outcomesOf(failures)).toEqual(['500 BYPASS']);
  expect(Math.max(slowest(answers), slowest(failures))).toBeLessThan(bound.of(LIMIT_MS));
  expect(calls.wrong).toEqual([]);
  expect(calls.slowestMs).toBeLessThan(bound.of(LIMIT_MS));
}

async function expectBack(application: Application): Promise<void> {
  await application.untilBack();

  expect((await application.callAll()).wrong).toEqual([]);
}

/** Expects that the process ends by itself, and has printed only reports of faults, at most one per second. */
async function expectEnds(application: Application): Promise<void> {
  const { code, others, reports, livedMs } = await application.end();

  expect([code, others]).toEqual([0, []]);
  expect(reports).toBeGreaterThan(0);
  // Two kinds of reports: faults, and changes of the connection.
  expect(reports).toBeLessThanOrEqual(2 * (livedMs / 1_000 + 1));
}

describe.each(APPLICATIONS)('a process with %s', (_, platform, cache) => {
  it('serves without Redis at its start and after Redis is killed, and caches when Redis is up (fault 1)', async () => {
    const port = await freePort();
    const application = await start(platform, cache, { url: `redis://127.0.0.1:${port}` });

    await expectGoesOnWithoutRedis(application);
    const server = await stopAfterTest(startRedis({ port }));
    await expectBack(application);
    server.kill('SIGKILL');
    await expectGoesOnWithoutRedis(application);
    await server.restart();
    await expectBack(application);
    await expectEnds(application);
  });

  it('serves while Redis is frozen, first within 250 ms, then at once (fault 1, fault 3, fault 7)', async () => {
    const server = await stopAfterTest(startRedis());
    const application = await start(platform, cache, { url: server.url });
    await application.untilBack();

    server.pause();
    const bound = new Bound();
    const first: Answer[] = [];
    for (const id of [1, 2, 3, 2, 1]) first.push(await application.get(`items/${id}`));
    await expectGoesOnWithoutRedis(application);
    const fifty = await application.askFifty('behind-the-breaker');
    server.resume();

    expectAnswered(first);
    expect(outcomesOf(first)).toEqual(['200 BYPASS']);
    expect(slowest(first.slice(0, 3))).toBeLessThan(bound.of(LIMIT_MS));
    expect(slowest(first.slice(3))).toBeLessThan(bound.of(0));
    expectAnswered(fifty);
    expect(new Set(fifty.map(({ body }) => body)).size).toBeLessThan(5);
    await expectBack(application);
    await expectEnds(application);
  });

  it('runs a handler once for fifty requests while Redis is frozen (fault 7)', async () => {
    const server = await stopAfterTest(startRedis());
    // The requests arrive before the breaker opens, on open connections.
    const application = await start(platform, cache, { url: server.url, commandTimeout: '2s' });
    await application.untilBack();
    await application.askFifty('warm');

    server.pause();
    const bound = new Bound();
    const answers = await application.askFifty('before');
    server.resume();

    expectAnswered(answers);
    const runs = new Set(answers.map(({ body }) => body)).size;
    // On a busy machine, requests that arrive after the begin of the run wait for the next run.
    expect(runs).toBeLessThanOrEqual(2);
    expect(answers.filter(({ xCache }) => xCache === 'BYPASS')).toHaveLength(runs);
    expect(slowest(answers)).toBeLessThan(bound.of(LIMIT_MS + runs * SLOW_MS));
    expect(await application.end()).toMatchObject({ code: 0, others: [] });
  });

  it('serves while Redis takes 100 to 600 ms, and caches when it is fast again (fault 1, fault 2)', async () => {
    const server = await stopAfterTest(startRedis());
    const proxy = await startProxy(server);
    const application = await start(platform, cache, { url: `redis://127.0.0.1:${proxy.port}` });
    await application.untilBack();

    for (const latencyMs of [100, 300, 600]) {
      proxy.delay({ leastMs: latencyMs, mostMs: latencyMs });
      const bound = new Bound();
      const answers = await application.getMany('items');
      const calls = await application.callAll();

      expectAnswered(answers);
      expect(['200 BYPASS', '200 MISS']).toEqual(expect.arrayContaining(outcomesOf(answers)));
      expect(slowest(answers)).toBeLessThan(bound.of(ROUTE_LIMIT_MS));
      expect(calls.wrong).toEqual([]);
    }
    await proxy.pass();
    await expectBack(application);
    await expectEnds(application);
  });
});

it.each(['express', 'fastify'] as const)(
  'a process on %s answers once when Redis is slower than a request waits (fault 2)',
  async (platform) => {
    const server = await stopAfterTest(startRedis());
    const proxy = await startProxy(server);
    const application = await start(
      platform,
      { backend: 'redis' },
      { url: `redis://127.0.0.1:${proxy.port}`, commandTimeout: '2s' },
    );
    await application.untilBack();
    const stored = await application.getMany('items', 'stored');

    proxy.delay({ leastMs: 300, mostMs: 600 });
    const bound = new Bound();
    const hits = await application.getMany('items', 'stored');
    const misses = await application.getMany('items');
    await proxy.pass();

    for (const answers of [stored, hits, misses]) expectAnswered(answers);
    expect(outcomesOf([...hits, ...misses])).toEqual(['200 BYPASS']);
    expect(slowest([...hits, ...misses])).toBeLessThan(bound.of(LIMIT_MS));
    await expectBack(application);
    expect(await application.end()).toMatchObject({ code: 0, others: [] });
  },
);

it('a process with memory serves and ends, and has nothing to report (fault 1)', async () => {
  const application = await Application.start({ platform: 'express', cache: {} });

  const [first, second] = [await application.getMany('items', 'one'), await application.getMany('items', 'one')];
  const failures = await application.getMany('failing');
  const calls = await application.callAll();
  const { code, reports, others } = await application.end();

  for (const answers of [first, second]) expectAnswered(answers);
  expect([outcomesOf(first), outcomesOf(second), outcomesOf(failures)]).toEqual([
    ['200 MISS'],
    ['200 HIT'],
    ['500 BYPASS'],
  ]);
  expect(calls.wrong).toEqual([]);
  expect([code, reports, others]).toEqual([0, 0, []]);
});
