import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { IoredisWire } from '../../src/adapters/redis/ioredis/ioredis-wire.js';
import type { Command, Reply } from '../../src/adapters/redis/connection/command.js';
import * as entryScripts from '../../src/adapters/redis/protocol/entry-scripts.js';
import * as groupScripts from '../../src/adapters/redis/protocol/group-scripts.js';
import * as serverScripts from '../../src/adapters/redis/protocol/server-scripts.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';
import { RandomCommands } from './random-commands.js';
import { SimulatedRedis } from './simulated-redis.js';
import { EPOCH_MS, VirtualTime } from './virtual-time.js';

const SCRIPTS = [entryScripts, groupScripts, serverScripts].flatMap((each) => Object.values(each));

/*
 * The simulation is only as good as its Redis. Here a real and a simulated server get the same random commands by a
 * seed, and must give the same answers and store the same keys. The real clock advances between two commands, so the
 * simulated clock is set before each batch, and times may differ by the duration of a batch.
 */

const SEEDS = 150;
const BATCHES_PER_SEED = 40;
/** Maximum difference of times: the duration of a batch. */
const TOLERANCE_MS = 500;

type StoredKey = [name: string, content: unknown, lifetimeMs: number];

describe('the simulated Redis', () => {
  let server: RedisServer;
  let client: Redis;
  let wire: IoredisWire;
  const seenAnswers = new Set<string>();
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.port, { lazyConnect: true });
    wire = new IoredisWire(client, { channel: 'k:wake', isForeign: false, clock: new SystemClock() });
    await wire.connect();
    // Loaded first: a script unknown to the server would be sent again, after the commands sent with it.
    for (const script of SCRIPTS) await client.script('LOAD', script.lua);
  });
  afterAll(async () => {
    await wire.close();
    await server.stop();
  });

  it.each(Array.from({ length: SEEDS / 10 }, (_, i) => i * 10))(
    'answers what a real one answers, and keeps the same keys (ten seeds from %d)',
    async (first) => {
      for (let seed = first; seed < first + 10; seed++) await compare(seed);
    },
  );

  it('has run every script, and has given every kind of answer', () => {
    expect(EXPECTED.filter((each) => !seenAnswers.has(each))).toEqual([]);
  });

  async function compare(seed: number): Promise<void> {
    const time = new VirtualTime();
    const simulated = new SimulatedRedis('a', time);
    const random = randomFrom(seed);
    const received: string[] = [];
    simulated.subscribe((message) => received.push(message));
    await client.flushall();
    await client.config('SET', 'maxmemory', '0');
    const subscriber = client.duplicate();
    const receivedReally: string[] = [];
    await subscriber.subscribe('k:wake');
    subscriber.on('message', (_channel, message) => receivedReally.push(message));
    for (let batch = 0; batch < BATCHES_PER_SEED; batch++) {
      const nowMs = await serverTime();
      simulated.skewMs = nowMs - EPOCH_MS - time.nowMs;
      const commands = new RandomCommands(random, nowMs, simulated.store).batch();
      if (random() < 0.08) await setFull(!simulated.store.isFull, simulated);
      const wanted = commands.map((command) => simulated.run(command));
      const answered = await wire.run(commands);
      commands.forEach((command, i) => {
        seenAnswers.add(`${command.name} ${kindOf(wanted[i] as Reply)}`);
        expect({ seed, batch, i, command, reply: replyTo(command, answered[i] as Reply, nowMs) }).toEqual({
          seed,
          batch,
          i,
          command,
          reply: replyTo(command, wanted[i] as Reply, nowMs),
        });
      });
      const kept = simulatedKeys(simulated, nowMs);
      expect({ seed, batch, commands, keys: withLifetimesOf(kept, await realKeys(nowMs)) }).toEqual({
        seed,
        batch,
        commands,
        keys: kept,
      });
    }
    await client.ping();
    await subscriber.ping();
    expect({ seed, received: receivedReally }).toEqual({ seed, received });
    subscriber.disconnect();
  }

  async function serverTime(): Promise<number> {
    const [seconds, micros] = await client.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async function setFull(isFull: boolean, simulated: SimulatedRedis): Promise<void> {
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await client.config('SET', 'maxmemory', isFull ? '1' : '0');
    simulated.store.isFull = isFull;
  }

  async function realKeys(nowMs: number): Promise<StoredKey[]> {
    const names = (await client.keys('*')).sort();
    return Promise.all(
      names.map(async (name): Promise<StoredKey> => [name, await contents(name, nowMs), await client.pttl(name)]),
    );
  }

  async function contents(name: string, nowMs: number): Promise<unknown> {
    switch (await client.type(name)) {
      case 'string':
        return maskedText((await client.getBuffer(name))?.toString('latin1') ?? '', nowMs);
      case 'hash':
        return Object.entries(await client.hgetall(name)).sort();
      case 'set':
        return (await client.smembers(name)).sort();
      default:
        return (await client.zrange(name, '0', '-1', 'WITHSCORES')).map((each) => maskedText(each, nowMs));
    }
  }

  function simulatedKeys({ store }: SimulatedRedis, nowMs: number): StoredKey[] {
    return store.names().map((name) => {
      const of = (): unknown => {
        switch (store.type(name)) {
          case 'string':
            return maskedText(store.get(name) ?? '', nowMs);
          case 'hash':
            return store.hentries(name).sort();
          case 'set':
            return store.smembers(name).sort();
          default:
            return store
              .zmembers(name)
              .flatMap(([member, score]) => [member, maskedText(score === Infinity ? 'inf' : String(score), nowMs)]);
        }
      };
      return [name, of(), store.pttl(name)];
    });
  }
});

