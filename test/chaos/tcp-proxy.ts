import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../support/redis/free-port.js';

/*
 * Stands between one process and one server, and does to their connections what networks do. Bytes keep their order
 * whatever happens, as TCP would have it: what a black hole swallows is not lost but late, and an end or a reset that
 * follows it is late, too, so that one side may believe for long in a connection that the other has given up.
 */

export type Direction = 'toServer' | 'toClient';

/** What every connection draws its own latency from, once for each direction: half of the way there and back. */
export interface Latency {
  readonly leastMs: number;
  readonly mostMs: number;
}

const DIRECTIONS: readonly Direction[] = ['toServer', 'toClient'];
/** Beyond so much that is held back, nothing more is taken from the sender. */
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

  /** A proxy of the server on `serverPort` that lets everything pass. */
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

  /** Resets all connections. New ones are taken. */
  kill(): void {
    for (const link of this.#links) link.reset();
  }

  /** New connections are refused from now on, those that there are go on. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Takes new connections again. */
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

  /** Keeps connections, takes new ones, and forwards nothing until it is told to pass again. */
  swallow(directions: readonly Direction[] = DIRECTIONS): void {
    for (const direction of directions) this.#held.add(direction);
    this.#apply();
  }

  /** What is on its way already keeps its delay, and what comes later does not overtake it. */
  delay(latency: Latency): void {
    this.#latency = latency;
    this.#apply();
  }

  /** All is well again. */
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

/** One connection of a client, and the one to the server that was made for it. */
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

/** What goes from one socket to the other, in order. */
class Lane {
  /** Without bytes it is the end. */
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
    // Never before what came before it: a latency that is taken away would else turn bytes around.
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
