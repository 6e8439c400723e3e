import { setTimeout as sleep } from 'node:timers/promises';
import { ask, askOrNothing } from '../support/redis/ask.js';
import { until } from '../support/redis/until.js';
import type { RedisCluster, RedisSentinelTrio, RedisServer } from '../support/redis-servers.js';
import type { TcpProxy } from './tcp-proxy.js';

/*
 * What can happen to servers and to the ways to them. A fault runs until it is healed: what it has broken is whole
 * again when its promise resolves, although nobody may have noticed yet.
 */

export interface Fault {
  readonly name: string;
  run(random: () => number, doubt: Doubt): Promise<void>;
}

/**
 * To be called when a replica is about to take the place of a master, and what it gives when that is over. What the
 * master had acknowledged last may be lost with it, and where it comes back it may for a while acknowledge what nobody
 * else hears of: replication is asynchronous.
 */
export type Doubt = () => () => void;

/** Two seconds until a cluster gives a node up, or one until sentinels do, and an election, which may have to wait. */
const FAILOVER_WITHIN_MS = 30_000;

const GAVE_IN_MS = 1_000;

export function between(random: () => number, least: number, most: number): number {
  return least + random() * (most - least);
}

export function oneOf<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Faults without end, if there are any: in each round every one comes once, in an order of its own. */
export function* rounds(faults: readonly Fault[], random: () => number): Generator<Fault, undefined> {
  while (faults.length > 0) {
    const left = [...faults];
    while (left.length > 0) yield left.splice(Math.floor(random() * left.length), 1)[0] as Fault;
  }
  return undefined;
}

/** Faults of the network that hit one process alone. @param proxies those of each process, one to each server */
export function networkFaults(proxies: readonly (readonly TcpProxy[])[]): Fault[] {
  /** All ways of one process, or the one to one server. */
  const victims = (random: () => number): readonly TcpProxy[] => {
    const own = oneOf(random, proxies);
    return random() < 0.6 ? own : [oneOf(random, own)];
  };
  const during = async (random: () => number, mostMs: number, begin: (proxy: TcpProxy) => void): Promise<void> => {
    const hit = victims(random);
    for (const proxy of hit) begin(proxy);
    await sleep(between(random, mostMs * 0.4, mostMs));
    for (const proxy of hit) await proxy.pass();
  };
  return [
    { name: 'reset', run: async (random) => victims(random).forEach((proxy) => proxy.kill()) },
    { name: 'black hole', run: (random) => during(random, 3_500, (proxy) => proxy.swallow()) },
    {
      name: 'black hole to the server',
      run: (random) => during(random, 3_000, (proxy) => proxy.swallow(['toServer'])),
    },
    {
      name: 'black hole to the client',
      run: (random) => during(random, 3_000, (proxy) => proxy.swallow(['toClient'])),
    },
    { name: 'latency', run: (random) => during(random, 2_500, (proxy) => proxy.delay({ leastMs: 20, mostMs: 300 })) },
    {
      name: 'refused',
      run: (random) =>
        during(random, 1_500, (proxy) => {
          proxy.refuse();
          proxy.kill();
        }),
    },
  ];
}

export function serverFaults(server: RedisServer): Fault[] {
  return [
    { name: 'clients killed', run: () => killClients([server]) },
    { name: 'paused', run: (random) => paused(server, between(random, 300, 3_000)) },
    {
      name: 'killed and restarted',
      run: async (random) => {
        server.kill('SIGKILL');
        await sleep(between(random, 0, 800));
        await server.restart();
      },
    },
  ];
}

