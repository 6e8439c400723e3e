import type { Cluster, Redis } from 'ioredis';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import type { Finding } from '../../../core/vocabulary/finding.js';
import type { ProcessHold } from '../../../core/ports/process-hold.js';
import { ChangeAnnouncer, type Silence } from '../connection/change-announcer.js';
import { announcementOf } from '../connection/change-messages.js';
import { addressOf, ClusterMap } from './cluster-map.js';
import { IoredisChangeListener } from './ioredis-change-listener.js';
import { endpointOf } from './client-endpoint.js';
import { errorWithoutSecrets } from './error-without-secrets.js';
import { setUpFindings } from './set-up-findings.js';
import { alone, type Client, pipelined, type Sent, sendTo } from './ioredis-send.js';
import { changeClientOf, ended, isCluster, subscriberOf } from './ioredis-clients.js';
import type {
  ChangeFeed,
  CoherenceWire,
  TopologyListener,
  ChangeListener,
  ChangeHandlers,
} from '../connection/coherence-wire.port.js';
import { type ServerFacts, serverFactsOf } from './server-facts.js';
import { type Command, isOnItsWay, type Reply } from '../connection/command.js';
import type { RedisWire, WireListener } from '../connection/redis-wire.port.js';
import { unrefClient } from './unref-client.js';

/*
 * The real thing. Commands that belong to one server travel in one pipeline. In a cluster the servers are found by the
 * slot map of ioredis, and a command that came to the wrong one, because the map was old or a slot is on its way, is
 * sent again alone through ioredis, which knows the redirections. Nothing else is ever sent twice.
 *
 * Wake-ups come over a connection of their own, because a connection that listens cannot send. It subscribes anew
 * whenever it is ready: only then is it known that nothing is missed.
 *
 * Where changes have to be published, the last command of a pipeline publishes what the others change: on the same
 * server, and after the change. Nobody is told that it is done before both are.
 *
 * A client of the kit's own that has given up connects anew: ioredis does so for good, whatever the retry strategy,
 * when sentinels announce a failover while it asks them who the master is.
 */

export interface IoredisWireOptions {
  /** The channel to listen on. */
  readonly channel: string;
  /** A client that belongs to somebody else: it is never closed, and never made to reconnect. */
  readonly isForeign: boolean;
  readonly clock: Clock;
  /** Keeps the process alive in the place of the connections; without it these do. */
  readonly hold?: ProcessHold | undefined;
  /** Called with what a server is not set up for. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
}

const REDIRECTIONS = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

const CLOSED = /^(Connection is closed|Stream isn't writeable)/;
const NO_DATABASE = /DB index is out of range|SELECT is not allowed/;

/** States of a client that will be connected, or fail to be. */
const ON_THEIR_WAY = new Set(['connecting', 'connect', 'reconnecting']);
const OUTCOMES = ['ready', 'close', 'end'];

/** How soon a client that has given up connects anew. */
const REVIVED_AFTER_MS = 100;

export class IoredisWire implements RedisWire, CoherenceWire {
  readonly isCluster: boolean;
  readonly #client: Client;
  readonly #options: IoredisWireOptions;
  readonly #subscriber: Client;
  #listener: WireListener | undefined;
  #isListening = false;
  #isClosed = false;
  #lastError: Error | undefined;
  /** ioredis goes on with database 0. */
  #wrongDatabase: Error | undefined;
  #mastersSeen = '';
  /** What the server that commands go to tells of itself; `undefined` before it did. */
  #server: ServerFacts | undefined;
  /** The replication id of the server before. */
  #history: string | undefined;
  readonly #map: ClusterMap | undefined;
  #topology: TopologyListener | undefined;
  /** What the channels begin with on which changes are published. */
  #bus = '';
  /** Only where somebody may keep copies. */
  #announcer: ChangeAnnouncer | undefined;
  readonly #unlisten: (() => void)[] = [];

  constructor(client: Client, options: IoredisWireOptions) {
    this.#client = client;
    this.#options = options;
    this.isCluster = isCluster(client);
    this.#subscriber = this.#own(subscriberOf(client));
    if (!options.isForeign) this.#own(client);
    options.hold?.need();
    this.#map = isCluster(client) ? new ClusterMap(client) : undefined;
    this.#watch();
    this.#listenForWakes();
    if (!options.isForeign) this.#revive(client);
    this.#revive(this.#subscriber);
  }

  isUp(): boolean {
    return this.#client.status === 'ready';
  }

