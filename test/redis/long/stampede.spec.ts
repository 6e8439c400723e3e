import { setTimeout as sleep } from 'node:timers/promises';
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { GetOrSetOptions } from '../../../src/core/load/call-options.js';
import { times } from '../../support/cache-with.js';
import { until } from '../../support/redis/until.js';
import { startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, afterTest, open, SLACK_MS, timed } from '../redis.fixture.js';

/** Many callers in several processes share one load. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const PROCESSES = 4;
/** Maximum wait for a process that has died or lost its connection. */
const WAIT_MS = 1_000;

interface Report {
  readonly calls: readonly (readonly [value: number, tookMs: number])[];
  readonly loads: readonly (readonly [startMs: number, endMs: number])[];
  readonly errors: readonly string[];
}

interface Settings {
  readonly callers: number;
  readonly factoryMs: number;
  /** Duration of the calls; 0 for one call per caller. */
  readonly forMs: number;
  readonly options: GetOrSetOptions<number>;
}

class Worker {
  readonly #child: ChildProcess;
  readonly #messages: { state: string }[] = [];
  #code: number | null | undefined;

  constructor(settings: Settings & { redis: object; database: string }) {
    this.#child = fork(join(import.meta.dirname, 'stampede.worker.mjs'), [JSON.stringify(settings)], {
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => this.#messages.push(message as { state: string }));
    this.#child.on('exit', (code) => (this.#code = code));
    afterTest(() => this.kill());
  }

  go(): void {
    this.#child.send('go');
  }

  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  /** Waits for the message with this state. */
  async reached(state: string): Promise<unknown> {
    const isReached = async (): Promise<boolean> => {
      if (this.#code !== undefined && this.#code !== 0) throw new Error(`The process ended with ${this.#code}.`);
      return this.#messages.some((message) => message.state === state);
    };
    await until(isReached, 40_000, () => `The process did not report '${state}' in time.`);
    return this.#messages.find((message) => message.state === state);
  }
}

async function workers(count: number, settings: Settings): Promise<{ all: Worker[]; url: string }> {
  const [{ url }, { url: database }] = await Promise.all([stopAfterTest(startRedis()), stopAfterTest(startRedis())]);
  const all = times(count, () => new Worker({ ...settings, redis: { url, commandTimeout: '2s' }, database }));
  await Promise.all(all.map((worker) => worker.reached('ready')));
  return { all, url };
}

async function stampede(settings: Settings): Promise<Report> {
  const { all } = await workers(PROCESSES, settings);
  for (const worker of all) worker.go();
  const reports = (await Promise.all(all.map((worker) => worker.reached('done')))) as Report[];
  return {
    calls: reports.flatMap(({ calls }) => calls),
    loads: reports.flatMap(({ loads }) => loads),
    errors: reports.flatMap(({ errors }) => errors),
  };
}

/** Maximum number of concurrent loads. */
function maxConcurrent(loads: Report['loads']): number {
  return Math.max(0, ...loads.map(([at]) => loads.filter(([startMs, endMs]) => startMs <= at && at < endMs).length));
}

function percentile(tookMs: readonly number[], share: number): number {
  const sorted = [...tookMs].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) * 10) / 10;
}

it('a thousand callers in each of four processes load a cold key once', async () => {
  const { calls, loads, errors } = await stampede({ callers: 1_000, factoryMs: 200, forMs: 0, options: {} });

  console.info(
    `cold key: ${calls.length} callers, ${loads.length} load, slowest caller ${percentile(
      calls.map(([, tookMs]) => tookMs),
      1,
    )} ms`,
  );
  expect(loads).toHaveLength(1);
  expect(calls.map(([value]) => value)).toEqual(times(PROCESSES * 1_000, () => 1));
  expect(errors).toEqual([]);
});

describe('a hot key that expires every second and takes 200 ms to load', () => {
  const FOR_MS = 12_000;
  const STRATEGIES: readonly (readonly [name: string, options: GetOrSetOptions<number>])[] = [
    ['plain expiry', { ttl: '1s' }],
    ['staleWhileRevalidate', { ttl: '1s', staleWhileRevalidate: '10s' }],
    ['refreshAhead 0.8', { ttl: '1s', refreshAhead: 0.8 }],
  ];

  it.each(STRATEGIES)('is loaded once a cycle by four processes of 25 callers (%s)', async (name, options) => {
    const { calls, loads, errors } = await stampede({ callers: 25, factoryMs: 200, forMs: FOR_MS, options });

    const cycles = FOR_MS / 1_000;
    const tookMs = calls.map(([, took]) => took);
    const blocked = (tookMs.filter((took) => took > 50).length / tookMs.length) * 100;
    console.info(
      `${name}: ${loads.length} loads in ${cycles} cycles = ${(loads.length / cycles).toFixed(2)}, ` +
        `at most ${maxConcurrent(loads)} at once; ${calls.length} calls, p99 ${percentile(tookMs, 0.99)} ms, ` +
        `${blocked.toFixed(2)}% blocked for more than 50 ms`,
    );
    expect(loads.length / cycles).toBeLessThanOrEqual(1.1);
    expect(maxConcurrent(loads)).toBe(1);
    expect(errors).toEqual([]);
  });
});

