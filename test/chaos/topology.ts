import type { RedisOptions } from '../../src/core/redis-options.js';
import { type RedisServer, startCluster, startRedis, startSentinels } from '../support/redis-servers.js';
import { clusterFaults, type Fault, networkFaults, sentinelFaults, serverFaults } from './faults.js';
import { TcpProxy } from './tcp-proxy.js';

/*
 * Servers, and for each process its own proxy to each of them. The nodes of a cluster and the sentinels tell clients
 * where the servers are; `natMap` of ioredis turns these addresses into those of the process's own proxies. Sentinels
 * themselves are asked without a proxy.
 */

export type TopologyName = 'standalone' | 'cluster' | 'sentinel';
export const TOPOLOGIES: readonly TopologyName[] = ['standalone', 'cluster', 'sentinel'];

export interface Topology {
  /** How a process reaches the servers. Can be told to another process. */
  redisOf(process: number): RedisOptions;
  readonly faults: readonly Fault[];
  stop(): Promise<void>;
}

interface Parts {
  readonly servers: readonly RedisServer[];
  readonly ownFaults: readonly Fault[];
  redisFor(proxies: readonly TcpProxy[], natMap: NatMap): RedisOptions;
  stop(): Promise<void>;
}

type NatMap = Readonly<Record<string, { host: string; port: number }>>;

const STARTS: Readonly<Record<TopologyName, () => Promise<Parts>>> = {
  async standalone() {
    const server = await startRedis();
    return {
      servers: [server],
      ownFaults: serverFaults(server),
      redisFor: ([proxy]) => ({ url: `redis://127.0.0.1:${proxy!.port}` }),
      stop: () => server.stop(),
    };
  },
  async cluster() {
    const cluster = await startCluster();
    return {
      servers: cluster.nodes,
      ownFaults: clusterFaults(cluster),
      redisFor: (proxies, natMap) => ({ cluster: { nodes: proxies.map(({ host, port }) => ({ host, port })), options: { natMap } } }),
      stop: () => cluster.stop(),
    };
  },
  async sentinel() {
    const trio = await startSentinels();
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
    return {
      servers: [trio.master, ...trio.replicas],
      ownFaults: sentinelFaults(trio),
      redisFor: (_, natMap) => ({ sentinel: { name: trio.name, sentinels }, options: { natMap } }),
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
    redisOf: (process) => {
      const own = proxies[process]!;
      return parts.redisFor(own, Object.fromEntries(own.map(({ host, port }, i) => [`127.0.0.1:${parts.servers[i]!.port}`, { host, port }])));
    },
    faults: [...networkFaults(proxies), ...parts.ownFaults],
    stop,
  };
}
