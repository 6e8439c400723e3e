import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import type { RedisConnection } from '../options/redis-connection.js';
import type { Client } from './ioredis-send.js';
import { ignoreSentinelErrors } from './sentinel-errors.js';

/*
 * The clients of ioredis 5 and 6, and what is different between them:
 *
 * - 6 speaks RESP3 unless told otherwise, and drops the messages of tracking then: connections that listen for
 *   changes ask for RESP2.
 *   5 does not know the options `protocol` and `replyMapping`, and ignores them.
 * - A client that is handed in may map replies of RESP3 to other shapes than an array of strings. The commands that are
 *   sent here are answered alike by both mappings, but for scores, which may be numbers: `scoreOf` in entry-walk.ts takes both.
 * - 6 retries more slowly (5 s at most, against 2 s), and with 20 attempts for each command. Neither is left to a
 *   default.
 * - 5 sends no keep-alive probes unless told to.
 * - A client of one major is no `instanceof` the other, and a copy inside of another package is not either: a client is
 *   known by what it can do.
 */

/** How long a server that is told of the end of a connection may take to end its own side. */
const DISCONNECT_LIMIT_MS = 100;

export function isCluster(client: Client): client is Cluster {
  return client.isCluster;
}

/**
 * Connections that never keep a command back: what cannot be sent now fails now, what was sent and not answered is not
 * sent again, and connecting goes on for ever.
 * @param label names the connections in CLIENT LIST
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
    // How often a server that loads its data is asked again. What it says of the time it will take is a guess.
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

/** ioredis is loaded for those who need a connection, and nobody else need have it. */
async function loadIoredis(): Promise<Pick<typeof import('ioredis'), 'Cluster' | 'Redis'>> {
  try {
    return await import('ioredis');
  } catch (cause) {
    throw new CacheConfigError(
      'The backends `redis` and `hybrid` need the package `ioredis`, version 5.4 or later. Install it with `npm install ioredis`.',
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

/** For messages that may be missed: commands wait for the connection, which comes back for ever. */
export function subscriberOf(client: Redis | Cluster): Redis | Cluster {
  const own = { enableOfflineQueue: true, lazyConnect: true, autoResubscribe: false, enableAutoPipelining: false };
  const redisOptions = { maxRetriesPerRequest: null, autoResubscribe: false, disconnectTimeout: DISCONNECT_LIMIT_MS };
  return client.isCluster
    ? (client as Cluster).duplicate([], { ...own, redisOptions })
    : ignoreSentinelErrors((client as Redis).duplicate({ ...own, ...redisOptions }));
}

/**
 * For messages that must not be missed: nothing waits and nothing is restored, and a lost connection is sought anew at
 * once.
 */
export function changeClientOf(master: Redis): Redis {
  const own: RedisOptions = {
    // With RESP3 ioredis drops what tracking tells.
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

/** Clients without a connection tell of no end. */
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
