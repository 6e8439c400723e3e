import { CacheConfigError } from './vocabulary/cache.errors.js';
import { readClusterNodes } from './cluster-nodes.js';
import { checkClientOptions, checkClusterOptions, checkNodeOptions } from './redis-client-options.js';
import { checkNames, readDuration, readOneOf } from './vocabulary/option-checks.js';
import { OTHER_REDIS_NAMES } from './vocabulary/other-names.js';
import type { Duration } from './vocabulary/duration.js';
import { shapeOfUrl } from './vocabulary/masked-text.js';
import { show } from './vocabulary/show.js';

/** Where Redis is and how it is used. One of `url`, `cluster`, `sentinel` and `client` says where. */
export interface RedisOptions {
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
  /** What every key begins with that the kit writes. @default 'cache-kit' */
  keyPrefix?: string;
  /** How long one call may wait for Redis in all, but for time in which this process is busy. @default '250ms' */
  commandTimeout?: Duration;
}

/** `RedisOptions`, and how copies in the process are kept from growing old. */
export interface HybridRedisOptions extends RedisOptions {
  /**
   * How near copies learn of changes: `tracking` by the server itself, `bus` by messages of those who change something,
   * `ttl` not at all: then each copy is used for no longer than `maxStaleness`. Where the server does not allow one of
   * them the next is taken. @default 'tracking'
   */
  coherence?: CoherenceMode;
  /** For how long another process may serve what was invalidated, at most; 50 ms or more. @default '1s' */
  maxStaleness?: Duration;
}

export type CoherenceMode = (typeof COHERENCE_MODES)[number];

/** From the best to the one that needs nothing of the server. */
export const COHERENCE_MODES = ['tracking', 'bus', 'ttl'] as const;

/**
 * What a `Redis` or `Cluster` of ioredis 5 and 6 has. Named here because the types of one major refuse the clients of
 * the other, and the kit must be compiled without ioredis, too.
 */
export interface RedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  // Methods whose parameters differ between the four classes.
  duplicate(...parameters: never[]): unknown;
  call(...parameters: never[]): Promise<unknown>;
  callBuffer(...parameters: never[]): Promise<unknown>;
  on(...parameters: never[]): unknown;
  quit(): Promise<unknown>;
  disconnect(): void;
}

export interface RedisAddress {
  host: string;
  port: number;
}

