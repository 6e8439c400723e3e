import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { ask } from '../support/redis/ask.js';
import { until } from '../support/redis/until.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';
import { DEPLOYMENTS, size, untilEmpty } from './deployments.fixture.js';
import { endWhatTestsOpened, kept, onEnd, open, rawClient, timed } from './faults.fixture.js';

/** What it costs to invalidate very many entries at once: its caller, and everybody else who uses the server. */

jest.setTimeout(480_000);
endWhatTestsOpened();

const ENTRIES = 100_000;
const CHUNK = 2_000;
const ACKNOWLEDGED_WITHIN_MS = 5;
const DELAYED_BY_AT_MOST_MS = 20;
/** The machine may be busy with something else: what counts is the best of so many. */
const ROUNDS = 3;
/** Freeing them, and five seconds more for the generations of groups that became empty. */
const EMPTY_WITHIN_MS = 120_000;

async function fill(cache: CacheService, options: { tags?: string[]; namespace?: string }): Promise<void> {
  for (let i = 0; i < ENTRIES; i += CHUNK) await cache.setMany(times(CHUNK, (j) => [`key-${i + j}`, i + j] as const), { ...options, ttl: '1h' });
}

/** Another client of the same servers, in a process of its own. */
class Bystander {
  readonly #child: ChildProcess;

  constructor(masters: readonly RedisServer[], idle: RedisServer) {
    const order = { ports: masters.map(({ port }) => port), idlePort: idle.port };
    this.#child = fork(join(import.meta.dirname, 'large-tags.worker.mjs'), [JSON.stringify(order)]);
    onEnd(() => this.#child.kill('SIGKILL'));
  }

  async ready(): Promise<void> {
    await once(this.#child, 'message');
  }

  start(): void {
    this.#child.send('start');
  }

  async stop(): Promise<{ busyMs: number; idleMs: number; count: number }> {
    const told = once(this.#child, 'message') as Promise<[{ busyMs: number; idleMs: number; count: number }]>;
    this.#child.send('stop');
    return (await told)[0];
  }
}

const KINDS: readonly (readonly [kind: string, options: { tags?: string[]; namespace?: string }, invalidate: (cache: CacheService) => Promise<number>])[] = [
  ['a tag', { tags: ['large'] }, (cache) => cache.invalidateTags(['large'])],
  ['a namespace', { namespace: 'large' }, (cache) => cache.invalidateNamespace('large')],
  ['everything', {}, (cache) => cache.clear()],
];

describe.each(DEPLOYMENTS)('invalidating 100,000 entries (%s)', (name, start) => {
  // A group of a Cluster is a group: one kind shows that its parts on several servers make no difference.
  it.each(name === 'Cluster' ? KINDS.slice(0, 1) : KINDS)('by %s is acknowledged at once, is felt by nobody, is counted, and leaves nothing', async (kind, options, invalidate) => {
    const { redis, masters } = await start();
    const { cache, errors } = await open({ ...redis, commandTimeout: '5s' });
    const bystander = new Bystander(masters, await kept(startRedis()));
    await bystander.ready();
    const rounds: Round[] = [];
    const isGood = (round: Round): boolean => round.tookMs <= ACKNOWLEDGED_WITHIN_MS && delayOf(round) <= DELAYED_BY_AT_MOST_MS;
    // The server learns the scripts.
    await invalidate(cache);

    while (rounds.length < ROUNDS && !rounds.some(isGood)) {
      await fill(cache, options);
      // The machine takes its breath, and this process collects its garbage, before the clock runs.
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (const { port } of masters) await ask(port, 'CONFIG SET slowlog-log-slower-than 1000');
      bystander.start();
      const { value: count, tookMs } = await timed(() => invalidate(cache));
      const read = await cache.get('key-1', options.namespace === undefined ? {} : { namespace: options.namespace });
      await until(async () => (await size(masters)) < 10, EMPTY_WITHIN_MS, () => 'The entries were not freed.');
      const { busyMs, idleMs } = await bystander.stop();
      const commandMs = Math.max(...(await Promise.all(masters.map(slowestCommand))));
      const emptyMs = await untilEmpty(masters, EMPTY_WITHIN_MS);
      expect([count, read]).toEqual([ENTRIES, undefined]);
      rounds.push({ tookMs, busyMs, idleMs, commandMs, emptyMs });
    }

    const shown = rounds.map(({ tookMs, busyMs, idleMs, commandMs, emptyMs }) => `acknowledged in ${tookMs.toFixed(1)} ms; slowest PING ${busyMs.toFixed(1)} ms, of an idle server ${idleMs.toFixed(1)} ms; slowest command ${commandMs.toFixed(1)} ms; all gone ${(emptyMs / 1_000).toFixed(1)} s after the sweep`);
    console.info(`${name}, ${kind}: ${shown.join('\n  ')}`);
    expect(Math.min(...rounds.map(({ tookMs }) => tookMs))).toBeLessThanOrEqual(ACKNOWLEDGED_WITHIN_MS);
    expect(Math.min(...rounds.map(delayOf))).toBeLessThanOrEqual(DELAYED_BY_AT_MOST_MS);
    expect(errors).toEqual([]);
  });
});

describe('a Redis that is full', () => {
  it('can be relieved of 100,000 entries', async () => {
    const [, options, invalidate] = KINDS[0]!;
    const { redis, masters } = await DEPLOYMENTS[0]![1]();
    const { cache } = await open({ ...redis, commandTimeout: '5s' });
    await fill(cache, options);
    await ask(masters[0]!.port, 'CONFIG SET maxmemory 1');

    const { value: count, tookMs } = await timed(() => invalidate(cache));
    await untilEmpty(masters, EMPTY_WITHIN_MS);

    expect(count).toBe(ENTRIES);
    expect(tookMs).toBeLessThan(50);
  });
});

interface Round {
  readonly tookMs: number;
  /** The slowest PING of the servers that were at work, and of one that was idle. */
  readonly busyMs: number;
  readonly idleMs: number;
  /** The slowest command, as the server measured it. */
  readonly commandMs: number;
  readonly emptyMs: number;
}

/** For how long another client was kept waiting. Where an idle server kept it waiting, too, it was the machine, and the server's own measure tells. */
function delayOf({ busyMs, idleMs, commandMs }: Round): number {
  return busyMs > DELAYED_BY_AT_MOST_MS && idleMs > DELAYED_BY_AT_MOST_MS / 2 ? commandMs : busyMs;
}

async function slowestCommand({ port }: RedisServer): Promise<number> {
  const client = rawClient({ port });
  const entries = (await client.call('SLOWLOG', 'GET', 128)) as [id: number, atSeconds: number, tookUs: number][];
  await client.call('SLOWLOG', 'RESET');
  client.disconnect();
  return Math.max(0, ...entries.map(([, , tookUs]) => tookUs)) / 1_000;
}
