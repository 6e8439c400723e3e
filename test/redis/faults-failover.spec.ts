import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/core/cache.service.js';
import { hashSlot } from '../../src/adapters/redis/protocol/hash-slot.js';
import { RedisKeys } from '../../src/adapters/redis/protocol/redis-keys.js';
import type { RedisOptions } from '../../src/adapters/redis/options/redis-options.js';
import { CachePut } from '../../src/nest/decorators/cache-put.decorator.js';
import { closeAll, startWith } from '../../src/nest/decorators/decorators.fixture.js';
import { times } from '../support/cache-with.js';
import { ask } from '../support/redis/ask.js';
import { until } from '../support/redis/until.js';
import {
  type RedisCluster,
  type RedisSentinelTrio,
  type RedisServer,
  startCluster,
  startSentinels,
} from '../support/redis-servers.js';
import { endWhatTestsOpened, kept, LIMIT_MS, onEnd, open, rawClient, SLACK_MS, timed } from './faults.fixture.js';

/*
 * A master dies, or slots move, while calls go on. A test during which a rejection goes unhandled is failed by Jest.
 */

jest.setTimeout(90_000);
endWhatTestsOpened();

const FACTORY_MS = 5;
/** A call that loads waits for a read, a lease, the factory and a store. */
const STEPS = 4;
/** Two seconds until a cluster gives a node up, and an election. */
const FAILOVER_WITHIN_MS = 20_000;

/** Calls of every kind that go on until they are told to stop. What they saw is told then. */
class Traffic {
  readonly rejections: unknown[] = [];
  slowestMs = 0;
  /**
   * What timers took at most that have as many steps as a call, and are to take as long as one may: the machine makes
   * both late.
   */
  slowestTimerMs = 0;
  calls = 0;
  #isOn = true;
  readonly #clients: Promise<void>[];

  constructor(private readonly cache: CacheService) {
    this.#clients = times(8, (client) => this.#run(client));
    for (let timer = 0; timer < 16; timer++) setTimeout(() => this.#clients.push(this.#watchTimers()), 15 * timer);
    // Also where the test fails before: Jest would wait for it for ever.
    onEnd(() => this.stop());
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  async #watchTimers(): Promise<void> {
    while (this.#isOn) {
      const { tookMs } = await timed(async () => {
        for (let step = 0; step < STEPS; step++)
          await new Promise((resolve) => setTimeout(resolve, (LIMIT_MS + FACTORY_MS) / STEPS));
      });
      this.slowestTimerMs = Math.max(this.slowestTimerMs, tookMs);
    }
  }

  async #run(client: number): Promise<void> {
    const load = (value: number) => () => new Promise<number>((resolve) => setTimeout(resolve, FACTORY_MS, value));
    for (let i = client; this.#isOn; i += 8) {
      const key = `traffic-${i % 100}`;
      const kinds: readonly (() => Promise<unknown>)[] = [
        () => this.cache.getOrSet(key, load(i), { tags: [`tag-${i % 7}`] }),
        () => this.cache.get(key),
        () => this.cache.getOrSet(key, load(i), { tags: (value) => [`tag-${value % 7}`] }),
        () => this.cache.set(key, i),
        () => this.cache.getOrSetMany([key, `${key}-2`], async (missing) => new Map(missing.map((each) => [each, i]))),
        () => this.cache.delete(key),
        () => this.cache.getOrSet(key, load(i)),
        () => this.cache.invalidateTags([`tag-${i % 7}`]),
        () => this.cache.writeThrough(key, async () => i),
      ];
      const { tookMs } = await timed(kinds[(i >> 3) % kinds.length]!).catch((error: unknown) => {
        this.rejections.push(error);
        return { tookMs: 0 };
      });
      this.calls++;
      // A write through that cannot be stored is followed by an invalidation.
      if ((i >> 3) % kinds.length !== 8) this.slowestMs = Math.max(this.slowestMs, tookMs);
      // Refused calls take no time, and would leave none to anybody else.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** Ends when entries of all slots are stored. */
async function untilAllStore(cache: CacheService): Promise<number> {
  const keys = times(100, (i) => `all-${i}`);
  const stores = async (): Promise<boolean> => {
    await cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, key])));
    return (await cache.getMany(keys)).size === keys.length;
  };
  return (await timed(() => until(stores, FAILOVER_WITHIN_MS, () => 'Not everything was stored again.'))).tookMs;
}

