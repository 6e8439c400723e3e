import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../support/redis/free-port.js';

/*
 * A proxy between one process and one server that imitates network faults. Bytes always keep their order, as with TCP:
 * a black hole does not lose bytes but delays them, together with an end or a reset that follows them. So one side can
 * keep a connection open long after the other side has closed it.
 */

export type Direction = 'toServer' | 'toClient';

/** Range of round-trip times. Each connection draws one per direction, and each direction gets half of it. */
export interface Latency {
  readonly leastMs: number;
  readonly mostMs: number;
}

const DIRECTIONS: readonly Direction[] = ['toServer', 'toClient'];
/** Buffer limit per direction. Above it, the proxy reads nothing more from the sender. */
const MAX_HELD_BYTES = 8 << 20;
const ATTEMPTS = 10;

export class TcpProxy {
  readonly host = '127.0.0.1';
  readonly #links = new Set<Link>();
  readonly #held = new Set<Direction>();
  #latency: Latency | undefined;
  #server: Server | undefined;

  private constructor(
    readonly port: number,
    private readonly serverPort: number,
    private readonly random: () => number,
  ) {}

  /** Starts a proxy of the server on `serverPort` that forwards everything. */
  static async start(serverPort: number, random: () => number = Math.random): Promise<TcpProxy> {
    for (let attempt = 1; ; attempt++) {
      const proxy = new TcpProxy(await freePort(), serverPort, random);
      try {
        await proxy.accept();
        return proxy;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Resets all connections. Accepts new ones. */
  kill(): void {
    for (const link of this.#links) link.reset();
  }

  /** Refuses new connections. Existing ones continue. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Accepts new connections again. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (client) => this.#connect(client));
    this.#server = server;
    server.listen({ host: this.host, port: this.port, exclusive: true });
    await once(server, 'listening').catch((error: unknown) => {
      this.#server = undefined;
      throw error;
    });
  }

  /** Keeps connections, accepts new ones, and forwards nothing until `pass`. */
  swallow(directions: readonly Direction[] = DIRECTIONS): void {
    for (const direction of directions) this.#held.add(direction);
    this.#apply();
  }

  /** Sets the latency of bytes that arrive from now on. They do not overtake earlier bytes. */
  delay(latency: Latency): void {
    this.#latency = latency;
    this.#apply();
  }

  /** Ends all faults. */
  async pass(): Promise<void> {
    this.#held.clear();
    this.#latency = undefined;
    this.#apply();
    await this.accept();
  }

  stop(): void {
    this.refuse();
    this.kill();
  }

  #connect(client: Socket): void {
    const link = new Link(client, connect({ host: this.host, port: this.serverPort, noDelay: true }), () =>
      this.#links.delete(link),
    );
    this.#links.add(link);
    link.set(this.#held, () => this.#drawMs());
    client.resume();
  }

  #apply(): void {
    for (const link of this.#links) link.set(this.#held, () => this.#drawMs());
  }

  #drawMs(): number {
    if (this.#latency === undefined) return 0;
    const { leastMs, mostMs } = this.#latency;
    return (leastMs + this.random() * (mostMs - leastMs)) / 2;
  }
}

/** A connection of a client, together with its connection to the server. */
class Link {
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  readonly #sockets: readonly Socket[];

  constructor(client: Socket, server: Socket, onEnd: () => void) {
    this.#sockets = [client, server];
    this.#lanes = { toServer: new Lane(client, server), toClient: new Lane(server, client) };
    let open = 2;
    for (const socket of this.#sockets) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        if (--open === 0) onEnd();
      });
    }
  }

  set(held: ReadonlySet<Direction>, drawMs: () => number): void {
    for (const direction of DIRECTIONS) this.#lanes[direction].set(held.has(direction), drawMs());
  }

  reset(): void {
    for (const direction of DIRECTIONS) this.#lanes[direction].clear();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

/** One direction of a link: forwards bytes from one socket to the other, in order. */
class Lane {
  /** Items in order; `undefined` bytes mean the end of the connection. */
  #queue: { readonly dueMs: number; readonly bytes: Buffer | undefined }[] = [];
  #heldBytes = 0;
  #isHeld = false;
  #delayMs = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
  ) {
    from.on('data', (bytes: Buffer) => this.#push(bytes));
    from.once('close', () => this.#push(undefined));
  }

  set(isHeld: boolean, delayMs: number): void {
    this.#isHeld = isHeld;
    this.#delayMs = delayMs;
    this.#pump();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#queue = [];
  }

  #push(bytes: Buffer | undefined): void {
    // Not before earlier bytes: otherwise the end of a latency would change the order.
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + this.#delayMs);
    this.#queue.push({ dueMs: this.#lastDueMs, bytes });
    this.#heldBytes += bytes?.length ?? 0;
    if (this.#heldBytes > MAX_HELD_BYTES) this.from.pause();
    this.#pump();
  }

  #pump(): void {
    if (this.#isHeld || this.#timer !== undefined) return;
    const nowMs = performance.now();
    const due = this.#queue.findIndex(({ dueMs }) => dueMs > nowMs);
    for (const { bytes } of this.#queue.splice(0, due < 0 ? this.#queue.length : due)) this.#deliver(bytes);
    const [next] = this.#queue;
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      Math.ceil(next.dueMs - nowMs),
    );
  }

  #deliver(bytes: Buffer | undefined): void {
    if (bytes === undefined) {
      this.to.destroySoon();
      return;
    }
    this.to.write(bytes);
    this.#heldBytes -= bytes.length;
    if (this.from.isPaused() && this.#heldBytes <= MAX_HELD_BYTES) this.from.resume();
  }
}
