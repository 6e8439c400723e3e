import { Cluster, type ClusterOptions, Redis } from 'ioredis';
import { CacheConfigError } from '../../core/cache.errors.js';
import type { EntryCodec } from '../../core/codec.js';
import type { CacheAdapterContext } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { RedisConnection, ResolvedHybridRedisOptions, ResolvedRedisOptions } from '../../core/redis-options.js';
import { IoredisWire } from './ioredis-wire.js';
import { DISCONNECT_LIMIT_MS } from './listening-clients.js';
import { RedisAdapter } from './redis.adapter.js';
import { RedisCoherence } from './redis-coherence.js';
import { RedisKeys } from './redis-keys.js';

/** How long the start of an application waits for Redis; it goes on without it. */
const START_LIMIT_MS = 1_000;

/** The adapter for a Redis that may be away: it is looked for as long as the adapter is open. */
export async function openRedisAdapter(options: ResolvedRedisOptions, codec: EntryCodec, context: CacheAdapterContext): Promise<RedisAdapter> {
  const { adapter, ready } = openWith(wireFor(options, context), options, codec, context);
  await untilStarted(ready(), context.clock);
  return adapter;
}

/** The same as a far tier, and what keeps copies of its entries from growing old. */
export async function openCoherentRedis(options: ResolvedHybridRedisOptions, codec: EntryCodec, context: CacheAdapterContext): Promise<{ far: RedisAdapter; coherence: RedisCoherence }> {
  const { name, version, clock } = context;
  const wire = wireFor(options, context);
  const keys = new RedisKeys({ keyPrefix: options.keyPrefix, name, version, parts: 1 });
  const coherence = new RedisCoherence(wire, { mode: options.coherence, maxStalenessMs: options.maxStalenessMs, keys, clock, onNotice: (sentence) => context.onNotice(sentence) });
  const { adapter, ready } = openWith(wire, options, codec, context);
  coherence.start();
  await untilStarted(ready().then(() => (wire.isUp() ? coherence.firstProof : undefined)), clock);
  return { far: adapter, coherence };
}

function wireFor({ connection, keyPrefix }: ResolvedRedisOptions, { name, version, clock }: CacheAdapterContext): IoredisWire {
  const { wake } = new RedisKeys({ keyPrefix, name, version, parts: 1 });
  return new IoredisWire(clientFor(connection, `${keyPrefix}:${name}`), { channel: wake, isForeign: connection.kind === 'client', clock });
}

function openWith(wire: IoredisWire, { keyPrefix, commandTimeoutMs }: ResolvedRedisOptions, codec: EntryCodec, context: CacheAdapterContext) {
  const adapter = new RedisAdapter(wire, { keyPrefix, version: context.version, codec, commandTimeoutMs }, context);
  return { adapter, ready: () => wire.connect().then(() => adapter.ready()) };
}

async function untilStarted(started: Promise<unknown>, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.schedule(START_LIMIT_MS, resolve);
    const goOn = (): void => {
      timer.cancel();
      resolve();
    };
    started.then(goOn, goOn);
  });
}

/**
 * Connections that never keep a command back: what cannot be sent now fails now, what was sent and not answered is not
 * sent again, and connecting goes on for ever.
 */
function clientFor(connection: RedisConnection, label: string): Redis | Cluster {
  if (connection.kind === 'client') {
    if (connection.client instanceof Redis || connection.client instanceof Cluster) return connection.client;
    throw new CacheConfigError('Expected `redis.client` to be a Redis or Cluster of the ioredis 6 that is installed beside the kit; it is of another copy or version.');
  }
  const own = {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    disconnectTimeout: DISCONNECT_LIMIT_MS,
    // How often a server that loads its data is asked again. What it says of the time it will take is a guess.
    maxLoadingRetryTime: 1_000,
    // Its name in CLIENT LIST; spaces are not allowed there.
    connectionName: label.replace(/\s/g, '_'),
    ...connection.options,
  };
  const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 10), 1_000) * (0.75 + Math.random() / 2);
  switch (connection.kind) {
    case 'single':
      return new Redis(connection.url, { retryStrategy, ...own });
    case 'sentinel':
      return new Redis({ retryStrategy, sentinelRetryStrategy: retryStrategy, failoverDetector: true, name: connection.name, sentinels: [...connection.sentinels], ...own });
    case 'cluster':
      return new Cluster([...connection.nodes], clusterOptions(own, retryStrategy, connection.clusterOptions));
  }
}

function clusterOptions<Own extends { enableOfflineQueue: boolean }>(own: Own, retryStrategy: (times: number) => number, given: ClusterOptions) {
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