  endpoint(): ReturnType<typeof endpointOf> {
    return endpointOf(this.#client);
  }

  /** What operators may want to know of the other side. */
  describe(): string | undefined {
    const masters = this.#map?.owners().length;
    return masters === undefined ? this.#server?.words : `${masters} ${masters === 1 ? 'master' : 'masters'}`;
  }

  /** What is wrong although there is a connection. */
  complaint(): Error | undefined {
    if (this.#map === undefined && this.#server?.isOfCluster === true)
      return new Error('MOVED the server belongs to a cluster');
    return this.#wrongDatabase;
  }

  /** Why nothing was heard of a server for `limitMs`. */
  silence(limitMs: number): Error {
    return (
      this.#lastError ??
      new Error(
        this.#client.status === 'connect'
          ? 'connected, and no answer: it may be loading its data'
          : `no answer within ${limitMs} ms`,
      )
    );
  }

  lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Resolves when the connection stands, or when it is known that it does not. */
  async connect(): Promise<void> {
    const { status } = this.#client;
    if (this.#subscriber.status === 'wait') this.#subscriber.connect().catch(() => undefined);
    if (status === 'wait') await this.#client.connect().catch((error: unknown) => this.#note(error));
    else if (ON_THEIR_WAY.has(status)) await connectedOrNot(this.#client);
  }

  run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const { hold } = this.#options;
    return hold === undefined || hold.isStanding ? this.#run(commands) : hold.during(() => this.#run(commands));
  }

  async #run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const replies = await this.#send(commands);
    const again = replies.flatMap((reply, i) =>
      reply instanceof Error && reply.message.startsWith('NOSCRIPT ') ? [i] : [],
    );
    if (again.length === 0) return replies;
    // The server has lost its scripts, or never had them: they are sent as text, in the same order.
    const answered = [...replies];
    const late = await this.#send(again.map((i) => ({ ...(commands[i] as Command), isText: true })));
    again.forEach((index, i) => (answered[index] = late[i] as Reply));
    return answered;
  }

  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const { hold } = this.#options;
    return hold === undefined || hold.isStanding ? this.#getAll(keys) : hold.during(() => this.#getAll(keys));
  }

  #getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    if (isCluster(this.#client)) return this.#getFromNodes(this.#client, keys);
    return sendTo(this.#client, 'MGET', keys).catch(rethrown) as Promise<(Buffer | null)[]>;
  }

  serverOf(name: string): string {
    return this.#map?.ownerOf(name) ?? '';
  }

  masters(): readonly string[] {
    return [...this.#masterClients().keys()].sort();
  }

  async scan(
    master: string,
    cursor: string,
    match: string,
    count: number,
  ): Promise<{ cursor: string; keys: string[] }> {
    const node = this.#masterClients().get(master);
    if (node === undefined) throw new Error(`The master ${master} has left the cluster.`);
    const [next, keys] = await node.scan(cursor, 'MATCH', match, 'COUNT', count).catch(rethrown);
    return { cursor: next, keys };
  }

  watchTopology(listener: TopologyListener): void {
    this.#topology = listener;
  }

  nameOn(master: string, prefix: string): string | undefined {
    return this.#map === undefined ? prefix : this.#map.nameOn(master, prefix);
  }

  isServedBy(id: string | undefined): boolean | undefined {
    if (this.#map !== undefined) return true;
    if (this.#server === undefined) return undefined;
    return id === undefined || this.#server.id === undefined || this.#server.id === id;
  }

  async areInPlace(prefix: string): Promise<boolean> {
    if (this.#map === undefined) return true;
    const names = this.#map.owners().map((master) => this.nameOn(master, prefix));
    if (names.length === 0 || names.includes(undefined)) return false;
    const replies = await this.run((names as string[]).map((name) => ({ name: 'GET', keys: [name], args: [] })));
    return replies.every((reply) => !(reply instanceof Error));
  }

  announceChanges(prefix: string, silence: Silence): void {
    this.#bus = prefix;
    this.#announcer = new ChangeAnnouncer(silence);
  }

  async mayAnnounce(): Promise<boolean | undefined> {
    const channels = this.#channels();
    if (channels.length === 0) return undefined;
    const replies = await this.run(
      channels.map((channel) => ({
        name: this.isCluster ? 'SPUBLISH' : 'PUBLISH',
        keys: [channel],
        args: [announcementOf([])],
      })),
    );
    const failure = replies.find((reply) => reply instanceof Error);
    return failure === undefined ? true : failure.message.startsWith('NOPERM') ? false : undefined;
  }

  openListener(master: string, feed: ChangeFeed, clock: Clock, handlers: ChangeHandlers): ChangeListener | undefined {
    const client = this.#masterClients().get(master);
    return client === undefined
      ? undefined
      : new IoredisChangeListener(this.#own(changeClientOf(client)), feed, clock, handlers);
  }

  isListening(): boolean {
    return this.#isListening;
  }

  reconnect(): void {
    if (this.#options.isForeign || isCluster(this.#client)) return;
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
    const end = (): Promise<unknown> => Promise.all(own.map((client) => ended(client)));
    const { hold } = this.#options;
    await (hold === undefined ? end() : hold.during(end));
    hold?.end();
  }

  /** A client of the kit's own. */
  #own<T extends Client>(client: T): T {
    return this.#options.hold === undefined ? client : unrefClient(client);
  }

  #watch(): void {
    let wasUp = this.isUp();
    if (wasUp && !isCluster(this.#client)) void this.#noteServer(this.#client);
    this.#on(this.#client, 'ready', () => {
      this.#wrongDatabase =
        this.#lastError !== undefined && NO_DATABASE.test(this.#lastError.message) ? this.#lastError : undefined;
      this.#lastError = undefined;
      if (isCluster(this.#client)) this.#listener?.onUp();
      else void this.#connected(this.#client, wasUp);
      wasUp = true;
    });
    this.#on(this.#client, 'close', () => {
      this.#server = undefined;
      this.#topology?.onAway();
      this.#listener?.onDown();
    });
    this.#on(this.#client, 'error', (error) => this.#note(error));
    if (!isCluster(this.#client)) return;
    const cluster = this.#client;
    this.#on(cluster, 'node error', (error) => this.#note(error));
    this.#on(cluster, 'refresh', () => this.#noticeMasters());
  }

  #revive(client: Client): void {
    let timer: Timer | undefined;
    this.#on(client, 'end', () => {
      timer = this.#options.clock.schedule(
        REVIVED_AFTER_MS,
        () => void client.connect().catch((error: unknown) => this.#note(error)),
      );
    });
    this.#unlisten.push(() => timer?.cancel());
  }

  /** A server that goes on with the same history has lost nothing that it acknowledged. */
  async #connected(client: Redis, isAgain: boolean): Promise<void> {
    const before = this.#history;
    const noted = this.#noteServer(client);
    if (isAgain) {
      await noted;
      if (client.status !== 'ready') return;
      if (before === undefined || before !== this.#history) this.#listener?.onMoved();
    }
    this.#listener?.onUp();
  }

  /**
   * A server has another replication id after it was restarted, or promoted. Where it may not tell, every connection
   * counts as a move.
   */
  async #noteServer(client: Redis): Promise<void> {
    try {
      this.#server = await serverFactsOf(client);
      for (const finding of setUpFindings(this.#server, this.endpoint().subject)) this.#options.onFinding?.(finding);
    } catch (error) {
      this.#note(error);
    }
    this.#history = this.#server?.history;
  }

  /** The slot map was read anew: whether other servers have become masters. */
  #noticeMasters(): void {
    const map = this.#map as ClusterMap;
    map.forget();
    const masters = map.owners().join();
    const isMoved = this.#mastersSeen !== '' && masters !== this.#mastersSeen;
    this.#mastersSeen = masters;
    if (isMoved) this.#topology?.onAway();
    this.#topology?.onMasters();
    if (isMoved) this.#listener?.onMoved();
  }

  #listenForWakes(): void {
    const subscriber = this.#subscriber;
    this.#on(subscriber, 'error', (error) => this.#noteAside(error));
    this.#on(subscriber, 'close', () => (this.#isListening = false));
    this.#on(subscriber, 'message', (_channel, message) => this.#listener?.onWake(message as string));
    this.#on(subscriber, 'ready', () => {
      // Where it is not allowed, waiting processes look for themselves now and then.
      subscriber.subscribe(this.#options.channel).then(
        () => (this.#isListening = !this.#isClosed),
        (error: unknown) => this.#noteAside(error),
      );
    });
  }

  /** The clients of the masters, by address. */
  #masterClients(): ReadonlyMap<string, Redis> {
    return isCluster(this.#client) ? (this.#map as ClusterMap).masters() : new Map([['master', this.#client]]);
  }

  async #send(commands: readonly Sent[]): Promise<readonly Reply[]> {
    if (isCluster(this.#client)) return this.#runOnNodes(this.#client, commands);
    return this.#toNode(this.#client, commands);
  }

  async #runOnNodes(cluster: Cluster, commands: readonly Sent[]): Promise<readonly Reply[]> {
    const replies = new Array<Reply>(commands.length).fill(null);
    const map = this.#map as ClusterMap;
    await Promise.all(
      [...map.byNode(commands.map(({ keys }) => keys[0] as string))].map(async ([node, indices]) => {
        const own = indices.map((i) => commands[i] as Sent);
        const answers = node === undefined ? own.map(() => undefined) : await this.#toNode(node, own);
        const strayed = own.filter((command, i) => isToFollow(command, answers[i]));
        const late = strayed.length === 0 ? [] : await this.#runStrayed(cluster, strayed);
        let next = 0;
        answers.forEach(
          (answer, i) =>
            (replies[indices[i] as number] = isToFollow(own[i] as Sent, answer)
              ? (late[next++] as Reply)
              : (answer as Reply)),
        );
      }),
    );
    return replies;
  }

  /**
   * Commands whose server is another one than the map says, or is not known. What they change is published everywhere.
   */
  async #runStrayed(cluster: Cluster, commands: readonly Sent[]): Promise<readonly Reply[]> {
    const send = async (sent: readonly Sent[]): Promise<readonly Reply[]> => {
      const replies = await Promise.all(sent.map((command) => alone(cluster, command)));
      this.#topology?.onStrayed();
      return replies;
    };
    return this.#announcer === undefined
      ? send(commands)
      : this.#announcer.run(commands, { channels: () => this.#channels(), isSharded: true, isOrdered: false, send });
  }

  #toNode(node: Redis, commands: readonly Sent[]): Promise<readonly Reply[]> {
    if (this.#announcer === undefined) return pipelined(node, commands);
    return this.#announcer.run(commands, {
      channels: () => this.#channelOn(node),
      isSharded: this.isCluster,
      isOrdered: true,
      send: (sent) => pipelined(node, sent),
    });
  }

