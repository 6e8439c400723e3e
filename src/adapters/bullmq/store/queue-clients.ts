import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { QueueConnection } from './queue-connection.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';

export type Client = Redis | Cluster;
type RedisClass = typeof import('ioredis').Redis;

/** Time that a server has to end its side of a connection, in ms. */
const DISCONNECT_LIMIT_MS = 100;
/** States of a client without a connection: it emits no `end`. */
const UNCONNECTED = new Set(['wait', 'reconnecting', 'close']);

/** Options of all clients: those of the user change how a server is reached, not how commands behave. */
const COMMON = {
  lazyConnect: false,
  disconnectTimeout: DISCONNECT_LIMIT_MS,
  // The shapes of replies, and the order of commands, must not depend on the options of the user.
  protocol: 2,
  replyMapping: 'legacy',
  stringNumbers: false,
  enableAutoPipelining: false,
  retryStrategy,
} as const satisfies RedisOptions;

/** For commands of the kit: one that cannot be sent fails, and one without an answer is not sent again. */
const COMMANDS = {
  ...COMMON,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
} as const satisfies RedisOptions;

/** For BullMQ, which wants its commands to wait for the connection. */
const JOBS = { ...COMMON, maxRetriesPerRequest: null, enableOfflineQueue: true } as const satisfies RedisOptions;

type OwnOptions = typeof COMMANDS | typeof JOBS;

/** The connections of one queue. */
export class QueueClients {
  /** For the scripts of the kit. */
  readonly commands: Client;
  /** For BullMQ, which makes copies of it where it waits for jobs. */
  readonly jobs: Client;
  /** For waiting until a write has ended. */
  readonly outcomes: Client;
  readonly #all = new Set<Client>();
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;

  constructor(
    connection: QueueConnection,
    redisClass: RedisClass,
    { clock, onError }: { clock: Clock; onError: (error: Error) => void },
  ) {
    this.#clock = clock;
    this.#onError = onError;
    const make = (options: OwnOptions): Client => this.#track(clientFor(connection, redisClass, options));
    this.commands = make(COMMANDS);
    this.outcomes = make(COMMANDS);
    this.jobs = make(JOBS);
    const duplicate = this.jobs.duplicate.bind(this.jobs) as (...parameters: unknown[]) => Client;
    this.jobs.duplicate = ((...parameters: unknown[]) => this.#track(duplicate(...parameters))) as never;
  }

  /** True when a command of the kit would be sent now. */
  get isReady(): boolean {
    return isReady(this.commands);
  }

  /** Ends all connections, also those that BullMQ has made. */
  async close(): Promise<void> {
    const ends = [...this.#all].map((client) => ended(client));
    await settledWithin(this.#clock, 2 * DISCONNECT_LIMIT_MS, Promise.all(ends));
  }

  #track(client: Client): Client {
    this.#all.add(client);
    client.on('error', this.#onError);
    return client;
  }
}

export function isReady({ status, isCluster }: Client): boolean {
  return status === 'ready' || (isCluster && status === 'connect');
}

function clientFor(connection: QueueConnection, redisClass: RedisClass, own: OwnOptions): Client {
  switch (connection.kind) {
    case 'url':
      return new redisClass(connection.url, { ...connection.options, ...own });
    case 'options':
      return new redisClass({ ...connection.options, ...own });
    case 'client':
      return copyOf(connection.client as Client, own);
  }
}

function copyOf(client: Client, own: OwnOptions): Client {
  if (!client.isCluster) return (client as Redis).duplicate(own);
  const { enableOfflineQueue, lazyConnect, retryStrategy: _node, ...ofNodes } = own;
  const options: ClusterOptions = { enableOfflineQueue, lazyConnect, clusterRetryStrategy: retryStrategy };
  const { redisOptions } = (client as Cluster).options;
  return (client as Cluster).duplicate([], { ...options, redisOptions: { ...redisOptions, ...ofNodes } });
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), 1_000) * (0.75 + Math.random() / 2);
}

/** Ends a client, and resolves when its connection is gone. */
function ended(client: Client): Promise<void> {
  if (client.status === 'end') return Promise.resolve();
  if (UNCONNECTED.has(client.status)) {
    client.disconnect();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    client.once('end', resolve);
    client.disconnect();
  });
}