/** What the master acknowledges from now on its replicas do not hear of. */
async function cutReplicasOff(master: RedisServer): Promise<void> {
  await ask(master.port, 'ACL SETUSER default -psync -sync');
  await ask(master.port, 'CLIENT KILL TYPE replica');
}

interface Deployment {
  readonly redis: RedisOptions;
  /** The master of the key, as clients see it before anything happens. */
  masterOf(storedKey: string): Promise<RedisServer>;
  ready(): Promise<void>;
}

function clusterOf(cluster: RedisCluster): Deployment {
  return {
    redis: { cluster: { nodes: cluster.urls } },
    masterOf: async (storedKey) => cluster.nodes[Math.min(2, Math.floor((hashSlot(storedKey) * 3) / 16_384))]!,
    ready: () => cluster.ready(),
  };
}

function sentinelsOf(trio: RedisSentinelTrio): Deployment {
  const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
  return {
    redis: { sentinel: { name: trio.name, sentinels } },
    masterOf: async () => (await trio.currentMaster())!,
    ready: () => trio.ready(),
  };
}

const cacheOn = async ({ redis }: Deployment): Promise<CacheService> => (await open(redis)).cache;

class Prices {
  @CachePut({ key: '{one}put' })
  async put(): Promise<string> {
    return 'new';
  }
}

const DEPLOYMENTS: readonly (readonly [name: string, start: () => Promise<Deployment>])[] = [
  ['Sentinel', async () => sentinelsOf(await kept(startSentinels()))],
  ['Cluster', async () => clusterOf(await kept(startCluster()))],
];

