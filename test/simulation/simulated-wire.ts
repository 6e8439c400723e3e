import { hashSlot } from '../../src/adapters/redis/protocol/hash-slot.js';
import type { Command, Reply } from '../../src/adapters/redis/connection/command.js';
import type { RedisWire, WireListener } from '../../src/adapters/redis/connection/redis-wire.port.js';
import type { SimulatedRedis } from './simulated-redis.js';
import type { Owner, VirtualTime } from './virtual-time.js';

/*
 * The network between a simulated process and the servers. Each connection has two pipes that keep their order. A drop
 * ends a connection for the process at once. Commands sent before can still be on their way to the server, and can run
 * there after commands of the next connection, as with real sockets.
 */

/** Current behaviour of the network. */
export interface Network {
  /** Time that a message takes. */
  latencyMs(): number;
  /** Time that other clients use on the server between two commands that were sent together. */
  gapMs(): number;
  fate(): 'delivered' | 'request lost' | 'reply lost';
  isWakeLost(): boolean;
  /** Time until a dropped connection is back. */
  awayMs(): number;
  /** True when commands under way at a drop are lost. */
  isLostByDrop(): boolean;
}

/** Changes of a mutant to sent commands. */
export interface Tampering {
  rewrite?(command: Command): Command;
}

export interface WireParts {
  readonly time: VirtualTime;
  readonly process: Owner;
  readonly servers: readonly SimulatedRedis[];
  readonly network: Network;
  readonly tampering: Tampering;
  readonly log: ((line: string) => void) | undefined;
}

export class SimulatedWire implements RedisWire {
  readonly isCluster: boolean;
  readonly #parts: WireParts;
  readonly #connections: Connection[];
  #listener: WireListener | undefined;
  #isListening = true;
  #isClosed = false;
  readonly #unsubscribe: (() => void)[];

  constructor(parts: WireParts) {
    this.#parts = parts;
    this.isCluster = parts.servers.length > 1;
    this.#connections = parts.servers.map((server) => new Connection(server, parts));
    this.#unsubscribe = parts.servers.map((server) => server.subscribe((message) => this.#deliver(message)));
  }

  isUp(): boolean {
    return this.isCluster || this.#only.isUp;
  }

  lastError(): Error | undefined {
    return undefined;
  }

  async run(commands: readonly Command[]): Promise<readonly Reply[]> {
    const { rewrite } = this.#parts.tampering;
    const sent = rewrite === undefined ? commands : commands.map((command) => rewrite(command));
    const replies = new Array<Reply>(sent.length).fill(null);
    const groups = grouped(
      sent.map((_, i) => i),
      (i) => this.#connectionOf(sent[i] as Command),
    );
    await Promise.all(
      [...groups].map(async ([connection, indices]) => {
        const answers = await connection.send<Reply>(
          indices.map((i) => () => connection.server.run(sent[i] as Command)),
          (error) => error,
        );
        answers.forEach((answer, i) => (replies[indices[i] as number] = answer));
        this.#parts.log?.(indices.map((i) => shown(sent[i] as Command, replies[i] as Reply)).join(' | '));
      }),
    );
    return replies;
  }

  async getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    if (this.isCluster) {
      const replies = await this.run(keys.map((key) => ({ name: 'GET', keys: [key], args: [] })));
      return replies.map((reply) => {
        if (reply instanceof Error && !reply.message.startsWith('WRONGTYPE')) throw reply;
        return Buffer.isBuffer(reply) ? reply : null;
      });
    }
    const connection = this.#only;
    const [values] = await connection.send<(Buffer | null)[] | Error>(
      [() => connection.server.getAll(keys)],
      (error) => error,
    );
    this.#parts.log?.(`MGET ${keys.join(' ')} = ${shownReply(values as Reply)}`);
    if (values instanceof Error) throw values;
    return values as (Buffer | null)[];
  }

  serverOf(name: string): string {
    return this.#connectionOf({ name: 'GET', keys: [name], args: [] }).server.name;
  }

  masters(): readonly string[] {
    return this.#connections.map(({ server }) => server.name);
  }

  async scan(
    master: string,
    cursor: string,
    match: string,
  ): Promise<{ readonly cursor: string; readonly keys: readonly string[] }> {
    const connection = this.#connections.find(({ server }) => server.name === master);
    if (connection === undefined) throw new Error(`Expected a master of ${this.masters().join(', ')}, got ${master}.`);
    // Steps of three keys. Real steps are longer, but here are only a few keys.
    const [step] = await connection.send<{ cursor: string; keys: string[] } | Error>(
      [() => connection.server.scan(cursor, match, 3)],
      (error) => error,
    );
    if (step instanceof Error) throw step;
    return step as { cursor: string; keys: string[] };
  }

  isListening(): boolean {
    return this.#isListening;
  }

  reconnect(): void {
    if (!this.isCluster) this.drop(0);
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.isUp()) listener.onUp();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.die();
  }

  /** Ends the wire of a killed process. Commands sent before can still arrive. */
  die(): void {
    this.#isListening = false;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
  }

  /** Drops the connection to a server for a time. @param isServerGone true when commands under way do not arrive */
  drop(index: number, isServerGone = false): void {
    const connection = this.#connections[index] as Connection;
    if (!connection.drop(isServerGone) || this.#isClosed) return;
    if (!this.isCluster) this.#listener?.onDown();
    this.#isListening = false;
    this.#comeBack(connection);
  }

  /** Makes a connection half open: no message passes, and nobody is notified. */
  swallow(index: number, untilMs: number): void {
    (this.#connections[index] as Connection).swallowedUntilMs = untilMs;
  }

  #comeBack(connection: Connection): void {
    const { time, process, network } = this.#parts;
    time.at(time.nowMs + network.awayMs(), process, () => {
      if (this.#isClosed) return;
      if (connection.server.frozenUntilMs > time.nowMs) return this.#comeBack(connection);
      connection.open();
      this.#isListening = true;
      if (this.isCluster) return;
      this.#listener?.onMoved();
      this.#listener?.onUp();
    });
  }

  get #only(): Connection {
    return this.#connections[0] as Connection;
  }

  #connectionOf({ keys }: Command): Connection {
    return this.#connections[this.isCluster ? hashSlot(keys[0] as string) % this.#connections.length : 0] as Connection;
  }

  #deliver(message: string): void {
    const { time, process, network } = this.#parts;
    if (network.isWakeLost()) return;
    time.at(time.nowMs + network.latencyMs(), process, () => {
      if (this.#isListening) this.#listener?.onWake(message);
    });
  }
}

