import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../../src/core/cache.service.js';
import { hashSlot } from '../../../src/adapters/redis/protocol/hash-slot.js';
import { RedisKeys } from '../../../src/adapters/redis/protocol/redis-keys.js';
import type { RedisOptions } from '../../../src/adapters/redis/options/redis-options.js';
import { CachePut } from '../../../src/nest/decorators/cache-put.decorator.js';
import { closeAll, startWith } from '../../../src/nest/decorators/decorators.fixture.js';
import { times } from '../../support/cache-with.js';
import { ask } from '../../support/redis/ask.js';
import { until } from '../../support/redis/until.js';
import {
  type RedisCluster,
  type RedisSentinelTrio,
  type RedisServer,
  startCluster,
  startSentinels,
} from '../../support/redis-servers.js';
import {
  cleanUpAfterEach,
  stopAfterTest,
  LIMIT_MS,
  afterTest,
  open,
  rawClient,
  SLACK_MS,
  timed,
} from '../redis.fixture.js';

/*
 * A master dies, or slots move, while calls continue. Jest fails a test with an unhandled rejection.
 */

jest.setTimeout(90_000);
cleanUpAfterEach();

const FACTORY_MS = 5;
/** Number of steps of a load: a read, a lease, the factory and a store. */
const STEPS = 4;
/** A node timeout of two seconds, and an election. */
const FAILOVER_WITHIN_MS = 20_000;

/** Makes calls of every kind until `stop`, and records rejections and durations. */
class Traffic {
  readonly rejections: unknown[] = [];
  slowestMs = 0;
  /**
   * Maximum duration of timers with as many steps as a call and the allowed duration of a call. A busy machine delays
   * both.
   */
  slowestTimerMs = 0;
  calls = 0;
  #isOn = true;
  readonly #clients: Promise<void>[];

  constructor(private readonly cache: CacheService) {
    this.#clients = times(8, (client) => this.#run(client));
    for (let timer = 0; timer < 16; timer++) setTimeout(() => this.#clients.push(this.#watchTimers()), 15 * timer);
    // Also stopped when the test fails, because Jest would wait for it forever.
    afterTest(() => this.stop());
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  figures(): string {
    const [slowestMs, timersMs] = [this.slowestMs, this.slowestTimerMs].map(Math.round);
    return `${this.calls} calls, slowest ${slowestMs} ms, timers ${timersMs} ms`;
  }

  async #watchTimers(): Promise<void> {
    while (this.#isOn) {
      const { tookMs } = await timed(async () => {
        for (let step = 0; step < STEPS; step++) await sleep((LIMIT_MS + FACTORY_MS) / STEPS);
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
      // Not measured: `writeThrough`, which sends an invalidation when it cannot store.
      if ((i >> 3) % kinds.length !== 8) this.slowestMs = Math.max(this.slowestMs, tookMs);
      // Refused calls take no time, and would block the event loop.
      await sleep(1);
    }
  }
}

/** Loads until entries of all slots are stored. @returns the time that it took */
async function untilAllStore(cache: CacheService): Promise<number> {
  const keys = times(100, (i) => `all-${i}`);
  const stores = async (): Promise<boolean> => {
    await cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, key])));
    return (await cache.getMany(keys)).size === keys.length;
  };
  return (await timed(() => until(stores, FAILOVER_WITHIN_MS, () => 'Not all entries were stored again in time.')))
    .tookMs;
}

/** Stops the replication of a master. Replicas miss the writes that it acknowledges from now on. */
async function cutReplicasOff(master: RedisServer): Promise<void> {
  await ask(master.port, 'ACL SETUSER default -psync -sync');
  await ask(master.port, 'CLIENT KILL TYPE replica');
}

interface Deployment {
  readonly redis: RedisOptions;
  /** Master of a key before the fault. */
  masterOf(storedKey: string): Promise<RedisServer>;
  ready(): Promise<void>;
}