describe.each(DEPLOYMENTS)('when a master fails (%s)', (_, start) => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'no call rejects or waits for long, and everything is stored again (%s)',
    async (signal) => {
      const deployment = await start();
      const cache = await cacheOn(deployment);
      await untilAllStore(cache);
      const traffic = new Traffic(cache);
      const master = await deployment.masterOf((await cache.explain('traffic-1')).storedKey);

      master.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const healedMs = await untilAllStore(cache);
      await traffic.stop();

      console.info(
        `${_}, ${signal}: ${traffic.calls} calls, slowest ${Math.round(traffic.slowestMs)} ms, timers ${Math.round(traffic.slowestTimerMs)} ms, all stored again after ${Math.round(healedMs + 500)} ms`,
      );
      expect(traffic.rejections).toEqual([]);
      expect(traffic.slowestMs).toBeLessThan(traffic.slowestTimerMs + SLACK_MS);
      expect(healedMs).toBeLessThan(FAILOVER_WITHIN_MS);
    },
  );

  it('what was invalidated before is not seen again, though the new master never heard of it', async () => {
    const deployment = await start();
    const [cache, other] = [await cacheOn(deployment), await cacheOn(deployment)];
    // Replication is asynchronous: the old values must be where they will be found.
    await cache.getOrSetMany(['k', 'l', 'm'], async (missing) => new Map(missing.map((key) => [key, 'old'])), {
      tags: ['t'],
      namespace: 'n',
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const keys = ['k', 'l', 'm'];
    const masters = new Set(
      await Promise.all(
        keys.map(async (key) => deployment.masterOf((await cache.explain(key, { namespace: 'n' })).storedKey)),
      ),
    );
    const tagMaster = await deployment.masterOf('cache-kit:default:g:{tag:t}');
    for (const master of new Set([...masters, tagMaster])) await cutReplicasOff(master);
    const deleted = await deployment.masterOf((await cache.explain('k', { namespace: 'n' })).storedKey);

    await cache.delete('k', { namespace: 'n' });
    const watching = { isOn: true, seen: [] as unknown[] };
    onEnd(() => (watching.isOn = false));
    const watch = (async () => {
      while (watching.isOn) {
        const value = await cache.get('k', { namespace: 'n' });
        if (value !== undefined) watching.seen.push(value);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    deleted.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await untilAllStore(cache);
    await untilAllStore(other);
    await until(
      async () => (await other.get('k', { namespace: 'n' })) === undefined,
      3_000,
      () => 'The old value is served by the new master.',
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    watching.isOn = false;
    await watch;

    expect(watching.seen).toEqual([]);
    expect([await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('what was written through, put by a decorator or refreshed does not give way to what was there before (fault 21, fault 30)', async () => {
    const deployment = await start();
    const [cache, other] = [await cacheOn(deployment), await cacheOn(deployment)];
    onEnd(closeAll);
    const { service, cache: third } = await startWith(Prices, {
      backend: 'redis',
      redis: deployment.redis,
      onError: () => undefined,
    });
    // In one slot, and replicated.
    const keys = ['{one}written', '{one}refreshed', '{one}put'];
    await cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, 'old'])));
    const first = await other.getMany(keys);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const master = await deployment.masterOf((await cache.explain('{one}written')).storedKey);
    await cutReplicasOff(master);

    await cache.writeThrough('{one}written', async () => 'new');
    await cache.refresh('{one}refreshed', () => 'new');
    await service.put();
    const before = await other.getMany(keys);
    master.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const each of [cache, other, third]) await untilAllStore(each);
    // What is stored on the new master is read in the same breath: a cache that is away finds nothing, either.
    const isGone = async (): Promise<boolean> =>
      [...(await other.getMany([...keys, '{one}mark']))].join() === '{one}mark,1';
    await until(
      async () => (await other.set('{one}mark', 1), isGone()),
      3_000,
      () => 'The old values are served by the new master.',
    );

    expect([first, before].map((values) => [...values.values()])).toEqual([
      ['old', 'old', 'old'],
      ['new', 'new', 'new'],
    ]);
    expect(await other.getMany(keys)).toEqual(new Map());
  });
});

describe('when one master of a cluster is frozen', () => {
  it('what another master has not heard of is sent to that one without waiting for the frozen one (fault 25)', async () => {
    const cluster = await kept(startCluster());
    const [{ cache }, { cache: other }] = [
      await open({ cluster: { nodes: cluster.urls } }),
      await open({ cluster: { nodes: cluster.urls } }),
    ];
    await untilAllStore(other);
    const ownerOf = (name: string): number => Math.min(2, Math.floor((hashSlot(name) * 3) / 16_384));
    // Not the one that is asked whether Redis answers.
    const frozen = (ownerOf('cache-kit:default:g:{all:0}') + 1) % 3;
    const stored = new RedisKeys({ keyPrefix: 'cache-kit', name: 'default', version: undefined, parts: 16 });
    const placesOf = (key: string): number[] =>
      [stored.entry(key, undefined), stored.partOf(stored.member(key, undefined)).key].map(ownerOf);
    const keys = times(300, (i) => `key-${i}`);
    const there = keys.filter((key) => placesOf(key)[0] === frozen).slice(0, 20);
    const elsewhere = keys.filter((key) => !placesOf(key).includes(frozen)).slice(0, 20);
    await other.setMany(keys.map((key) => [key, 'old'] as const));

    cluster.nodes[frozen]!.kill('SIGSTOP');
    onEnd(() => cluster.nodes[frozen]!.kill('SIGCONT'));
    await cache.deleteMany([...there, ...elsewhere]);
    // What waits to be sent is hidden, and what is stored before it is sent goes with it.
    const areTold = async (): Promise<boolean> => {
      await other.setMany(elsewhere.map((key) => [key, 'new'] as const));
      return (await cache.getMany(elsewhere)).size === elsewhere.length;
    };
    // A cluster gives the frozen one up after two seconds.
    const { tookMs } = await timed(() => until(areTold, 1_500, () => 'The other masters were not told.'));
    const { status } = await cache.getStats();

    console.info(`told after ${Math.round(tookMs)} ms`);
    expect([there.length, elsewhere.length, status]).toEqual([20, 20, 'degraded']);
  });
});

describe('when slots move from one master to another', () => {
  it('no call rejects, waits for long or sees what was invalidated', async () => {
    const cluster = await kept(startCluster());
    // All keys in one slot, which is moved.
    const { cache } = await open({ cluster: { nodes: cluster.urls }, keyPrefix: '{move}' });
    const slot = hashSlot('{move}');
    const filler = times(500, (i) => [`filler-${i}`, i] as const);
    await cache.setMany(filler);
    const traffic = new Traffic(cache);
    const versions = new Versions(cache);

    const owner = Math.min(2, Math.floor((slot * 3) / 16_384));
    const path = times(7, (step) => (owner + step) % 3);
    for (let step = 0; step + 1 < path.length; step++)
      await moveSlot(cluster, slot, cluster.nodes[path[step]!]!, cluster.nodes[path[step + 1]!]!);
    await untilAllStore(cache);
    await traffic.stop();
    const { reads, stale } = await versions.stop();

    console.info(
      `6 moves: ${traffic.calls} calls, slowest ${Math.round(traffic.slowestMs)} ms, timers ${Math.round(traffic.slowestTimerMs)} ms; ${reads} checked reads, ${stale.length} stale`,
    );
    expect(traffic.rejections).toEqual([]);
    expect(traffic.slowestMs).toBeLessThan(traffic.slowestTimerMs + SLACK_MS);
    expect(reads).toBeGreaterThan(100);
    expect(stale).toEqual([]);
  });
});

/** A value that changes, and readers that must not be behind what was acknowledged when they began. */
class Versions {
  readonly #stale: string[] = [];
  #reads = 0;
  #isOn = true;
  #current = 0;
  #acknowledged = 0;
  readonly #work: Promise<unknown>;

  constructor(private readonly cache: CacheService) {
    this.#work = Promise.all([this.#write(), ...times(4, () => this.#read())]);
  }

  async stop(): Promise<{ reads: number; stale: readonly string[] }> {
    this.#isOn = false;
    await this.#work;
    return { reads: this.#reads, stale: this.#stale };
  }

  async #write(): Promise<void> {
    while (this.#isOn) {
      const version = ++this.#current;
      await (version % 2 === 0 ? this.cache.delete('version') : this.cache.invalidateTags(['version']));
      this.#acknowledged = version;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #read(): Promise<void> {
    while (this.#isOn) {
      const least = this.#acknowledged;
      const load = async (): Promise<number> => {
        const version = this.#current;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
        return version;
      };
      const version = await this.cache.getOrSet('version', load, { tags: ['version'] });
      this.#reads++;
      if (version < least) this.#stale.push(`${version} after ${least}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** As redis-cli does it, key by key, so that there is time to be asked in between. */
async function moveSlot(cluster: RedisCluster, slot: number, from: RedisServer, to: RedisServer): Promise<void> {
  const [fromId, toId] = await Promise.all([ask(from.port, 'CLUSTER MYID'), ask(to.port, 'CLUSTER MYID')]);
  await ask(to.port, `CLUSTER SETSLOT ${slot} IMPORTING ${fromId}`);
  await ask(from.port, `CLUSTER SETSLOT ${slot} MIGRATING ${toId}`);
  const client = rawClient(from);
  for (;;) {
    const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 3)) as string[];
    if (keys.length === 0) break;
    await client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  for (const node of [to, from, ...(await cluster.masters())])
    await ask(node.port, `CLUSTER SETSLOT ${slot} NODE ${toId}`);
  client.disconnect();
}
