import { ask, askOrNothing } from './ask.js';
import { type RedisServer, startServer, startServers, stopServers } from './redis-server.js';
import { commonArgs } from './server-args.js';
import { allOf, until } from './until.js';

const MASTERS = 3;
const NODES = 2 * MASTERS;
const SLOTS = 16_384;
const READY_WITHIN_MS = 30_000;
const ALL_AGREE = [
  /cluster_state:ok/,
  new RegExp(`cluster_slots_ok:${SLOTS}`),
  new RegExp(`cluster_known_nodes:${NODES}`),
];

/** Three masters that share the slots, with one replica each. The node timeout is two seconds. */
export class RedisCluster {
  constructor(
    /** The initial masters, followed by the replica of each in the same order. */
    readonly nodes: readonly RedisServer[],
  ) {}

  get ports(): number[] {
    return this.nodes.map(({ port }) => port);
  }

  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** The nodes that report the role of a master now, without the nodes that do not answer. */
  masters(): Promise<RedisServer[]> {
    return this.#nodesWithRole('master');
  }

  replicas(): Promise<RedisServer[]> {
    return this.#nodesWithRole('slave');
  }

  /** Resolves when every node knows all nodes and their roles, and every replica is in sync with its master. */
  async ready(): Promise<void> {
    const failure = (): string => `The cluster was not complete:\n${this.nodes.map(({ output }) => output).join('\n')}`;
    await until(() => allOf(this.nodes, isReady), READY_WITHIN_MS, failure);
  }

  /** Index of the master that has the slot at the start: 0, 1 or 2. */
  initialOwnerOf(slot: number): number {
    return Math.min(MASTERS - 1, Math.floor((slot * MASTERS) / SLOTS));
  }

  stop(): Promise<void> {
    return stopServers(this.nodes);
  }

  async #nodesWithRole(role: string): Promise<RedisServer[]> {
    const replies = await Promise.all(this.nodes.map(({ port }) => askOrNothing(port, 'INFO replication')));
    return this.nodes.filter((_, index) => replies[index]?.includes(`role:${role}\r\n`));
  }
}

export async function startCluster(): Promise<RedisCluster> {
  const cluster = new RedisCluster(await startServers(Array.from({ length: NODES }, () => startServer(nodeArgs))));
  try {
    await join(cluster.nodes);
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function nodeArgs(port: number): string[] {
  const clusterArgs = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
    '--cluster-announce-ip',
    '127.0.0.1',
  ];
  return [...commonArgs(port), ...clusterArgs];
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS);
  // Distinct epochs, because nodes resolve a conflict of equal epochs slowly.
  await Promise.all(nodes.map(({ port }, index) => ask(port, `CLUSTER SET-CONFIG-EPOCH ${index + 1}`)));
  await Promise.all(
    masters.map(({ port }, index) =>
      ask(port, `CLUSTER ADDSLOTSRANGE ${firstSlot(index)} ${firstSlot(index + 1) - 1}`),
    ),
  );
  // Every node meets every other node, because gossip alone takes seconds.
  await Promise.all(nodes.flatMap((node) => nodes.filter((peer) => peer !== node).map((peer) => meet(node, peer))));
  await Promise.all(masters.map((master, index) => replicate(nodes[MASTERS + index] as RedisServer, master)));
}

function firstSlot(master: number): number {
  return Math.round((master * SLOTS) / MASTERS);
}

function meet(node: RedisServer, peer: RedisServer): Promise<string> {
  return ask(node.port, `CLUSTER MEET 127.0.0.1 ${peer.port}`);
}

/** Retries until the replica knows its master. */
async function replicate(replica: RedisServer, master: RedisServer): Promise<void> {
  const masterId = await ask(master.port, 'CLUSTER MYID');
  const isAccepted = async (): Promise<boolean> =>
    (await askOrNothing(replica.port, `CLUSTER REPLICATE ${masterId}`)) === 'OK';
  await until(
    isAccepted,
    READY_WITHIN_MS,
    () => `The node on port ${replica.port} did not become a replica:\n${replica.output}`,
  );
}

async function isReady({ port }: RedisServer): Promise<boolean> {
  const info = await askOrNothing(port, 'CLUSTER INFO');
  if (!ALL_AGREE.every((fact) => fact.test(info))) return false;
  const view = await askOrNothing(port, 'CLUSTER NODES');
  if (view.match(/\b(master|slave) /g)?.length !== NODES || view.match(/\bslave /g)?.length !== NODES - MASTERS)
    return false;
  return isAttached(await askOrNothing(port, 'INFO replication'));
}

function isAttached(replication: string): boolean {
  return replication.includes('role:master\r\n') || replication.includes('master_link_status:up\r\n');
}
