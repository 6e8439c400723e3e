import type { Redis } from 'ioredis';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import type { Finding } from '../../../core/vocabulary/finding.js';
import type { ProcessHold } from '../../../core/ports/process-hold.js';
import type { Silence } from '../connection/change-announcer.js';
import { announcementOf } from '../connection/change-messages.js';
import { ClusterMap } from './cluster-map.js';
import { CommandRouter, rethrown } from './command-router.js';
import { IoredisChangeListener } from './ioredis-change-listener.js';
import { endpointOf } from './client-endpoint.js';
import { errorWithoutSecrets } from '../../../core/vocabulary/error-without-secrets.js';
import { presentFindings, setUpFindings } from './set-up-findings.js';
import type { Client } from './ioredis-send.js';
import { changeClientOf, ended, isCluster, subscriberOf } from './ioredis-clients.js';
import type {
  ChangeFeed,
  CoherenceWire,
  TopologyListener,
  ChangeListener,
  ChangeHandlers,
} from '../connection/coherence-wire.port.js';
import { type ServerFacts, serverFactsOf } from './server-facts.js';
import type { Command, Reply } from '../connection/command.js';
import type { RedisWire, WireListener } from '../connection/redis-wire.port.js';
import { unrefClient } from './unref-client.js';

/*
 * The wires over ioredis. One client sends commands (command-router.ts). A second one receives wake-ups, because a
 * connection that listens cannot send. It subscribes whenever it is ready; only from then on no wake-up is missed. The
 * changes of each master come over one more connection (ioredis-change-listener.ts).
 *
 * A client that the kit has made and that has stopped connecting is connected again. ioredis stops, with any retry
 * strategy, when sentinels announce a failover while it asks them for the master.
 */

export interface IoredisWireOptions {
  /** Channel of the wake-ups. */
  readonly channel: string;
  /** True for a client that was passed in: it is never closed, and never reconnected. */
  readonly isForeign: boolean;
  readonly clock: Clock;
  /** Keeps the process alive instead of the connections. Without it, the connections do. */
  readonly hold?: ProcessHold | undefined;
  /** Called with each setting of the server that does not suit a cache. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
}

const CLOSED = /^(Connection is closed|Stream isn't writeable)/;
const NO_DATABASE = /DB index is out of range|SELECT is not allowed/;

/** States of a client that is connecting. */
const ON_THEIR_WAY = new Set(['connecting', 'connect', 'reconnecting']);
/** Events that end connecting. */
const OUTCOMES = ['ready', 'close', 'end'];

/** Time after which a client that has stopped connecting is connected again. */
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
  /** The server's refusal of the database number, after which ioredis uses database 0. */
  #wrongDatabase: Error | undefined;
  #mastersSeen = '';
  /** INFO of the server that commands go to; `undefined` before its answer. */
  #server: ServerFacts | undefined;
  /** Replication id of the server at the last connection. */
  #history: string | undefined;
  readonly #map: ClusterMap | undefined;
  #topology: TopologyListener | undefined;
  readonly #router: CommandRouter;
  readonly #unlisten: (() => void)[] = [];

  constructor(client: Client, options: IoredisWireOptions) {
    this.#client = client;
    this.#options = options;
    this.isCluster = isCluster(client);
    this.#subscriber = this.#own(subscriberOf(client));
    if (!options.isForeign) this.#own(client);
    options.hold?.need();
    this.#map = isCluster(client) ? new ClusterMap(client) : undefined;
    this.#router = new CommandRouter(client, this.#map, (isInMigration) => {
      this.#topology?.onStrayed();
      if (!isInMigration) this.#listener?.onStrayed();
    });
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

  /** Describes the server, or the cluster, for operators. */
  describe(): string | undefined {
    const masters = this.#map?.owners().length;
    return masters === undefined ? this.#server?.description : `${masters} ${masters === 1 ? 'master' : 'masters'}`;
  }

  /** The fault of a server that is connected, if any. */
  complaint(): Error | undefined {
    if (this.#map === undefined && this.#server?.isOfCluster === true)
      return new Error('MOVED the server belongs to a cluster');
    return this.#wrongDatabase;
  }

  /** The reason why the server did not answer for `limitMs`. */
  reasonForSilence(limitMs: number): Error {
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

  /** Connects. Resolves when the connection is open, or has failed. */
  async connect(): Promise<void> {
    const { status } = this.#client;
    if (this.#subscriber.status === 'wait') this.#subscriber.connect().catch(() => undefined);
    if (status === 'wait') await this.#client.connect().catch((error: unknown) => this.#note(error));
    else if (ON_THEIR_WAY.has(status)) await connectedOrNot(this.#client);
  }

  run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const { hold } = this.#options;
    const send = (): Promise<readonly Reply[]> => this.#router.run(commands);
    return hold === undefined || hold.isStanding ? send() : hold.during(send);
  }

  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    const { hold } = this.#options;
    const send = (): Promise<readonly (Buffer | null)[]> => this.#router.getAll(keys);
    return hold === undefined || hold.isStanding ? send() : hold.during(send);
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

  async diagnose(): Promise<readonly Finding[] | undefined> {
    const isOne = this.#map === undefined;
    const asked = [...this.#masterClients()].map(async ([address, client]) =>
      presentFindings(await serverFactsOf(client), isOne ? this.endpoint().subject : `Redis at ${address}`),
    );
    const answers = await Promise.allSettled(asked);
    const found = answers.filter((answer) => answer.status === 'fulfilled');
    return found.length === 0 ? undefined : found.flatMap(({ value }) => value);
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
    this.#router.announceChanges(prefix, silence);
  }

  async mayAnnounce(): Promise<boolean | undefined> {
    const channels = this.#router.channels();
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

  /** Prepares a client that the kit has made: with a `hold`, it does not keep the process alive itself. */
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

  /** A server with the same history as before has lost no acknowledged write. */
  async #connected(client: Redis, isAgain: boolean): Promise<void> {
    const before = this.#history;
    const noted = this.#noteServer(client);
    if (isAgain) {
      // A client that was passed in may send commands again that the last server did not answer.
      this.#listener?.onStrayed();
      await noted;
      if (client.status !== 'ready') return;
      if (before === undefined || before !== this.#history) this.#listener?.onMoved();
    }
    this.#listener?.onUp();
  }

  /**
   * Reads the facts of the server. After a restart or a promotion it has another replication id. If INFO is not
   * allowed, every new connection counts as a move.
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

  /** Called for each new slot map. Notices other masters. */
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
      // If it is not allowed, waiters poll.
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

  /** Keeps the last error. For a failed connection, ioredis reports the reason first, and then that it is closed. */
  #note(error: unknown): void {
    const noted = errorWithoutSecrets(error);
    const { lastNodeError } = noted as { lastNodeError?: Error };
    const isEcho = CLOSED.test((lastNodeError ?? noted).message);
    if (!isEcho || this.#lastError === undefined) this.#lastError = noted;
  }

  /** Keeps an error of a connection that only listens, unless commands can be sent. */
  #noteAside(error: unknown): void {
    if (!this.isUp()) this.#note(error);
  }

  #on(client: Client, event: string, listener: (...args: unknown[]) => void): void {
    client.on(event, listener);
    // A client without a listener for errors would end the process.
    if (event !== 'error' || this.#options.isForeign) this.#unlisten.push(() => client.off(event, listener));
  }
}

/** Resolves when a client that is connecting is connected, or has failed. */
function connectedOrNot(client: Client): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of OUTCOMES) client.off(event, settle);
      resolve();
    };
    for (const event of OUTCOMES) client.on(event, settle);
  });
}
