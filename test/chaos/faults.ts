import { setTimeout as sleep } from 'node:timers/promises';
import { ask, askOrNothing } from '../support/redis/ask.js';
import { until } from '../support/redis/until.js';
import type { RedisCluster, RedisSentinelTrio, RedisServer } from '../support/redis-servers.js';
import type { TcpProxy } from './tcp-proxy.js';

/*
 * Faults of servers and of the network. The promise of a fault resolves when the damage is repaired, although clients
 * might not have noticed the repair yet.
 */

export interface Fault {
  readonly name: string;
  run(random: () => number, beginFailover: BeginFailover): Promise<void>;
}

/**
 * Announces that a replica will replace a master, and returns a function that announces the end of the failover.
 * Replication is asynchronous: the last writes that the master has acknowledged can be lost with it, and a master that
 * returns can acknowledge writes that no other server sees.
 */
export type BeginFailover = () => () => void;

/** A node timeout (one second with Sentinel, two in a cluster), and an election, which can be delayed. */
const FAILOVER_WITHIN_MS = 30_000;

/** Time from a failover until no client writes to the old master any more, although that master might not know yet. */
const ABANDONED_AFTER_MS = 1_000;

export function between(random: () => number, min: number, max: number): number {
  return min + random() * (max - min);
}

export function oneOf<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

/** Generates faults endlessly, if there are any. Each round contains every fault once, in random order. */
export function* rounds(faults: readonly Fault[], random: () => number): Generator<Fault, undefined> {
  while (faults.length > 0) {
    const left = [...faults];
    while (left.length > 0) yield left.splice(Math.floor(random() * left.length), 1)[0] as Fault;
  }
  return undefined;
}

/** Network faults that hit one process only. @param proxies for each process, one proxy per server */
export function networkFaults(proxies: readonly (readonly TcpProxy[])[]): Fault[] {
  /** All proxies of one process, or its proxy of one server. */
  const victims = (random: () => number): readonly TcpProxy[] => {
    const own = oneOf(random, proxies);
    return random() < 0.6 ? own : [oneOf(random, own)];
  };
  const during = async (random: () => number, maxMs: number, begin: (proxy: TcpProxy) => void): Promise<void> => {
    const hit = victims(random);
    for (const proxy of hit) begin(proxy);
    await sleep(between(random, maxMs * 0.4, maxMs));
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
  const failOver = async (random: () => number, beginFailover: BeginFailover, how: How): Promise<void> => {
    const masters = await cluster.masters();
    const master = oneOf(random, masters);
    const endFailover = beginFailover();
    takeDown(master, how);
    const isReplaced = async (): Promise<boolean> => {
      const others = (await cluster.masters()).filter((each) => each !== master);
      return others.length === masters.length && (await areHealthy(others));
    };
    await until(isReplaced, FAILOVER_WITHIN_MS, () => 'No replica has replaced its master in time.');
    if (how === 'killed') endFailover();
    await heal(master, how);
    if (how === 'paused') await endWhenAbandoned(endFailover);
    await cluster.ready();
  };
  return [
    { name: 'clients killed', run: () => killClients(cluster.nodes) },
    {
      name: 'a master paused for a moment',
      run: async (random) => paused(oneOf(random, await cluster.masters()), between(random, 300, 1_000)),
    },
    { name: 'a master killed', run: (random, beginFailover) => failOver(random, beginFailover, 'killed') },
    {
      name: 'a master paused until it was replaced',
      run: (random, beginFailover) => failOver(random, beginFailover, 'paused'),
    },
  ];
}

export function sentinelFaults(trio: RedisSentinelTrio): Fault[] {
  const current = async (): Promise<RedisServer> => {
    const master = await trio.currentMaster();
    if (master === undefined) throw new Error('Expected one master, got different masters from the sentinels.');
    return master;
  };
  const servers = [trio.master, ...trio.replicas];
  /** True when all servers follow the master that the sentinels agree on. That takes up to ten seconds. */
  const isComplete = async (): Promise<boolean> => {
    const master = await trio.currentMaster();
    const infos = await Promise.all(servers.map(({ port }) => askOrNothing(port, 'INFO replication')));
    return infos.every((info, i) =>
      servers[i] === master
        ? info.includes('role:master')
        : info.includes(`master_port:${master?.port ?? 0}\r\nmaster_link_status:up`),
    );
  };
  const failOver = async (beginFailover: BeginFailover, how: How | 'demoted'): Promise<void> => {
    const master = await current();
    const endFailover = beginFailover();
    if (how === 'demoted') await ask(trio.sentinels[0]!.port, `SENTINEL FAILOVER ${trio.name}`);
    else takeDown(master, how);
    const isReplaced = async (): Promise<boolean> => ![undefined, master].includes(await trio.currentMaster());
    await until(isReplaced, FAILOVER_WITHIN_MS, () => 'No replica has replaced the master in time.');
    if (how === 'killed') endFailover();
    if (how !== 'demoted') await heal(master, how);
    // An operator would start it as a replica. Otherwise it is an empty master until a sentinel reconfigures it.
    if (how === 'killed') await ask(master.port, `REPLICAOF 127.0.0.1 ${(await current()).port}`);
    if (how !== 'killed') await endWhenAbandoned(endFailover);
    await until(isComplete, FAILOVER_WITHIN_MS, () => 'The servers do not follow the new master in time.');
    await trio.ready();
  };
  return [
    { name: 'clients killed', run: async () => killClients([await current()]) },
    {
      name: 'the master paused for a moment',
      run: async (random) => paused(await current(), between(random, 300, 600)),
    },
    { name: 'the master killed', run: (_, beginFailover) => failOver(beginFailover, 'killed') },
    {
      name: 'the master paused until it was replaced',
      run: (_, beginFailover) => failOver(beginFailover, 'paused'),
    },
    {
      name: 'the master replaced while it runs',
      run: (_, beginFailover) => failOver(beginFailover, 'demoted'),
    },
  ];
}

/** Ends the failover when no client can write to the old master any more. */
async function endWhenAbandoned(endFailover: () => void): Promise<void> {
  await sleep(ABANDONED_AFTER_MS);
  endFailover();
}

type How = 'killed' | 'paused';

function takeDown(master: RedisServer, how: How): void {
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

/** Closes all client connections, also those of subscribers. */
async function killClients(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(
    servers.flatMap(({ port }) =>
      ['normal', 'pubsub'].map((type) => ask(port, `CLIENT KILL TYPE ${type}`).catch(() => undefined)),
    ),
  );
}

async function areHealthy(nodes: readonly RedisServer[]): Promise<boolean> {
  const infos = await Promise.all(nodes.map(({ port }) => askOrNothing(port, 'CLUSTER INFO')));
  return infos.every((info) => info.includes('cluster_state:ok'));
}