/** Replaces real lifetimes by the simulated ones where they differ by less than the tolerance. */
function withLifetimesOf(kept: readonly StoredKey[], real: readonly StoredKey[]): StoredKey[] {
  return real.map(([name, content, ms], i) => {
    const wantedMs = kept[i]?.[2] ?? ms;
    const isSame = ms >= 0 && wantedMs >= 0 && Math.abs(ms - wantedMs) <= TOLERANCE_MS;
    return [name, content, isSame ? wantedMs : ms];
  });
}

/** Masks times that a script has read from the clock, because they differ by the duration of a batch. */
function maskedText(text: string, nowMs: number): string {
  return text.replace(new RegExp(`${String(nowMs).slice(0, 4)}\\d{9}`, 'g'), (time) => {
    const distanceMs = Number(time) - nowMs;
    return `<now + ${Math.round(distanceMs / 1_000)} s>`;
  });
}

/** Makes a reply comparable: sorts the members of a set, and masks times. */
function replyTo({ name }: Command, reply: Reply, nowMs: number): unknown {
  return masked(
    name === 'SMEMBERS' && Array.isArray(reply)
      ? (reply as readonly Reply[])
          .map(String)
          .sort()
          .map((each) => Buffer.from(each))
      : reply,
    nowMs,
  );
}

function masked(reply: Reply, nowMs: number): unknown {
  if (reply instanceof Error) return `error ${/^[A-Z]+/.exec(reply.message)?.[0] ?? ''}`;
  if (Buffer.isBuffer(reply)) return maskedText(reply.toString('latin1'), nowMs);
  if (Array.isArray(reply)) return (reply as readonly Reply[]).map((each) => masked(each, nowMs));
  if (typeof reply === 'number' && reply > 1_000)
    return maskedText(String(reply), nowMs).replace(/^\d+$/, (ms) => `~${Math.round(Number(ms) / 1_000)}`);
  return reply;
}

function kindOf(reply: Reply): string {
  if (reply instanceof Error) return 'error';
  if (reply === null) return 'null';
  if (Array.isArray(reply))
    return Buffer.isBuffer(reply[0])
      ? reply[0].toString('latin1').replace(/[^a-z]+.*/s, '')
      : typeof reply[0] === 'number'
        ? String(Math.min(reply[0], 1))
        : 'array';
  if (Buffer.isBuffer(reply)) return reply.length === 0 ? 'empty' : 'text';
  return String(Math.sign(reply as number));
}

const EXPECTED = [
  ...['granted', 'shared', 'held', 'value', 'late', 'error'].map((answer) => `acquire ${answer}`),
  ...['stored', 'refused', 'late', 'failed'].map((answer) => `store ${answer}`),
  ...[
    'release 0',
    'release 1',
    'renew 0',
    'renew 1',
    'remove empty',
    'remove text',
    'soften 0',
    'soften 1',
    'enter 0',
    'enter 1',
    'enter error',
  ],
  ...[
    'leave 1',
    'strike 0',
    'strike 1',
    'strike-lost 0',
    'strike-lost 1',
    'present text',
    'end 0',
    'end 1',
    'soften-all 0',
    'soften-all 1',
    'replace empty',
    'replace text',
    'remark 0',
    'remark 1',
    'epochs start',
  ],
  ...['outlive 1', 'time 1', 'survey 0', 'survey 1', 'survey error'],
];