function clusterOf(cluster: RedisCluster): Deployment {
  return {
    redis: { cluster: { nodes: cluster.urls } },
    masterOf: async (storedKey) => cluster.nodes[cluster.initialOwnerOf(hashSlot(storedKey))]!,
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

const DEPLOYMENTS_WITH_REPLICAS: readonly (readonly [name: string, start: () => Promise<Deployment>])[] = [
  ['Sentinel', async () => sentinelsOf(await stopAfterTest(startSentinels()))],
  ['Cluster', async () => clusterOf(await stopAfterTest(startCluster()))],
];

describe.each(DEPLOYMENTS_WITH_REPLICAS)('when a master fails (%s)', (_, start) => {
  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'no call rejects or is slow, and all entries are stored again (%s)',
    async (signal) => {
      const deployment = await start();
      const cache = await cacheOn(deployment);
      await untilAllStore(cache);
      const traffic = new Traffic(cache);
      const master = await deployment.masterOf((await cache.explain('traffic-1')).storedKey);

      master.kill(signal);
      await sleep(500);
      const healedMs = await untilAllStore(cache);
      await traffic.stop();

      console.info(`${_}, ${signal}: ${traffic.figures()}, all stored again after ${Math.round(healedMs + 500)} ms`);
      expect(traffic.rejections).toEqual([]);
      expect(traffic.slowestMs).toBeLessThan(traffic.slowestTimerMs + SLACK_MS);
      expect(healedMs).toBeLessThan(FAILOVER_WITHIN_MS);
    },
  );

  it('invalidated entries are not seen again, although the new master missed the invalidation (fault 36)', async () => {
    const deployment = await start();
    const [cache, other] = [await cacheOn(deployment), await cacheOn(deployment)];
    // Replication is asynchronous: waits until the replicas have the old values.
    await cache.getOrSetMany(['k', 'l', 'm'], async (missing) => new Map(missing.map((key) => [key, 'old'])), {
      tags: ['t'],
      namespace: 'n',
    });
    await sleep(300);
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
    afterTest(() => (watching.isOn = false));
    // Many, so that some are under way when the replica is promoted: redirections take them there first.
    const watchers = times(32, async () => {
      while (watching.isOn) {
        const value = await cache.get('k', { namespace: 'n' });
        if (value !== undefined) watching.seen.push(value);
        await sleep(1);
      }
    });
    deleted.kill('SIGKILL');
    await sleep(500);
    await untilAllStore(cache);
    await untilAllStore(other);
    await until(
      async () => (await other.get('k', { namespace: 'n' })) === undefined,
      3_000,
      () => 'The old value is served by the new master.',
    );
    await sleep(500);
    watching.isOn = false;
    await Promise.all(watchers);

    expect(watching.seen).toEqual([]);
    expect([await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('no old value replaces one written, put or refreshed before the failover (fault 21, fault 30)', async () => {
    const deployment = await start();
    const [cache, other] = [await cacheOn(deployment), await cacheOn(deployment)];
    afterTest(closeAll);
    const { service, cache: third } = await startWith(Prices, {
      backend: 'redis',
      redis: deployment.redis,
      onError: () => undefined,
    });
    // All keys are in one slot, and replicated.
    const keys = ['{one}written', '{one}refreshed', '{one}put'];
    await cache.getOrSetMany(keys, async (missing) => new Map(missing.map((key) => [key, 'old'])));
    const first = await other.getMany(keys);
    await sleep(300);
    const master = await deployment.masterOf((await cache.explain('{one}written')).storedKey);
    await cutReplicasOff(master);

    await cache.writeThrough('{one}written', async () => 'new');
    await cache.refresh('{one}refreshed', () => 'new');
    await service.put();
    const before = await other.getMany(keys);
    master.kill('SIGKILL');
    await sleep(500);
    for (const each of [cache, other, third]) await untilAllStore(each);
    // Also reads a value stored on the new master: a cache without a connection would find nothing, either.
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
  it('queued invalidations are sent to the other masters without waiting for the frozen one (fault 25)', async () => {
    const cluster = await stopAfterTest(startCluster());
    const [{ cache }, { cache: other }] = [
      await open({ cluster: { nodes: cluster.urls } }),
      await open({ cluster: { nodes: cluster.urls } }),
    ];
    await untilAllStore(other);
    const ownerOf = (name: string): number => cluster.initialOwnerOf(hashSlot(name));
    // Not the master that the status check asks.
    const frozen = (ownerOf('cache-kit:default:g:{all:0}') + 1) % 3;
    const stored = new RedisKeys({ keyPrefix: 'cache-kit', name: 'default', version: undefined, parts: 16 });
    const placesOf = (key: string): number[] =>
      [stored.entry(key, undefined), stored.partOf(stored.member(key, undefined)).key].map(ownerOf);
    const keys = times(300, (i) => `key-${i}`);
    const there = keys.filter((key) => placesOf(key)[0] === frozen).slice(0, 20);
    const elsewhere = keys.filter((key) => !placesOf(key).includes(frozen)).slice(0, 20);
    await other.setMany(keys.map((key) => [key, 'old'] as const));

    cluster.nodes[frozen]!.kill('SIGSTOP');
    afterTest(() => cluster.nodes[frozen]!.kill('SIGCONT'));
    await cache.deleteMany([...there, ...elsewhere]);
    // A queued invalidation hides its entries, and also removes entries stored before it is sent.
    const areSent = async (): Promise<boolean> => {
      await other.setMany(elsewhere.map((key) => [key, 'new'] as const));
      return (await cache.getMany(elsewhere)).size === elsewhere.length;
    };
    // The node timeout of the cluster is two seconds.
    const { tookMs } = await timed(() =>
      until(areSent, 1_500, () => 'The invalidations did not reach the other masters in time.'),
    );
    const { status } = await cache.getStats();

    console.info(`sent after ${Math.round(tookMs)} ms`);
    expect([there.length, elsewhere.length, status]).toEqual([20, 20, 'degraded']);
  });
});

describe('when slots move from one master to another', () => {
  it('no call rejects, is slow or sees an invalidated value', async () => {
    const cluster = await stopAfterTest(startCluster());
    // All keys are in one slot, which is moved.
    const { cache } = await open({ cluster: { nodes: cluster.urls }, keyPrefix: '{move}' });
    const slot = hashSlot('{move}');
    const filler = times(500, (i) => [`filler-${i}`, i] as const);
    await cache.setMany(filler);
    const traffic = new Traffic(cache);
    const versions = new Versions(cache);

    const owner = cluster.initialOwnerOf(slot);
    const path = times(7, (step) => (owner + step) % 3);
    for (let step = 0; step + 1 < path.length; step++)
      await moveSlot(cluster, slot, cluster.nodes[path[step]!]!, cluster.nodes[path[step + 1]!]!);
    await untilAllStore(cache);
    await traffic.stop();
    const { reads, stale } = await versions.stop();

    console.info(`6 moves: ${traffic.figures()}; ${reads} checked reads, ${stale.length} stale`);
    expect(traffic.rejections).toEqual([]);
    expect(traffic.slowestMs).toBeLessThan(traffic.slowestTimerMs + SLACK_MS);
    expect(reads).toBeGreaterThan(100);
    expect(stale).toEqual([]);
  });
});

/** Writes versions of one value, and counts reads that return less than the version acknowledged before them. */
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
      await sleep(10);
    }
  }

  async #read(): Promise<void> {
    while (this.#isOn) {
      const least = this.#acknowledged;
      const load = async (): Promise<number> => {
        const version = this.#current;
        await sleep(Math.random() * 10);
        return version;
      };
      const version = await this.cache.getOrSet('version', load, { tags: ['version'] });
      this.#reads++;
      if (version < least) this.#stale.push(`${version} after ${least}`);
      await sleep(1);
    }
  }
}

/** Moves a slot as redis-cli does, a few keys at a time, so that commands arrive in between. */
async function moveSlot(cluster: RedisCluster, slot: number, from: RedisServer, to: RedisServer): Promise<void> {
  const [fromId, toId] = await Promise.all([ask(from.port, 'CLUSTER MYID'), ask(to.port, 'CLUSTER MYID')]);
  await ask(to.port, `CLUSTER SETSLOT ${slot} IMPORTING ${fromId}`);
  await ask(from.port, `CLUSTER SETSLOT ${slot} MIGRATING ${toId}`);
  const client = rawClient(from);
  for (;;) {
    const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 3)) as string[];
    if (keys.length === 0) break;
    await client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    await sleep(2);
  }
  for (const node of [to, from, ...(await cluster.masters())])
    await ask(node.port, `CLUSTER SETSLOT ${slot} NODE ${toId}`);
  client.disconnect();
}
