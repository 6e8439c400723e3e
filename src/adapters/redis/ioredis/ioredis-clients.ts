import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import type { RedisConnection } from '../options/redis-connection.js';
import type { Client } from './ioredis-send.js';
import { ignoreSentinelErrors } from './sentinel-errors.js';

/*
 * Makes clients of ioredis 5 or 6. The differences between both majors:
 *
 * - 6 speaks RESP3 by default, and drops the messages of tracking then: connections that listen for changes ask for
 *   RESP2. 5 ignores the options `protocol` and `replyMapping`.
 * - A client that was passed in may map replies of RESP3 to other shapes than an array of strings. The replies to the
 *   commands of this adapter are the same in both mappings, except for scores, which may be numbers: `pageIn` in
 *   entry-walk.ts accepts both.
 * - 6 retries more slowly (5 s at most, against 2 s), and with 20 attempts per command. All of that is set here.
 * - 5 sends no keep-alive probes by default.
 * - A client of one major is not an `instanceof` the other, nor is one of another copy of the package: so a client is
 *   recognized by its properties.
 */

/** Time that a server has to end its side of a connection, in ms. */
const DISCONNECT_LIMIT_MS = 100;

export function isCluster(client: Client): client is Cluster {
  return client.isCluster;
}

/**
 * Makes the client for commands, or returns the one that was passed in. Its commands never wait: one that cannot be
 * sent now fails now, and one that was sent and not answered is not sent again. Connecting is retried without end.
 * @param label the name of the connections in CLIENT LIST
 * @throws CacheConfigError when a connection has to be made and ioredis is not installed
 */
export async function clientFor(connection: RedisConnection, label: string): Promise<Client> {
  if (connection.kind === 'client') return connection.client as Client;
  const { Cluster, Redis } = await loadIoredis();
  const own = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    keepAlive: 30_000,
    disconnectTimeout: DISCONNECT_LIMIT_MS,
    // Time after which a server that loads its data is asked again. Its own estimate is only a guess.
    maxLoadingRetryTime: 1_000,
    // Spaces are not allowed there.
    connectionName: label.replace(/\s/g, '_'),
    ...connection.options,
  };
  switch (connection.kind) {
    case 'single':
      return new Redis(connection.url, { retryStrategy, ...own });
    case 'sentinel':
      return ignoreSentinelErrors(
        new Redis({
          retryStrategy,
          sentinelRetryStrategy: retryStrategy,
          failoverDetector: true,
          name: connection.name,
          sentinels: [...connection.sentinels],
          ...own,
        }),
      );
    case 'cluster':
      return new Cluster([...connection.nodes], clusterOptions(own, connection.clusterOptions));
  }
}

/** Loads ioredis when a connection is needed. Other applications need not have it installed. */
async function loadIoredis(): Promise<Pick<typeof import('ioredis'), 'Cluster' | 'Redis'>> {
  try {
    return await import('ioredis');
  } catch (cause) {
    throw new CacheConfigError(
      'The backends `redis` and `hybrid` need the package `ioredis`, version 5.4 or later. ' +
        'Install it with `npm install ioredis`.',
      { cause },
    );
  }
}

function retryStrategy(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 10), 1_000) * (0.75 + Math.random() / 2);
}

function clusterOptions<Own extends { enableOfflineQueue: boolean }>(own: Own, given: ClusterOptions) {
  const { enableOfflineQueue: _queue, ...redisOptions } = own;
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    slotsRefreshTimeout: 1_000,
    slotsRefreshInterval: 2_000,
    maxRedirections: 8,
    retryDelayOnFailover: 100,
    ...given,
    redisOptions: { ...redisOptions, ...given.redisOptions },
  };
}

/** Makes the client for wake-ups, which may be missed: commands wait for the connection, and it is always restored. */
export function subscriberOf(client: Redis | Cluster): Redis | Cluster {
  const own = { enableOfflineQueue: true, lazyConnect: true, autoResubscribe: false, enableAutoPipelining: false };
  const redisOptions = { maxRetriesPerRequest: null, autoResubscribe: false, disconnectTimeout: DISCONNECT_LIMIT_MS };
  return client.isCluster
    ? (client as Cluster).duplicate([], { ...own, redisOptions })
    : ignoreSentinelErrors((client as Redis).duplicate({ ...own, ...redisOptions }));
}

/**
 * Makes the client for changes, which must not be missed: no command waits, no subscription is restored, and a lost
 * connection is replaced at once.
 */
export function changeClientOf(master: Redis): Redis {
  const own: RedisOptions = {
    // With RESP3, ioredis drops the messages of tracking.
    protocol: 2,
    replyMapping: 'legacy',
    stringNumbers: false,
    enableAutoPipelining: false,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    disconnectTimeout: DISCONNECT_LIMIT_MS,
    retryStrategy: (times) => Math.min(25 * 2 ** times, 250) * (0.75 + Math.random() / 2),
  };
  return ignoreSentinelErrors(master.duplicate<Partial<RedisOptions>>(own));
}

/** States of a client without a connection: it emits no `end`. */
const UNCONNECTED = new Set(['wait', 'reconnecting', 'close', 'end']);

/** Ends a client, and resolves when its connection is gone. */
export function ended(client: Redis | Cluster): Promise<void> {
  if (UNCONNECTED.has(client.status)) {
    client.disconnect();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    client.once('end', resolve);
    client.disconnect();
  });
}
