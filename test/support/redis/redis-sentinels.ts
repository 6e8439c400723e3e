import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, askOrNothing } from './ask.js';
import { type RedisServer, type ServerArgs, startServer, startServers, stopServers } from './redis-server.js';
import { commonArgs } from './server-args.js';
import { allOf, until } from './until.js';

const NAME = 'cache';
const SENTINELS = 3;
const QUORUM = 2;
const REPLICAS = 2;
const READY_WITHIN_MS = 30_000;
const ALL_KNOWN = new RegExp(`name=${NAME},status=ok,.*slaves=${REPLICAS},sentinels=${SENTINELS}\\b`);

/** A master, two replicas, and three sentinels that replace a master after one second without an answer. */
export class RedisSentinelTrio {
  /** Name of the master in the sentinels' configuration. */
  readonly name = NAME;

  constructor(
    readonly sentinels: readonly RedisServer[],
    /** The initial master; see `currentMaster`. */
    readonly master: RedisServer,
    readonly replicas: readonly RedisServer[],
  ) {}

  /** The master that at least two sentinels report now; `undefined` while they disagree. */
  async currentMaster(): Promise<RedisServer | undefined> {
    const views = await Promise.all(this.sentinels.map(({ port }) => askOrNothing(port, 'INFO sentinel')));
    const servers = [this.master, ...this.replicas];
    const votesFor = ({ port }: RedisServer): number =>
      views.filter((view) => view.includes(`address=127.0.0.1:${port},`)).length;
    return servers.find((server) => votesFor(server) >= QUORUM);
  }

  /** Resolves when the sentinels know each other, the master and every replica. */
  async ready(): Promise<void> {
    const knowsAll = async ({ port }: RedisServer): Promise<boolean> =>
      ALL_KNOWN.test(await askOrNothing(port, 'INFO sentinel'));
    const failure = (): string =>
      `The sentinels were not complete:\n${this.sentinels.map(({ output }) => output).join('\n')}`;
    await until(() => allOf(this.sentinels, knowsAll), READY_WITHIN_MS, failure);
  }

  stop(): Promise<void> {
    return stopServers([...this.sentinels, this.master, ...this.replicas]);
  }
}

export async function startSentinels(): Promise<RedisSentinelTrio> {
  const started: RedisServer[] = [];
  try {
    const master = await startServer(commonArgs);
    started.push(master);
    const replicas = await startServers(Array.from({ length: REPLICAS }, () => startServer(replicaArgs(master))));
    started.push(...replicas);
    await Promise.all(replicas.map(attached));
    const sentinels = await startServers(Array.from({ length: SENTINELS }, () => startServer(sentinelArgs(master))));
    started.push(...sentinels);
    // By default sentinels announce themselves every two seconds only.
    await Promise.all(sentinels.map(({ port }) => ask(port, 'SENTINEL DEBUG PUBLISH-PERIOD 100')));
    const trio = new RedisSentinelTrio(sentinels, master, replicas);
    await trio.ready();
    return trio;
  } catch (error) {
    await stopServers(started);
    throw error;
  }
}

function replicaArgs(master: RedisServer): ServerArgs {
  return (port) => [...commonArgs(port), '--replicaof', '127.0.0.1', String(master.port)];
}

async function attached(replica: RedisServer): Promise<void> {
  const isUp = async (): Promise<boolean> =>
    (await askOrNothing(replica.port, 'INFO replication')).includes('master_link_status:up\r\n');
  await until(isUp, READY_WITHIN_MS, () => `The replica on port ${replica.port} found no master:\n${replica.output}`);
}

/** Writes a new configuration file only once, because a sentinel stores its state there. */
function sentinelArgs(master: RedisServer): ServerArgs {
  return (port, directory) => {
    const file = join(directory, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      'protected-mode no',
      `sentinel monitor ${NAME} 127.0.0.1 ${master.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${NAME} 1000`,
      `sentinel failover-timeout ${NAME} 3000`,
    ];
    if (!existsSync(file)) writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  };
}