/** `RedisOptions`, read once. */
export interface ResolvedRedisOptions {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

export interface ResolvedHybridRedisOptions extends ResolvedRedisOptions {
  readonly coherence: CoherenceMode;
  readonly maxStalenessMs: number;
}

/** `options` go to ioredis as they are. */
export type RedisConnection =
  | { readonly kind: 'single'; readonly url: string; readonly options: object }
  | {
      readonly kind: 'cluster';
      readonly nodes: readonly (string | RedisAddress)[];
      readonly clusterOptions: object;
      readonly options: object;
    }
  | {
      readonly kind: 'sentinel';
      readonly name: string;
      readonly sentinels: readonly RedisAddress[];
      readonly options: object;
    }
  | { readonly kind: 'client'; readonly client: RedisClient };

const DEFAULTS = {
  keyPrefix: 'cache-kit',
  commandTimeoutMs: 250,
  coherence: 'tracking',
  maxStalenessMs: 1_000,
} as const;
/** Proofs are asked for several times within it, and have to come back. */
const LEAST_STALENESS_MS = 50;
/** What the names of keys say behind the prefix and the name of the cache, between colons. */
export const RESERVED_PARTS: ReadonlySet<string> = new Set([
  'e',
  'g',
  'i',
  'c',
  'x',
  'trash',
  'sweep',
  'epochs',
  'wake',
  'bus',
  'beat',
]);
const PLACES = ['url', 'cluster', 'sentinel', 'client'] as const;

/** @throws CacheConfigError naming what is missing, unknown or contradictory; it shows no password */
export function readRedis(redis: unknown): ResolvedRedisOptions {
  const { coherence, maxStaleness } = (redis ?? {}) as HybridRedisOptions;
  const idle = coherence !== undefined ? 'coherence' : maxStaleness !== undefined ? 'maxStaleness' : undefined;
  if (idle !== undefined)
    throw new CacheConfigError(
      `Expected \`redis.${idle}\` with \`backend: 'hybrid'\` alone: without it no copies are kept. Set the backend, or leave it out.`,
    );
  return Object.freeze(readPlace(redis));
}

/** @throws CacheConfigError as `readRedis` */
export function readHybridRedis(redis: unknown): ResolvedHybridRedisOptions {
  const { coherence, maxStaleness, ...place } = (redis ?? {}) as HybridRedisOptions;
  const maxStalenessMs = readDuration(maxStaleness, 'redis.maxStaleness', DEFAULTS.maxStalenessMs);
  if (maxStalenessMs < LEAST_STALENESS_MS)
    throw new CacheConfigError(
      `Expected \`redis.maxStaleness\` to be ${LEAST_STALENESS_MS} ms or more, got ${maxStalenessMs} ms. Where nothing may ever be old, use \`backend: 'redis'\`.`,
    );
  return Object.freeze({
    ...readPlace(typeof redis === 'object' && redis !== null ? place : redis),
    coherence: readOneOf(coherence, COHERENCE_MODES, 'redis.coherence') ?? DEFAULTS.coherence,
    maxStalenessMs,
  });
}

function readPlace(redis: unknown): ResolvedRedisOptions {
  if (redis === undefined)
    throw new CacheConfigError(
      `Expected a \`redis\` section that says where Redis is, got none. Set \`redis: { url: 'redis://localhost:6379' }\`.`,
    );
  checkNames(redis, [...PLACES, 'options', 'keyPrefix', 'commandTimeout'], 'redis.', OTHER_REDIS_NAMES);
  const options = redis as RedisOptions;
  return {
    connection: Object.freeze(readConnection(options)),
    keyPrefix: readKeyPrefix(options.keyPrefix),
    commandTimeoutMs: readTimeout(options.commandTimeout),
  };
}

function readConnection(redis: RedisOptions): RedisConnection {
  const given = PLACES.filter((place) => redis[place] !== undefined);
  if (given.length === 0)
    throw new CacheConfigError(
      `Expected one of \`redis.url\`, \`redis.cluster\`, \`redis.sentinel\` and \`redis.client\`, got none.`,
    );
  if (given.length > 1)
    throw new CacheConfigError(
      `Expected one of \`redis.${given.join('` and `redis.')}\`, got ${given.length}. Leave out all but one.`,
    );
  const options = readClientOptions(redis.options);
  if (redis.client !== undefined) {
    if (redis.options !== undefined)
      throw new CacheConfigError(
        'Expected `redis.options` for a connection that the kit makes, got it beside `redis.client`. Give them to your client.',
      );
    return { kind: 'client', client: readClient(redis.client) };
  }
  if (redis.cluster !== undefined) return readCluster(redis.cluster, options);
  if (redis.sentinel !== undefined) return readSentinel(redis.sentinel, options);
  return readUrl(redis.url, options);
}

function readUrl(url: unknown, options: object): RedisConnection {
  if (typeof url !== 'string' || url.trim() === '')
    throw new CacheConfigError(
      `Expected \`redis.url\` to be a URL such as 'redis://localhost:6379', got \`${show(typeof url === 'string' ? `'${url}'` : url)}\`.`,
    );
  const trimmed = url.trim();
  if (trimmed.startsWith('redis-sentinel://')) return readSentinelUrl(trimmed, options);
  const nodes = trimmed.split(',').map((node) => node.trim());
  if (nodes.length > 1) return clusterOf(nodes.map(checkedNode), {}, options);
  if (!/^rediss?:\/\/./.test(trimmed) || !URL.canParse(trimmed)) {
    throw new CacheConfigError(
      `Expected \`redis.url\` to begin with redis://, rediss:// or redis-sentinel://, or to be a comma-separated list of cluster nodes, got \`${shapeOfUrl(trimmed)}\`.`,
    );
  }
  checkEscapes(trimmed);
  const parsed = new URL(trimmed);
  if (parsed.hash !== '')
    throw new CacheConfigError(
      'Expected no # in `redis.url`: what follows it is no part of the address. In a password write # as %23 and @ as %40.',
    );
  if (parsed.hostname !== '' && !/^\/?\d*$/.test(parsed.pathname)) {
    throw new CacheConfigError(
      "Expected the path of `redis.url` to be the number of a database, as in 'redis://host:6379/1'. Where it is a part of the password, write its / as %2F and its @ as %40.",
    );
  }
  const path = socketPathOf(parsed);
  return path === undefined
    ? { kind: 'single', url: trimmed, options }
    : { kind: 'single', url: 'redis://localhost', options: { path, ...options } };
}

/**
 * `/run/redis.sock` of `redis:///run/redis.sock`; `undefined` for a URL that names a host, or a database of the local
 * one.
 */
function socketPathOf({ hostname, pathname }: URL): string | undefined {
  return hostname !== '' || /^\/?\d*$/.test(pathname) ? undefined : decodeURIComponent(pathname);
}

/** `redis-sentinel://[user:password@]host[:port][,host[:port]...]/name[/db]` */
function readSentinelUrl(url: string, options: object): RedisConnection {
  const [, credentials = '', hosts = '', name = '', db] =
    /^redis-sentinel:\/\/(?:([^@/]*)@)?([^/]*)\/([^/]+)(?:\/(\d+))?$/.exec(url) ?? [];
  if (hosts === '' || name === '') {
    throw new CacheConfigError(
      `Expected \`redis.url\` to be like 'redis-sentinel://host:26379,host:26379/mymaster', got \`${shapeOfUrl(url)}\`.`,
    );
  }
  checkEscapes(url);
  const sentinels = hosts.split(',').map((host) => {
    const [, address, port = '26379'] = /^(\[[^[\]]+\]|[^:@[\]]+)(?::(\d+))?$/.exec(host.trim()) ?? [];
    if (address === undefined)
      throw new CacheConfigError(
        `Expected sentinels in \`redis.url\` such as 'host:26379' or '[::1]:26379', got \`${shapeOfUrl(host)}\`.`,
      );
    return checkedAddress({ host: address, port: Number(port) }, 'redis.url');
  });
  const [username = '', password = ''] = credentials.split(':').map(decodeURIComponent);
  const own = {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(db === undefined ? {} : { db: Number(db) }),
  };
  return { kind: 'sentinel', name: decodeURIComponent(name), sentinels, options: { ...own, ...options } };
}

/** A password with a `%` of its own. @throws CacheConfigError */
function checkEscapes(url: string): void {
  if (/%(?![\da-f]{2})/i.test(url))
    throw new CacheConfigError(
      `Expected every % in \`redis.url\` to be one of an escape such as %40, got \`${shapeOfUrl(url)}\`. Write a % of the password as %25.`,
    );
}

function readCluster(cluster: unknown, options: object): RedisConnection {
  checkNames(cluster, ['nodes', 'options'], 'redis.cluster.');
  const { nodes, options: clusterOptions } = cluster as { nodes?: unknown; options?: unknown };
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new CacheConfigError(
      `Expected \`redis.cluster.nodes\` to be an array of at least one node, got \`${show(nodes)}\`.`,
    );
  const checked = nodes.map((node: unknown) =>
    typeof node === 'string' ? checkedNode(node) : checkedAddress(node, 'redis.cluster.nodes'),
  );
  const read = readObject(clusterOptions, 'redis.cluster.options');
  checkClusterOptions(read, '`redis.cluster.options`');
  return clusterOf(checked, read, options);
}

function clusterOf(
  given: readonly (string | RedisAddress)[],
  clusterOptions: { readonly redisOptions?: object },
  options: object,
): RedisConnection {
  checkNodeOptions(options, '`redis.options`');
  const { redisOptions } = clusterOptions;
  const { nodes, credentials } = readClusterNodes(given, { ...options, ...redisOptions });
  const isOpen = Object.keys(credentials).length === 0;
  return {
    kind: 'cluster',
    nodes,
    clusterOptions: isOpen ? clusterOptions : { ...clusterOptions, redisOptions: { ...redisOptions, ...credentials } },
    options,
  };
}

function readSentinel(sentinel: unknown, options: object): RedisConnection {
  checkNames(sentinel, ['name', 'sentinels'], 'redis.sentinel.');
  const { name, sentinels } = sentinel as { name?: unknown; sentinels?: unknown };
  if (typeof name !== 'string' || name === '')
    throw new CacheConfigError(
      `Expected \`redis.sentinel.name\` to be the name of the master, such as 'mymaster', got \`${show(name)}\`.`,
    );
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    throw new CacheConfigError(
      `Expected \`redis.sentinel.sentinels\` to be an array of at least one { host, port }, got \`${show(sentinels)}\`.`,
    );
  return {
    kind: 'sentinel',
    name,
    sentinels: sentinels.map((address: unknown) => checkedAddress(address, 'redis.sentinel.sentinels')),
    options,
  };
}

function readClient(client: unknown): RedisClient {
  const { status, isCluster, duplicate, callBuffer, options } = (client ?? {}) as {
    [name in keyof RedisClient]?: unknown;
  } & { options?: object };
  if (
    typeof status !== 'string' ||
    typeof isCluster !== 'boolean' ||
    typeof duplicate !== 'function' ||
    typeof callBuffer !== 'function'
  ) {
    throw new CacheConfigError(
      `Expected \`redis.client\` to be a Redis or Cluster of ioredis 5 or 6, got \`${show(client)}\`.`,
    );
  }
  checkClusterOptions(options, 'the options of `redis.client`');
  return client as RedisClient;
}

function readClientOptions(options: unknown): object {
  const read = readObject(options, 'redis.options');
  checkClientOptions(read, '`redis.options`');
  return read;
}

function readObject(value: unknown, option: string): object {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new CacheConfigError(`Expected \`${option}\` to be an object, got \`${show(value)}\`.`);
}

function checkedNode(node: string): string {
  const url = /^rediss?:\/\//.test(node) ? node : `redis://${node}`;
  if (URL.canParse(url) && new URL(url).hostname !== '') {
    checkEscapes(node);
    return node;
  }
  throw new CacheConfigError(
    `Expected cluster nodes such as 'redis://host:7000' or 'host:7000', got \`${shapeOfUrl(node)}\`.`,
  );
}

function checkedAddress(address: unknown, option: string): RedisAddress {
  if (typeof address === 'object' && address !== null) checkNames(address, ['host', 'port'], `${option}[].`);
  const { host, port } = (address ?? {}) as Partial<RedisAddress>;
  if (
    typeof host === 'string' &&
    host !== '' &&
    Number.isInteger(port) &&
    (port as number) > 0 &&
    (port as number) < 65_536
  )
    return { host: withoutBrackets(host), port: port as number };
  throw new CacheConfigError(`Expected every address of \`${option}\` to be { host, port }, got \`${show(address)}\`.`);
}

/** An IPv6 address as a socket takes it. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.+)\]$/, '$1');
}

function readKeyPrefix(keyPrefix: unknown): string {
  if (keyPrefix === undefined) return DEFAULTS.keyPrefix;
  if (typeof keyPrefix !== 'string' || keyPrefix === '' || !keyPrefix.isWellFormed()) {
    throw new CacheConfigError(
      `Expected \`redis.keyPrefix\` to be a non-empty string of well-formed Unicode, got \`${show(keyPrefix)}\`.`,
    );
  }
  // Half a pair would be closed by a brace of the kit's own, and keys that belong together would part.
  if (/[{}]/.test(keyPrefix) && !/^[^{}]*\{[^{}]+\}[^{}]*$/.test(keyPrefix)) {
    throw new CacheConfigError(
      `Expected braces in \`redis.keyPrefix\` to be one pair with something between them (a hash tag), got \`${show(keyPrefix)}\`.`,
    );
  }
  // The keys of a cache whose prefix and name stand before that part would be taken for those of this one.
  const reserved = keyPrefix
    .split(':')
    .slice(2)
    .find((part) => RESERVED_PARTS.has(part));
  if (reserved !== undefined) {
    throw new CacheConfigError(
      `Expected \`redis.keyPrefix\` to have no part \`${reserved}\` behind its second colon, where the kit's own names have one, got \`${show(keyPrefix)}\`.`,
    );
  }
  return keyPrefix;
}

function readTimeout(value: unknown): number {
  const timeoutMs = readDuration(value, 'redis.commandTimeout', DEFAULTS.commandTimeoutMs);
  if (timeoutMs > 0) return timeoutMs;
  throw new CacheConfigError(
    'Expected `redis.commandTimeout` to be more than 0: with no time to answer, no answer would come.',
  );
}
