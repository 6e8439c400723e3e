import type { Cluster, Redis } from 'ioredis';
import { ChangeAnnouncer, type Silence } from '../connection/change-announcer.js';
import { type Command, isOnItsWay, type Reply } from '../connection/command.js';
import { addressOf, type ClusterMap } from './cluster-map.js';
import { errorWithoutSecrets } from '../../../core/vocabulary/error-without-secrets.js';
import { isCluster } from './ioredis-clients.js';
import { type Client, sendAlone, sendInPipeline, type Sent, sendTo } from './ioredis-send.js';

const REDIRECTIONS = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;
/** Redirections within a slot that is moving: both servers have all writes. */
const MIGRATION = /^(ASK|TRYAGAIN) /;

/**
 * Sends commands to the servers of their keys. The commands for one server share a pipeline. In a cluster, the slot map
 * of ioredis says which server that is. A command that reached the wrong server, because the map was old or a slot is
 * moving, is sent again alone through ioredis, which follows redirections. No other command is sent twice.
 *
 * If changes have to be published, the last command of a pipeline publishes the keys that the others change: on the
 * same server, after the change. Callers get their replies when both are done.
 */
export class CommandRouter {
  /** Prefix of the channels on which changes are published. */
  #bus = '';
  /** Publishes changes; `undefined` if no process has near copies. */
  #announcer: ChangeAnnouncer | undefined;

  readonly #client: Client;
  readonly #map: ClusterMap | undefined;
  readonly #onStrayed: (isInMigration: boolean) => void;

  /**
   * @param map absent without a cluster
   * @param onStrayed called when commands went to another server than the slot map says, before they are answered;
   *   `isInMigration` is false when that server may lack writes, as after a failover
   */
  constructor(client: Client, map: ClusterMap | undefined, onStrayed: (isInMigration: boolean) => void) {
    this.#client = client;
    this.#map = map;
    this.#onStrayed = onStrayed;
  }

  /** Publishes changes from now on, on channels with this prefix, unless `silence` allows not to. */
  announceChanges(prefix: string, silence: Silence): void {
    this.#bus = prefix;
    this.#announcer = new ChangeAnnouncer(silence);
  }

  /** The channels of all masters. */
  channels(): readonly string[] {
    const map = this.#map;
    return map === undefined ? [this.#bus] : map.owners().flatMap((master) => map.nameOn(master, this.#bus) ?? []);
  }

  /** Sends all commands at once. Never rejects. */
  async run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const replies = [...(await this.#send(commands))];
    // The server does not know some scripts: they are sent as text, in the same order. A server may forget a script
    // between two commands of a pipeline (SCRIPT FLUSH, a failover).
    for (const text of ['first', 'all'] as const) {
      const again = replies.flatMap((reply, i) => (isUnknownScript(reply) ? [i] : []));
      if (again.length === 0) break;
      const late = await this.#send(again.map((i) => ({ ...(commands[i] as Command), text })));
      again.forEach((index, i) => (replies[index] = late[i] as Reply));
    }
    return replies;
  }

  /** Reads strings, `null` for a missing one. Rejects when a key could not be read. */
  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    if (isCluster(this.#client)) return this.#getFromNodes(this.#client, this.#map as ClusterMap, keys);
    return sendTo(this.#client, 'MGET', keys).catch(rethrown) as Promise<(Buffer | null)[]>;
  }

  async #send(commands: readonly Sent[]): Promise<readonly Reply[]> {
    if (isCluster(this.#client)) return this.#runOnNodes(this.#client, this.#map as ClusterMap, commands);
    return this.#toNode(this.#client, commands);
  }

  async #runOnNodes(cluster: Cluster, map: ClusterMap, commands: readonly Sent[]): Promise<readonly Reply[]> {
    const replies = new Array<Reply>(commands.length).fill(null);
    await Promise.all(
      [...map.byNode(commands.map(({ keys }) => keys[0] as string))].map(async ([node, indices]) => {
        const own = indices.map((i) => commands[i] as Sent);
        const answers = node === undefined ? own.map(() => undefined) : await this.#toNode(node, own);
        const strayed = own.filter((command, i) => mustBeResent(command, answers[i]));
        const isInMigration = answers.every(
          (answer, i) => !mustBeResent(own[i] as Sent, answer) || isMigrating(answer),
        );
        const late = strayed.length === 0 ? [] : await this.#runStrayed(cluster, strayed, isInMigration);
        let next = 0;
        answers.forEach(
          (answer, i) =>
            (replies[indices[i] as number] = mustBeResent(own[i] as Sent, answer)
              ? (late[next++] as Reply)
              : (answer as Reply)),
        );
      }),
    );
    return replies;
  }

  /** Runs commands whose server is unknown, or not the one in the map. Their changes are published on all masters. */
  async #runStrayed(cluster: Cluster, commands: readonly Sent[], isInMigration: boolean): Promise<readonly Reply[]> {
    const send = async (sent: readonly Sent[]): Promise<readonly Reply[]> => {
      const replies = await Promise.all(sent.map((command) => sendAlone(cluster, command)));
      this.#onStrayed(isInMigration);
      return replies;
    };
    return this.#announcer === undefined
      ? send(commands)
      : this.#announcer.run(commands, { channels: () => this.channels(), isSharded: true, isOrdered: false, send });
  }

  #toNode(node: Redis, commands: readonly Sent[]): Promise<readonly Reply[]> {
    if (this.#announcer === undefined) return sendInPipeline(node, commands);
    return this.#announcer.run(commands, {
      channels: () => this.#channelOn(node),
      isSharded: this.#map !== undefined,
      isOrdered: true,
      send: (sent) => sendInPipeline(node, sent),
    });
  }

  #channelOn(node: Redis): readonly string[] {
    if (this.#map === undefined) return [this.#bus];
    const channel = this.#map.nameOn(addressOf(node), this.#bus);
    return channel === undefined ? [] : [channel];
  }

  async #getFromNodes(cluster: Cluster, map: ClusterMap, keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const replies = await this.#runOnNodes(
      cluster,
      map,
      keys.map((key) => ({ name: 'GET', keys: [key], args: [] })),
    );
    return replies.map((reply) => {
      // A key of another type is no entry.
      if (reply instanceof Error && !reply.message.startsWith('WRONGTYPE')) throw reply;
      return Buffer.isBuffer(reply) ? reply : null;
    });
  }
}

function isUnknownScript(reply: Reply): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT ');
}

/** Throws an error again without its secrets. */
export function rethrown(error: unknown): never {
  throw errorWithoutSecrets(error);
}

function isMigrating(reply: Reply | undefined): boolean {
  return reply instanceof Error && MIGRATION.test(reply.message);
}

/** True when a command must be sent to another server, or was not sent yet. */
function mustBeResent({ yieldsToMoves }: Sent, reply: Reply | undefined): boolean {
  if (yieldsToMoves === true && isOnItsWay(reply)) return false;
  return reply === undefined || (reply instanceof Error && REDIRECTIONS.test(reply.message));
}
