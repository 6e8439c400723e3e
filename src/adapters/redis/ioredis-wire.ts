import { Cluster, type Redis } from 'ioredis';
import { hashSlot } from './hash-slot.js';
import type { Argument, Command, RedisWire, Reply, WireListener } from './redis-wire.js';

/*
 * The real thing. Commands that belong to one server travel in one pipeline. In a cluster the servers are found by the
 * slot map of ioredis, and a command that came to the wrong one, because the map was old or a slot is on its way, is
 * sent again alone through ioredis, which knows the redirections. Nothing else is ever sent twice.
 *
 * Wake-ups come over a connection of their own, because a connection that listens cannot send. It subscribes anew
 * whenever it is ready: only then is it known that nothing is missed.
 */

export interface IoredisWireOptions {
  /** The channel to listen on. */
  readonly channel: string;
  /** A client that belongs to somebody else: it is never closed, and never made to reconnect. */
  readonly isForeign: boolean;
}

const REDIRECTIONS = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

type Client = Redis | Cluster;

/** How long a server that is told of the end of a connection may take to end its own side. */
export const DISCONNECT_LIMIT_MS = 100;

export class IoredisWire implements RedisWire {
  readonly isCluster: boolean;
  readonly #client: Client;
  readonly #options: IoredisWireOptions;
  readonly #subscriber: Client;
  #listener: WireListener | undefined;
  #isListening = false;
  #isClosed = false;
  #lastError: Error | undefined;
  #mastersSeen = '';
  /** The replication id of the server. */
  #history: string | undefined;
  #nodes = new Map<string, Redis>();
  readonly #unlisten: (() => void)[] = [];

  constructor(client: Client, options: IoredisWireOptions) {
    this.#client = client;
    this.#options = options;
    this.isCluster = client instanceof Cluster;
    this.#subscriber = duplicate(client);
    this.#watch();
    this.#listenForWakes();
  }

  isUp(): boolean {
    return this.#client.status === 'ready';
  }

  lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Resolves when the connection stands, or when it is known that it does not. */
  async connect(): Promise<void> {
    const { status } = this.#client;
    if (this.#subscriber.status === 'wait') this.#subscriber.connect().catch(() => undefined);
    if (status === 'wait') await this.#client.connect().catch((error: unknown) => this.#lastError ?? this.#note(error));
  }

  async run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const replies = this.#client instanceof Cluster ? await this.#runOnNodes(this.#client, commands) : await pipelined(this.#client, commands);
    const again = replies.flatMap((reply, i) => (reply instanceof Error && reply.message.startsWith('NOSCRIPT ') ? [i] : []));
    if (again.length === 0) return replies;
    // The server has lost its scripts, or never had them: they are sent as text, in the same order.
    const answered = [...replies];
    const texts = again.map((i) => ({ ...(commands[i] as Command), isText: true }));
    const late = this.#client instanceof Cluster ? await this.#runOnNodes(this.#client, texts) : await pipelined(this.#client, texts);
    again.forEach((index, i) => (answered[index] = late[i] as Reply));
    return answered;
  }

  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    if (this.#client instanceof Cluster) return this.#getFromNodes(this.#client, keys);
    return this.#client.callBuffer('MGET', ...keys) as Promise<(Buffer | null)[]>;
  }

  masters(): readonly string[] {
    if (!(this.#client instanceof Cluster)) return ['master'];
    return [...this.#mastersOf(this.#client).keys()].sort();
  }

  async scan(master: string, cursor: string, match: string, count: number): Promise<{ cursor: string; keys: string[] }> {
    const node = this.#client instanceof Cluster ? this.#mastersOf(this.#client).get(master) : this.#client;
    if (node === undefined) throw new Error(`The master ${master} has left the cluster.`);
    const [next, keys] = await node.scan(cursor, 'MATCH', match, 'COUNT', count);
    return { cursor: next, keys };
  }

  isListening(): boolean {
    return this.#isListening;
  }

  reconnect(): void {
    if (this.#options.isForeign || this.#client instanceof Cluster) return;
    this.#client.disconnect(true);
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.isUp()) listener.onUp();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isListening = false;
    this.#listener = undefined;
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    const own = this.#options.isForeign ? [this.#subscriber] : [this.#client, this.#subscriber];
    await Promise.all(own.map((client) => ended(client)));
  }

  #watch(): void {
    let wasUp = this.isUp();
    if (wasUp && !(this.#client instanceof Cluster)) void this.#noteHistory(this.#client);
    this.#on(this.#client, 'ready', () => {
      this.#lastError = undefined;
      if (this.#client instanceof Cluster) this.#listener?.onUp();
      else void this.#connected(this.#client, wasUp);
      wasUp = true;
    });
    this.#on(this.#client, 'close', () => this.#listener?.onDown());
    this.#on(this.#client, 'error', (error) => this.#note(error));
    if (!(this.#client instanceof Cluster)) return;
    const cluster = this.#client;
    this.#on(cluster, 'node error', (error) => this.#note(error));
    this.#on(cluster, 'refresh', () => this.#noticeMasters(cluster));
  }

  /** A server that goes on with the same history has lost nothing that it acknowledged. */
  async #connected(client: Redis, isAgain: boolean): Promise<void> {
    const before = this.#history;
    const noted = this.#noteHistory(client);
    if (isAgain) {
      await noted;
      if (client.status !== 'ready') return;
      if (before === undefined || before !== this.#history) this.#listener?.onMoved();
    }
    this.#listener?.onUp();
  }

  /** A server has another replication id after it was restarted, or promoted. Where it may not tell, every connection counts as a move. */
  async #noteHistory(client: Redis): Promise<void> {
    try {
      this.#history = /^master_replid:(\w+)/m.exec(await client.info('replication'))?.[1];
    } catch (error) {
      this.#history = undefined;
      this.#note(error);
    }
  }

  /** The slot map was read anew: whether other servers have become masters. */
  #noticeMasters(cluster: Cluster): void {
    this.#nodes = new Map();
    const masters = [...new Set(cluster.slots.map((nodes) => nodes[0]))].sort().join();
    const isMoved = this.#mastersSeen !== '' && masters !== this.#mastersSeen;
    this.#mastersSeen = masters;
    if (isMoved) this.#listener?.onMoved();
  }

  #listenForWakes(): void {
    const subscriber = this.#subscriber;
    this.#on(subscriber, 'error', (error) => this.#note(error));
    this.#on(subscriber, 'close', () => (this.#isListening = false));
    this.#on(subscriber, 'message', (_channel, message) => this.#listener?.onWake(message as string));
    this.#on(subscriber, 'ready', () => {
      // Where it is not allowed, waiting processes look for themselves now and then.
      subscriber.subscribe(this.#options.channel).then(
        () => (this.#isListening = !this.#isClosed),
        (error: unknown) => this.#note(error),
      );
    });
  }

  async #runOnNodes(cluster: Cluster, commands: readonly Command[]): Promise<readonly Reply[]> {
    const replies = new Array<Reply>(commands.length).fill(null);
    const groups = this.#byNode(cluster, commands.map(({ keys }) => keys[0] as string));
    await Promise.all(
      [...groups].map(async ([node, indices]) => {
        const own = indices.map((i) => commands[i] as Command);
        const answers = node === undefined ? await Promise.all(own.map((command) => alone(cluster, command))) : await pipelined(node, own);
        await Promise.all(
          answers.map(async (answer, i) => {
            const index = indices[i] as number;
            replies[index] = node !== undefined && isRedirection(answer) ? await alone(cluster, own[i] as Command) : answer;
          }),
        );
      }),
    );
    return replies;
  }

