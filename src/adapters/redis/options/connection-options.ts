import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { checkNames, expected } from '../../../core/vocabulary/option-checks.js';
import { clusterConnection } from './cluster-nodes.js';
import { checkClientOptions, checkClusterOptions } from './ioredis-options.js';
import { readAddress, readNode, type RedisAddress } from './redis-address.js';
import type { RedisClient, RedisConnection } from './redis-connection.js';
import { readUrl } from './redis-url.js';

/** The servers to connect to: exactly one of `url`, `cluster`, `sentinel` and `client`. */
export interface ConnectionOptions {
  /**
   * `redis://`, `rediss://` (TLS), `redis-sentinel://host:port,host:port/name`, or a comma-separated list of cluster
   * nodes.
   */
  url?: string;
  /** Nodes of a cluster to ask for the others; `options` are those of ioredis' `Cluster`. */
  cluster?: { nodes: (string | RedisAddress)[]; options?: object };
  /** The master that Sentinel knows as `name`. */
  sentinel?: { name: string; sentinels: RedisAddress[] };
  /** A `Redis` or `Cluster` of ioredis 5 or 6 that is yours: it is never closed, and its options are left alone. */
  client?: RedisClient;
  /** Options of ioredis for connections that the kit makes, such as `tls`, `username`, `db`. */
  options?: object;
}

const PLACES = ['url', 'cluster', 'sentinel', 'client'] as const satisfies (keyof ConnectionOptions)[];

export const CONNECTION_OPTION_NAMES: readonly (keyof ConnectionOptions)[] = [...PLACES, 'options'];

/** @throws CacheConfigError that names the option that is missing, wrong or contradictory; it shows no password */
export function readConnection(redis: ConnectionOptions): RedisConnection {
  checkOnePlace(redis);
  const options = readObject(redis.options, 'redis.options');
  checkClientOptions(options, '`redis.options`');
  if (redis.client !== undefined) return readClient(redis.client, redis.options);
  if (redis.cluster !== undefined) return readCluster(redis.cluster, options);
  if (redis.sentinel !== undefined) return readSentinel(redis.sentinel, options);
  return readUrl(redis.url, options);
}

function checkOnePlace(redis: ConnectionOptions): void {
  const given = PLACES.filter((place) => redis[place] !== undefined);
  if (given.length === 0)
    throw new CacheConfigError(
      'Expected one of `redis.url`, `redis.cluster`, `redis.sentinel` and `redis.client`, got none.',
    );
  if (given.length > 1)
    throw new CacheConfigError(
      `Expected one of \`redis.${given.join('` and `redis.')}\`, got ${given.length}. Leave out all but one.`,
    );
}

function readCluster(cluster: unknown, options: object): RedisConnection {
  checkNames(cluster, ['nodes', 'options'], 'redis.cluster.');
  const { nodes, options: clusterOptions } = cluster as { nodes?: unknown; options?: unknown };
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw expected('redis.cluster.nodes', 'an array of at least one node', nodes);
  const checked = nodes.map((node: unknown) =>
    typeof node === 'string' ? readNode(node) : readAddress(node, 'redis.cluster.nodes'),
  );
  const read = readObject(clusterOptions, 'redis.cluster.options');
  checkClusterOptions(read, '`redis.cluster.options`');
  return clusterConnection(checked, read, options);
}

function readSentinel(sentinel: unknown, options: object): RedisConnection {
  checkNames(sentinel, ['name', 'sentinels'], 'redis.sentinel.');
  const { name, sentinels } = sentinel as { name?: unknown; sentinels?: unknown };
  if (typeof name !== 'string' || name === '')
    throw expected('redis.sentinel.name', "the name of the master, such as 'mymaster'", name);
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    throw expected('redis.sentinel.sentinels', 'an array of at least one { host, port }', sentinels);
  const addresses = sentinels.map((address: unknown) => readAddress(address, 'redis.sentinel.sentinels'));
  return { kind: 'sentinel', name, sentinels: addresses, options };
}

function readClient(client: unknown, options: object | undefined): RedisConnection {
  if (options !== undefined)
    throw new CacheConfigError(
      'Expected `redis.options` for a connection that the kit makes, got it beside `redis.client`. ' +
        'Give them to your client.',
    );
  if (!isClient(client)) throw expected('redis.client', 'a Redis or Cluster of ioredis 5 or 6', client);
  checkClusterOptions(client.options, 'the options of `redis.client`');
  return { kind: 'client', client };
}

function isClient(client: unknown): client is RedisClient & { readonly options?: object } {
  const { status, isCluster, duplicate, callBuffer } = (client ?? {}) as { [name in keyof RedisClient]?: unknown };
  return (
    typeof status === 'string' &&
    typeof isCluster === 'boolean' &&
    typeof duplicate === 'function' &&
    typeof callBuffer === 'function'
  );
}

function readObject(value: unknown, option: string): object {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw expected(option, 'an object', value);
}
