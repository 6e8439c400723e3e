import type { Redis } from 'ioredis';
import type { Clock } from '../../../core/ports/clock.port.js';
import { namesIn } from '../connection/change-messages.js';
import { errorWithoutSecrets } from './error-without-secrets.js';
import { ended } from './ioredis-clients.js';
import type { ChangeFeed, ChangeListener, ChangeHandlers } from '../connection/coherence-wire.port.js';
import { serverFactsOf } from './server-facts.js';

/** So long without an answer, and the connection is given up for a new one. */
const GIVE_UP_MS = { ping: 1_500, opening: 1_500 };
const INVALIDATIONS = '__redis__:invalidate';
/** It is not allowed, or not known to the server; all other errors pass. */
const REFUSALS = /^(NOPERM|ERR) /;

/**
 * One connection to one master that hears of changes. Messages and answers come in the order in which the server sent
 * them, so the answer to a PING proves that everything was heard that the server had done when it got that PING.
 *
 * It speaks RESP2, where a connection may be the target of its own tracking: what ioredis does with RESP3 loses these
 * messages. Nothing is restored by itself after a reconnect: tracking belongs to the connection that asked for it.
 */
export class IoredisChangeListener implements ChangeListener {
  provenMs = -Infinity;
  serverId: string | undefined;
  #isOpen = false;
  #isClosed = false;
  /** Tells answers of one connection from those of the next. */
  #connection = 0;
  #pingSentMs: number | undefined;
  #openingSinceMs: number;

  /** @param client lives for this listener, which closes it */
  constructor(
    private readonly client: Redis,
    private readonly feed: ChangeFeed,
    private readonly clock: Clock,
    private readonly handlers: ChangeHandlers,
  ) {
    this.#openingSinceMs = clock.nowMs();
    client.on('error', () => undefined);
    client.on('ready', () => void this.#open());
    client.on('close', () => this.#lose());
    client.on('messageBuffer', (_channel: Buffer, message: unknown) => this.#hear(message));
    client.on('smessageBuffer', (_channel: Buffer, message: unknown) => this.#hear(message));
    // The slot of its channel has gone to another server.
    client.on('moved', () => this.restart());
    client.connect().catch(() => undefined);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  beat(): void {
    const nowMs = this.clock.nowMs();
    if (!this.#isOpen) {
      // It gives up for good in some failovers, see IoredisWire.
      if (this.client.status === 'end') this.client.connect().catch(() => undefined);
      else if (nowMs - this.#openingSinceMs > GIVE_UP_MS.opening) this.restart();
      return;
    }
    if (this.#pingSentMs !== undefined) {
      if (nowMs - this.#pingSentMs > GIVE_UP_MS.ping) this.restart();
      return;
    }
    const connection = this.#connection;
    this.#pingSentMs = nowMs;
    this.client.ping().then(
      () => {
        if (connection !== this.#connection) return;
        this.#pingSentMs = undefined;
        this.provenMs = nowMs;
        this.handlers.onProof();
      },
      () => undefined,
    );
  }

  restart(): void {
    this.#lose();
    if (!this.#isClosed && this.client.status !== 'reconnecting') this.client.disconnect(true);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#isOpen = false;
    // Answers that are on their way belong to nobody.
    this.#connection++;
    return ended(this.client);
  }

  async #open(): Promise<void> {
    const connection = ++this.#connection;
    try {
      this.serverId = (await serverFactsOf(this.client)).id;
      await this.#subscribe();
    } catch (error) {
      if (connection !== this.#connection || this.client.status !== 'ready') return;
      if (error instanceof Error && REFUSALS.test(error.message)) this.handlers.onRefused(errorWithoutSecrets(error));
      else this.restart();
      return;
    }
    if (connection !== this.#connection || this.client.status !== 'ready') return;
    this.#isOpen = true;
    this.handlers.onOpen();
    this.beat();
  }

  async #subscribe(): Promise<void> {
    const { client, feed } = this;
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

  #hear(message: unknown): void {
    if (this.feed.kind === 'bus')
      return this.handlers.onNames(Buffer.isBuffer(message) ? namesIn(message.toString()) : undefined);
    // No list of keys: the whole database was emptied.
    return this.handlers.onNames(Array.isArray(message) ? message.map(String) : undefined);
  }

  #lose(): void {
    this.#connection++;
    this.#openingSinceMs = this.clock.nowMs();
    this.#pingSentMs = undefined;
    this.provenMs = -Infinity;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.handlers.onLost();
  }
}