  async #getFromNodes(cluster: Cluster, keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const replies = await this.#runOnNodes(cluster, keys.map((key) => ({ name: 'GET', keys: [key], args: [] })));
    return replies.map((reply) => {
      // A key of another type holds no entry.
      if (reply instanceof Error && !reply.message.startsWith('WRONGTYPE')) throw reply;
      return Buffer.isBuffer(reply) ? reply : null;
    });
  }

  /** Which commands go to which server; under `undefined` those whose server is not known. */
  #byNode(cluster: Cluster, keys: readonly string[]): Map<Redis | undefined, number[]> {
    const groups = new Map<Redis | undefined, number[]>();
    keys.forEach((key, i) => {
      const address = cluster.slots[hashSlot(key)]?.[0];
      const node = address === undefined ? undefined : this.#mastersOf(cluster).get(address);
      const group = groups.get(node);
      if (group === undefined) groups.set(node, [i]);
      else group.push(i);
    });
    return groups;
  }

  #mastersOf(cluster: Cluster): Map<string, Redis> {
    if (this.#nodes.size === 0) {
      for (const node of cluster.nodes('master')) this.#nodes.set(`${node.options.host ?? ''}:${node.options.port ?? 0}`, node);
    }
    return this.#nodes;
  }

  #note(error: unknown): void {
    if (error instanceof Error) this.#lastError = error;
  }

  #on(client: Client, event: string, listener: (...args: unknown[]) => void): void {
    client.on(event, listener);
    // A client that has no listener for errors throws them into the process.
    if (event !== 'error' || this.#options.isForeign) this.#unlisten.push(() => client.off(event, listener));
  }
}

async function pipelined(client: Redis, commands: readonly Command[]): Promise<readonly Reply[]> {
  const [first] = commands;
  if (commands.length === 1 && first !== undefined) return [await alone(client, first)];
  const pipeline = client.pipeline();
  for (const command of commands) pipeline.callBuffer(...words(command));
  try {
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, reply]) => error ?? (reply as Reply));
  } catch (error) {
    return commands.map(() => error as Error);
  }
}

async function alone(client: Client, command: Command): Promise<Reply> {
  try {
    return (await client.callBuffer(...words(command))) as Reply;
  } catch (error) {
    return error as Error;
  }
}

function words({ name, script, keys, args, isText }: Command & { isText?: boolean }): [string, ...Argument[]] {
  if (script === undefined) return [name, ...keys, ...args];
  return [...(isText === true ? ['EVAL', script.lua] : ['EVALSHA', script.sha]), keys.length, ...keys, ...args] as [string, ...Argument[]];
}

function isRedirection(reply: Reply): boolean {
  return reply instanceof Error && REDIRECTIONS.test(reply.message);
}

/** For listening: commands wait for the connection, which comes back for ever. */
function duplicate(client: Client): Client {
  const own = { enableOfflineQueue: true, lazyConnect: true, autoResubscribe: false };
  const redisOptions = { maxRetriesPerRequest: null, autoResubscribe: false, disconnectTimeout: DISCONNECT_LIMIT_MS };
  return client instanceof Cluster ? client.duplicate([], { ...own, redisOptions }) : client.duplicate({ ...own, ...redisOptions });
}

/** Clients without a connection tell of no end. */
const UNCONNECTED = new Set(['wait', 'reconnecting', 'close', 'end']);

function ended(client: Client): Promise<void> {
  if (UNCONNECTED.has(client.status)) {
    client.disconnect();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    client.once('end', resolve);
    client.disconnect();
  });
}