  #channelOn(node: Redis): readonly string[] {
    const channel = this.nameOn(addressOf(node), this.#bus);
    return channel === undefined ? [] : [channel];
  }

  /** One on each master. */
  #channels(): readonly string[] {
    return this.#map === undefined
      ? [this.#bus]
      : this.#map.owners().flatMap((master) => this.nameOn(master, this.#bus) ?? []);
  }

  async #getFromNodes(cluster: Cluster, keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const replies = await this.#runOnNodes(
      cluster,
      keys.map((key) => ({ name: 'GET', keys: [key], args: [] })),
    );
    return replies.map((reply) => {
      // A key of another type holds no entry.
      if (reply instanceof Error && !reply.message.startsWith('WRONGTYPE')) throw reply;
      return Buffer.isBuffer(reply) ? reply : null;
    });
  }

  /** Of a connection that failed ioredis says why first, and then that it is closed. */
  #note(error: unknown): void {
    const noted = errorWithoutSecrets(error);
    const { lastNodeError } = noted as { lastNodeError?: Error };
    const isEcho = CLOSED.test((lastNodeError ?? noted).message);
    if (!isEcho || this.#lastError === undefined) this.#lastError = noted;
  }

  /** What a connection that only listens lacks is no reason why commands fail. */
  #noteAside(error: unknown): void {
    if (!this.isUp()) this.#note(error);
  }

  #on(client: Client, event: string, listener: (...args: unknown[]) => void): void {
    client.on(event, listener);
    // A client that has no listener for errors throws them into the process.
    if (event !== 'error' || this.#options.isForeign) this.#unlisten.push(() => client.off(event, listener));
  }
}

function rethrown(error: unknown): never {
  throw errorWithoutSecrets(error);
}

/** Resolves when a client is connected that was connecting already, or when it has failed to. */
function connectedOrNot(client: Client): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of OUTCOMES) client.off(event, settle);
      resolve();
    };
    for (const event of OUTCOMES) client.on(event, settle);
  });
}

/** Whether a command is to be sent to another server, or that nobody was asked. */
function isToFollow({ yieldsToMoves }: Sent, reply: Reply | undefined): boolean {
  if (yieldsToMoves === true && isOnItsWay(reply)) return false;
  return reply === undefined || (reply instanceof Error && REDIRECTIONS.test(reply.message));
}