describe('a leader', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'that is killed or frozen (%s) delays its waiters by at most a second (fault 31)',
    async (signal) => {
      const { all, url } = await workers(1, { callers: 1, factoryMs: 60_000, forMs: 0, options: {} });
      const [leader] = all as [Worker];
      const { cache } = await open({ url });
      leader.go();
      await leader.reached('loading');
      const loads = { count: 0 };

      const waiting = times(50, () => timed(() => cache.getOrSet('hot', () => ++loads.count)));
      // Long enough for a renewal of the lease.
      await sleep(1_500);
      const countBefore = loads.count;
      leader.kill(signal);
      const goneMs = performance.now();
      const waited = await Promise.all(waiting);

      const afterMs = performance.now() - goneMs;
      console.info(`${signal} of the leader: its waiters had their value ${Math.round(afterMs)} ms later`);
      expect([countBefore, loads.count]).toEqual([0, 1]);
      expect(waited.map(({ value }) => value)).toEqual(times(50, () => 1));
      expect(await cache.get('hot')).toBe(1);
      expect(afterMs).toBeLessThan(WAIT_MS + SLACK_MS);
    },
  );

  it('that is slow but alive keeps its waiters, for any time', async () => {
    const { all, url } = await workers(1, { callers: 1, factoryMs: 4_000, forMs: 0, options: {} });
    const [leader] = all as [Worker];
    const { cache } = await open({ url });
    leader.go();
    await leader.reached('loading');
    const loads = { count: 0 };

    const value = await cache.getOrSet('hot', () => ++loads.count);

    expect([value, loads.count]).toEqual([1, 0]);
  });

  it('that was frozen stores its value, and so ends the load of the process that replaced it (fault 31)', async () => {
    const { all, url } = await workers(1, { callers: 1, factoryMs: 200, forMs: 0, options: {} });
    const [leader] = all as [Worker];
    const { cache } = await open({ url });
    leader.go();
    await leader.reached('loading');
    leader.kill('SIGSTOP');
    const startedMs = performance.now();
    const loading = new Promise<string>((resolve) => setTimeout(resolve, 2_500, 'second'));
    const second = cache.getOrSet('hot', () => loading);

    await sleep(1_500);
    leader.kill('SIGCONT');
    const { calls } = (await leader.reached('done')) as Report;
    const stored = await cache.get('hot');
    const beforeMs = performance.now() - startedMs;

    expect(calls.map(([value]) => value)).toEqual([1]);
    expect(beforeMs).toBeLessThan(2_500);
    expect([stored, await second, await cache.get('hot')]).toEqual([1, 'second', 1]);
  });

  it.each(['fails', 'times out'])('whose load %s wakes waiters in other processes at once', async (how) => {
    const { url } = await stopAfterTest(startRedis());
    const [{ cache: leader }, { cache: follower }] = await Promise.all([open({ url }), open({ url })]);
    const times = { startedMs: 0, endedMs: 0, nextMs: 0 };
    const load = async (): Promise<string> => {
      times.startedMs = performance.now();
      await sleep(how === 'fails' ? 600 : 5_000);
      throw new Error('the database is down');
    };

    const leading = leader.getOrSet('hot', load, how === 'fails' ? {} : { hardTimeout: 600 }).catch(String);
    await until(
      async () => times.startedMs > 0,
      1_000,
      () => 'No load began in time.',
    );
    const following = follower.getOrSet('hot', () => {
      times.nextMs = performance.now();
      return 'loaded';
    });
    const message = await leading;
    times.endedMs = performance.now();
    const value = await following;

    const wokenMs = times.nextMs - times.endedMs;
    console.info(`leader ${how}: the next load began ${Math.round(wokenMs * 10) / 10} ms later`);
    expect(message).toMatch(how === 'fails' ? 'the database is down' : 'hardTimeout');
    expect(value).toBe('loaded');
    expect(wokenMs).toBeLessThan(100);
  });
});
