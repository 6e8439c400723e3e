import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { GetOrSetOptions } from '../../src/core/load/call-options.js';
import { times } from '../support/cache-with.js';
import { until } from '../support/redis/until.js';
import { startRedis } from '../support/redis-servers.js';
import { endWhatTestsOpened, kept, onEnd, open, SLACK_MS, timed } from './faults.fixture.js';

/** Many callers in several processes, and one load. */

jest.setTimeout(60_000);
endWhatTestsOpened();

const PROCESSES = 4;
/** What a process that died or is cut off keeps others waiting for. */
const WAIT_MS = 1_000;

interface Report {
  readonly calls: readonly (readonly [value: number, tookMs: number])[];
  readonly loads: readonly (readonly [startMs: number, endMs: number])[];
  readonly errors: readonly string[];
}

interface Order {
  readonly callers: number;
  readonly factoryMs: number;
  /** 0: each calls once. */
  readonly forMs: number;
  readonly options: GetOrSetOptions<number>;
}

class Worker {
  readonly #child: ChildProcess;
  readonly #messages: { state: string }[] = [];
  #code: number | null | undefined;

  constructor(order: Order & { redis: object; database: string }) {
    this.#child = fork(join(import.meta.dirname, 'stampede.worker.mjs'), [JSON.stringify(order)], {
      serialization: 'advanced',
    });
    this.#child.on('message', (message) => this.#messages.push(message as { state: string }));
    this.#child.on('exit', (code) => (this.#code = code));
    onEnd(() => this.kill());
  }

  go(): void {
    this.#child.send('go');
  }

  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  async told(state: string): Promise<unknown> {
    const isTold = async (): Promise<boolean> => {
      if (this.#code !== undefined && this.#code !== 0) throw new Error(`The process ended with ${this.#code}.`);
      return this.#messages.some((message) => message.state === state);
    };
    await until(isTold, 40_000, () => `The process never was ${state}.`);
    return this.#messages.find((message) => message.state === state);
  }
}

async function workers(count: number, order: Order): Promise<{ all: Worker[]; url: string }> {
  const [{ url }, { url: database }] = await Promise.all([kept(startRedis()), kept(startRedis())]);
  const all = times(count, () => new Worker({ ...order, redis: { url, commandTimeout: '2s' }, database }));
  await Promise.all(all.map((worker) => worker.told('ready')));
  return { all, url };
}

async function stampede(order: Order): Promise<Report> {
  const { all } = await workers(PROCESSES, order);
  for (const worker of all) worker.go();
  const reports = (await Promise.all(all.map((worker) => worker.told('done')))) as Report[];
  return {
    calls: reports.flatMap(({ calls }) => calls),
    loads: reports.flatMap(({ loads }) => loads),
    errors: reports.flatMap(({ errors }) => errors),
  };
}

/** How many loads were under way at once. */
function mostAtOnce(loads: Report['loads']): number {
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
      `${name}: ${loads.length} loads in ${cycles} cycles = ${(loads.length / cycles).toFixed(2)}, at most ${mostAtOnce(loads)} at once; ` +
        `${calls.length} calls, p99 ${percentile(tookMs, 0.99)} ms, ${blocked.toFixed(2)}% blocked for more than 50 ms`,
    );
    expect(loads.length / cycles).toBeLessThanOrEqual(1.1);
    expect(mostAtOnce(loads)).toBe(1);
    expect(errors).toEqual([]);
  });
});

describe('a leader', () => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'that is gone (%s) keeps nobody waiting for longer than a second (fault 31)',
    async (signal) => {
      const { all, url } = await workers(1, { callers: 1, factoryMs: 60_000, forMs: 0, options: {} });
      const [leader] = all as [Worker];
      const { cache } = await open({ url });
      leader.go();
      await leader.told('loading');
      const loads = { count: 0 };

      const waiting = times(50, () => timed(() => cache.getOrSet('hot', () => ++loads.count)));
      // Long enough for the lease to have been renewed.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
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

  it('that is slow but alive is waited for by all others, however long it takes', async () => {
    const { all, url } = await workers(1, { callers: 1, factoryMs: 4_000, forMs: 0, options: {} });
    const [leader] = all as [Worker];
    const { cache } = await open({ url });
    leader.go();
    await leader.told('loading');
    const loads = { count: 0 };

    const value = await cache.getOrSet('hot', () => ++loads.count);

    expect([value, loads.count]).toEqual([1, 0]);
  });

  it('that stood still stores what it has loaded, and so ends the load of the process that took its place (fault 31)', async () => {
    const { all, url } = await workers(1, { callers: 1, factoryMs: 200, forMs: 0, options: {} });
    const [leader] = all as [Worker];
    const { cache } = await open({ url });
    leader.go();
    await leader.told('loading');
    leader.kill('SIGSTOP');
    const startedMs = performance.now();
    const loading = new Promise<string>((resolve) => setTimeout(resolve, 2_500, 'second'));
    const second = cache.getOrSet('hot', () => loading);

    await new Promise((resolve) => setTimeout(resolve, 1_500));
    leader.kill('SIGCONT');
    const { calls } = (await leader.told('done')) as Report;
    const stored = await cache.get('hot');
    const beforeMs = performance.now() - startedMs;

    expect(calls.map(([value]) => value)).toEqual([1]);
    expect(beforeMs).toBeLessThan(2_500);
    expect([stored, await second, await cache.get('hot')]).toEqual([1, 'second', 1]);
  });

  it.each(['fails', 'is given up'])('whose load %s wakes who waits in other processes at once', async (how) => {
    const { url } = await kept(startRedis());
    const [{ cache: leader }, { cache: follower }] = await Promise.all([open({ url }), open({ url })]);
    const times = { startedMs: 0, endedMs: 0, nextMs: 0 };
    const load = async (): Promise<string> => {
      times.startedMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, how === 'fails' ? 600 : 5_000));
      throw new Error('the database is away');
    };

    const leading = leader.getOrSet('hot', load, how === 'fails' ? {} : { hardTimeout: 600 }).catch(String);
    await until(
      async () => times.startedMs > 0,
      1_000,
      () => 'Nobody loaded.',
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
    expect(message).toMatch(how === 'fails' ? 'the database is away' : 'hardTimeout');
    expect(value).toBe('loaded');
    expect(wokenMs).toBeLessThan(100);
  });
});
