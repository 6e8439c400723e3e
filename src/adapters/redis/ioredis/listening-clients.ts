import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { withQuietSentinels } from './quiet-sentinels.js';

/** How long a server that is told of the end of a connection may take to end its own side. */
export const DISCONNECT_LIMIT_MS = 100;

/** For messages that may be missed: commands wait for the connection, which comes back for ever. */
export function subscriberOf(client: Redis | Cluster): Redis | Cluster {
  const own = { enableOfflineQueue: true, lazyConnect: true, autoResubscribe: false, enableAutoPipelining: false };
  const redisOptions = { maxRetriesPerRequest: null, autoResubscribe: false, disconnectTimeout: DISCONNECT_LIMIT_MS };
  return client.isCluster
    ? (client as Cluster).duplicate([], { ...own, redisOptions })
    : withQuietSentinels((client as Redis).duplicate({ ...own, ...redisOptions }));
}

/**
 * For messages that must not be missed: nothing waits and nothing is restored, and a lost connection is sought anew at
 * once.
 */
export function sinkClientOf(master: Redis): Redis {
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
  return withQuietSentinels(master.duplicate<Partial<RedisOptions>>(own));
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
