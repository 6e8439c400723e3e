import type { RedisOptions } from '../../src/adapters/redis/options/redis-options.js';
import { ask } from '../support/redis/ask.js';
import { type RedisServer, startCluster, startRedis, startSentinels } from '../support/redis-servers.js';
import { clusterFaults, type Fault, networkFaults, sentinelFaults, serverFaults } from './faults.js';
import { TcpProxy } from './tcp-proxy.js';

/*
 * Servers, and for each process its own proxy of each server. A process knows the real addresses, because cluster nodes
 * and sentinels report these, and it redirects its connections to its proxies, as a router would. (`natMap` of ioredis
 * does not work here: a MOVED reply puts the unmapped address into its slot table.) Sentinels have no proxy.
 */

export type TopologyName = 'standalone' | 'cluster' | 'sentinel';
export const TOPOLOGIES: readonly TopologyName[] = ['standalone', 'cluster', 'sentinel'];

export interface Topology {
  /** Options without functions, so that they can be sent to another process. */
  readonly redis: RedisOptions;
  /** Ports of a process's proxies, by the port of the server. */
  routesOf(process: number): Readonly<Record<number, number>>;
  readonly faults: readonly Fault[];
  stop(): Promise<void>;
}

interface Parts {
  readonly servers: readonly RedisServer[];
  readonly ownFaults: readonly Fault[];
  readonly redis: RedisOptions;
  stop(): Promise<void>;
}

const STARTS: Readonly<Record<TopologyName, () => Promise<Parts>>> = {
  async standalone() {
    const server = await startRedis();
    return {
      servers: [server],
      ownFaults: serverFaults(server),
      redis: { url: server.url },
      stop: () => server.stop(),
    };
  },
  async cluster() {
    const cluster = await startCluster();
    return {
      servers: cluster.nodes,
      ownFaults: clusterFaults(cluster),
      redis: { cluster: { nodes: cluster.urls } },
      stop: () => cluster.stop(),
    };
  },
  async sentinel() {
    const trio = await startSentinels();
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
    // Sentinels ping often, and need several missed pings for a failover, so that no failover happens by accident.
    await Promise.all(
      sentinels.flatMap(({ port }) => [
        ask(port, 'SENTINEL DEBUG PING-PERIOD 200 INFO-PERIOD 1000'),
        ask(port, `SENTINEL SET ${trio.name} down-after-milliseconds 1500`),
      ]),
    );
    return {
      servers: [trio.master, ...trio.replicas],
      ownFaults: sentinelFaults(trio),
      redis: { sentinel: { name: trio.name, sentinels } },
      stop: () => trio.stop(),
    };
  },
};

export async function startTopology(name: TopologyName, processes: number, random: () => number): Promise<Topology> {
  const parts = await STARTS[name]();
  const proxies: TcpProxy[][] = [];
  const stop = async (): Promise<void> => {
    for (const proxy of proxies.flat()) proxy.stop();
    await parts.stop();
  };
  try {
    for (let process = 0; process < processes; process++) {
      proxies.push([]);
      for (const { port } of parts.servers) proxies[process]!.push(await TcpProxy.start(port, random));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    redis: parts.redis,
    routesOf: (process) =>
      Object.fromEntries(parts.servers.map((server, i) => [server.port, proxies[process]![i]!.port])),
    faults: [...networkFaults(proxies), ...parts.ownFaults],
    stop,
  };
}
