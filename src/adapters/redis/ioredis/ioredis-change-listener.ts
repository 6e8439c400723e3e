import type { Redis } from 'ioredis';
import type { Clock } from '../../../core/ports/clock.port.js';
import { namesIn } from '../connection/change-messages.js';
import { errorWithoutSecrets } from '../../../core/vocabulary/error-without-secrets.js';
import { ended } from './ioredis-clients.js';
import type { ChangeFeed, ChangeListener, ChangeHandlers } from '../connection/coherence-wire.port.js';
import { serverFactsOf } from './server-facts.js';

/** Time without an answer after which the connection is replaced. */
const GIVE_UP_MS = { ping: 1_500, opening: 1_500 };
const INVALIDATIONS = '__redis__:invalidate';
/** Errors of a command that the server does not allow, or does not know. All others are temporary. */
const REFUSALS = /^(NOPERM|ERR) /;

/**
 * A connection to one master that receives its changes. Messages and answers arrive in the order in which the server
 * sent them. So the answer to a PING proves that all changes were received that the server had made when it got that
 * PING.
 *
 * It speaks RESP2, in which a connection can be the target of its own tracking. With RESP3, ioredis loses these
 * messages. After a reconnection tracking is requested again, because it belongs to one connection.
 */
export class IoredisChangeListener implements ChangeListener {
  provenMs = -Infinity;
  serverId: string | undefined;
  #isOpen = false;
  #isClosed = false;
  /** Number of the present connection, by which late answers to an earlier one are recognized. */
  #connection = 0;
  #pingSentMs: number | undefined;
  #openingSinceMs: number;

  readonly #client: Redis;
  readonly #feed: ChangeFeed;
  readonly #clock: Clock;
  readonly #handlers: ChangeHandlers;

  /** @param client used by this listener alone, which closes it */
  constructor(client: Redis, feed: ChangeFeed, clock: Clock, handlers: ChangeHandlers) {
    this.#client = client;
    this.#feed = feed;
    this.#clock = clock;
    this.#handlers = handlers;
    this.#openingSinceMs = clock.nowMs();
    client.on('error', () => undefined);
    client.on('ready', () => void this.#open());
    client.on('close', () => this.#lose());
    client.on('messageBuffer', (_channel: Buffer, message: unknown) => this.#receive(message));
    client.on('smessageBuffer', (_channel: Buffer, message: unknown) => this.#receive(message));
    // The slot of its channel has moved to another server.
    client.on('moved', () => this.restart());
    client.connect().catch(() => undefined);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  beat(): void {
    const nowMs = this.#clock.nowMs();
    if (!this.#isOpen) {
      // ioredis stops reconnecting in some failovers, see IoredisWire.
      if (this.#client.status === 'end') this.#client.connect().catch(() => undefined);
      else if (nowMs - this.#openingSinceMs > GIVE_UP_MS.opening) this.restart();
      return;
    }
    if (this.#pingSentMs !== undefined) {
      if (nowMs - this.#pingSentMs > GIVE_UP_MS.ping) this.restart();
      return;
    }
    const connection = this.#connection;
    this.#pingSentMs = nowMs;
    this.#client.ping().then(
      () => {
        if (connection !== this.#connection) return;
        this.#pingSentMs = undefined;
        this.provenMs = nowMs;
        this.#handlers.onProof();
      },
      () => undefined,
    );
  }

  restart(): void {
    this.#lose();
    if (!this.#isClosed && this.#client.status !== 'reconnecting') this.#client.disconnect(true);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#isOpen = false;
    // Answers that arrive from now on are ignored.
    this.#connection++;
    return ended(this.#client);
  }

  async #open(): Promise<void> {
    const connection = ++this.#connection;
    try {
      this.serverId = (await serverFactsOf(this.#client)).id;
      await this.#subscribe();
    } catch (error) {
      if (connection !== this.#connection || this.#client.status !== 'ready') return;
      if (error instanceof Error && REFUSALS.test(error.message)) this.#handlers.onRefused(errorWithoutSecrets(error));
      else this.restart();
      return;
    }
    if (connection !== this.#connection || this.#client.status !== 'ready') return;
    this.#isOpen = true;
    this.#handlers.onOpen();
    this.beat();
  }

  async #subscribe(): Promise<void> {
    const client = this.#client;
    const feed = this.#feed;
    if (feed.kind === 'bus') {
      await (feed.isSharded ? client.ssubscribe(feed.channel) : client.subscribe(feed.channel));
      return;
    }
    const id = await client.client('ID');
    await client.call(
      'CLIENT',
      'TRACKING',
      'ON',
      'REDIRECT',
      String(id),
      'BCAST',
      ...feed.prefixes.flatMap((prefix) => ['PREFIX', prefix]),
    );
    await client.subscribe(INVALIDATIONS);
  }

  #receive(message: unknown): void {
    if (this.#feed.kind === 'bus')
      return this.#handlers.onNames(Buffer.isBuffer(message) ? namesIn(message.toString()) : undefined);
    // Without a list of keys, the whole database was emptied.
    return this.#handlers.onNames(Array.isArray(message) ? message.map(String) : undefined);
  }

  #lose(): void {
    this.#connection++;
    this.#openingSinceMs = this.#clock.nowMs();
    this.#pingSentMs = undefined;
    this.provenMs = -Infinity;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#handlers.onLost();
  }
}