export function clusterFaults(cluster: RedisCluster): Fault[] {
  const failOver = async (random: () => number, doubt: Doubt, how: How): Promise<void> => {
    const masters = await cluster.masters();
    const master = oneOf(random, masters);
    const settled = doubt();
    begin(master, how);
    const isReplaced = async (): Promise<boolean> => {
      const others = (await cluster.masters()).filter((each) => each !== master);
      return others.length === masters.length && (await areWell(others));
    };
    await until(isReplaced, FAILOVER_WITHIN_MS, () => 'No replica took the place of its master.');
    if (how === 'killed') settled();
    await heal(master, how);
    if (how === 'paused') await gaveIn(settled);
    await cluster.ready();
  };
  return [
    { name: 'clients killed', run: () => killClients(cluster.nodes) },
    {
      name: 'a master paused for a moment',
      run: async (random) => paused(oneOf(random, await cluster.masters()), between(random, 300, 1_000)),
    },
    { name: 'a master killed', run: (random, doubt) => failOver(random, doubt, 'killed') },
    { name: 'a master paused until it was replaced', run: (random, doubt) => failOver(random, doubt, 'paused') },
  ];
}

export function sentinelFaults(trio: RedisSentinelTrio): Fault[] {
  const current = async (): Promise<RedisServer> => {
    const master = await trio.currentMaster();
    if (master === undefined) throw new Error('The sentinels disagree about the master.');
    return master;
  };
  const servers = [trio.master, ...trio.replicas];
  /** All follow the master that the sentinels agree on, which takes them up to ten seconds. */
  const isWhole = async (): Promise<boolean> => {
    const master = await trio.currentMaster();
    const infos = await Promise.all(servers.map(({ port }) => askOrNothing(port, 'INFO replication')));
    return infos.every((info, i) =>
      servers[i] === master
        ? info.includes('role:master')
        : info.includes(`master_port:${master?.port ?? 0}\r\nmaster_link_status:up`),
    );
  };
  const failOver = async (doubt: Doubt, how: How | 'demoted'): Promise<void> => {
    const master = await current();
    const settled = doubt();
    if (how === 'demoted') await ask(trio.sentinels[0]!.port, `SENTINEL FAILOVER ${trio.name}`);
    else begin(master, how);
    const isReplaced = async (): Promise<boolean> => ![undefined, master].includes(await trio.currentMaster());
    await until(isReplaced, FAILOVER_WITHIN_MS, () => 'No replica took the place of the master.');
    if (how === 'killed') settled();
    if (how !== 'demoted') await heal(master, how);
    // An operator would have it start as a replica: by itself it takes itself for a master, and empty, until a sentinel
    // comes by.
    if (how === 'killed') await ask(master.port, `REPLICAOF 127.0.0.1 ${(await current()).port}`);
    if (how !== 'killed') await gaveIn(settled);
    await until(isWhole, FAILOVER_WITHIN_MS, () => 'The servers did not follow the new master.');
    await trio.ready();
  };
  return [
    { name: 'clients killed', run: async () => killClients([await current()]) },
    {
      name: 'the master paused for a moment',
      run: async (random) => paused(await current(), between(random, 300, 600)),
    },
    { name: 'the master killed', run: (_, doubt) => failOver(doubt, 'killed') },
    { name: 'the master paused until it was replaced', run: (_, doubt) => failOver(doubt, 'paused') },
    { name: 'the master replaced while it runs', run: (_, doubt) => failOver(doubt, 'demoted') },
  ];
}

/** Long after everybody was told, nobody may be with the old master any more, though it may not know yet. */
async function gaveIn(settled: () => void): Promise<void> {
  await sleep(GAVE_IN_MS);
  settled();
}

type How = 'killed' | 'paused';

function begin(master: RedisServer, how: How): void {
  if (how === 'killed') master.kill('SIGKILL');
  else master.pause();
}

async function heal(master: RedisServer, how: How): Promise<void> {
  if (how === 'killed') await master.restart();
  else master.resume();
}

async function paused(server: RedisServer, forMs: number): Promise<void> {
  server.pause();
  await sleep(forMs);
  server.resume();
}

/** Those that listen, too. */
async function killClients(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(
    servers.flatMap(({ port }) =>
      ['normal', 'pubsub'].map((type) => ask(port, `CLIENT KILL TYPE ${type}`).catch(() => undefined)),
    ),
  );
}

async function areWell(nodes: readonly RedisServer[]): Promise<boolean> {
  const infos = await Promise.all(nodes.map(({ port }) => askOrNothing(port, 'CLUSTER INFO')));
  return infos.every((info) => info.includes('cluster_state:ok'));
}