class Connection {
  isUp = true;
  swallowedUntilMs = 0;
  /** State of the connection between connecting and dropping. */
  #life = { hasEnded: false, isCut: false, lastArrivalMs: 0, lastReplyMs: 0 };
  #waiting = new Set<(error: Error) => void>();

  constructor(
    readonly server: SimulatedRedis,
    private readonly parts: WireParts,
  ) {}

  /** Runs the steps on the server in order. @returns their results; might never settle */
  send<T>(steps: readonly (() => T)[], failed: (error: Error) => T): Promise<T[]> {
    if (!this.isUp) return Promise.resolve(steps.map(() => failed(new Error('Connection is closed.'))));
    const { time, network } = this.parts;
    const life = this.#life;
    const fate = this.swallowedUntilMs > time.nowMs ? 'request lost' : network.fate();
    return new Promise((resolve) => {
      const fail = (reason: Error): void => resolve(steps.map(() => failed(reason)));
      this.#waiting.add(fail);
      if (fate === 'request lost') return;
      const answers: T[] = [];
      let atMs = Math.max(life.lastArrivalMs, time.nowMs + network.latencyMs());
      for (let i = 0; i < steps.length;) {
        const begin = i;
        let gapMs = 0;
        for (i++; i < steps.length && (gapMs = network.gapMs()) === 0; i++);
        const some = steps.slice(begin, i);
        const isLast = i === steps.length;
        time.at(atMs, this.server, () => {
          if (life.hasEnded && (life.isCut ||= network.isLostByDrop())) return;
          for (const step of some) answers.push(step());
          if (isLast && !life.hasEnded && fate === 'delivered') this.#answer(fail, () => resolve(answers));
        });
        atMs += gapMs;
      }
      life.lastArrivalMs = atMs;
    });
  }

  /** Drops the connection. False when it was down already. */
  drop(isServerGone: boolean): boolean {
    if (isServerGone) this.#life.isCut = true;
    this.#life.hasEnded = true;
    if (!this.isUp) return false;
    this.isUp = false;
    for (const fail of this.#waiting) fail(new Error('Connection is closed.'));
    this.#waiting.clear();
    return true;
  }

  open(): void {
    this.isUp = true;
    this.swallowedUntilMs = 0;
    this.#life = { hasEnded: false, isCut: false, lastArrivalMs: 0, lastReplyMs: 0 };
  }

  #answer(fail: (error: Error) => void, settle: () => void): void {
    const { time, process, network } = this.parts;
    const life = this.#life;
    life.lastReplyMs = Math.max(life.lastReplyMs, time.nowMs + network.latencyMs());
    time.at(life.lastReplyMs, process, () => {
      if (this.#waiting.delete(fail)) settle();
    });
  }
}

function grouped<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function shown({ name, keys, args }: Command, reply: Reply): string {
  const words = [...keys.map((key) => key.replace(/^k:default:/, '')), ...args.map(String)];
  return `${name} ${words.join(' ')} = ${shownReply(reply)}`;
}

function shownReply(reply: Reply): string {
  if (reply instanceof Error) return `(${reply.message})`;
  if (Array.isArray(reply)) return `[${reply.map(shownReply).join(', ')}]`;
  return Buffer.isBuffer(reply) ? JSON.stringify(reply.toString('latin1').replace(/[^ -~]+/g, '~')) : String(reply);
}
