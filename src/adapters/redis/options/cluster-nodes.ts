import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { checkDatabase, checkNodeOptions } from './ioredis-options.js';
import type { RedisAddress } from './redis-address.js';
import type { RedisConnection } from './redis-connection.js';

/*
 * ioredis uses the credentials in the URL of a node for that node alone, if at all, but a cluster has nodes that nobody
 * has named. So credentials and TLS that are written for one node are used for all connections.
 */

/** The settings for all connections, as ioredis names them; empty where no URL has any. */
interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: object;
}

/** The settings in the URL of one node. */
interface NodeSettings {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isSecure: boolean | undefined;
}

/**
 * The connection to a cluster with these nodes.
 * @throws CacheConfigError where nodes contradict each other or the options; it shows no password
 */
export function clusterConnection(
  nodes: readonly (string | RedisAddress)[],
  clusterOptions: { readonly redisOptions?: object },
  options: object,
): RedisConnection {
  checkNodeOptions(options, '`redis.options`');
  const { redisOptions } = clusterOptions;
  const credentials = credentialsOf(nodes, { ...options, ...redisOptions });
  const isOpen = Object.keys(credentials).length === 0;
  return {
    kind: 'cluster',
    nodes: nodes.map((node) => (typeof node === 'string' ? withoutCredentials(node) : node)),
    clusterOptions: isOpen ? clusterOptions : { ...clusterOptions, redisOptions: { ...redisOptions, ...credentials } },
    options,
  };
}

/** @param options those of all connections; they must not contradict the URLs */
function credentialsOf(
  nodes: readonly (string | RedisAddress)[],
  options: { readonly username?: unknown; readonly password?: unknown; readonly tls?: unknown },
): Credentials {
  const settings = nodes.filter((node) => typeof node === 'string').map(settingsIn);
  const username = onlyValue(
    settings.map((each) => each.username),
    options.username,
    'user name',
  );
  const password = onlyValue(
    settings.map((each) => each.password),
    options.password,
    'password',
  );
  const isSecure = onlyValue(
    settings.map((each) => each.isSecure),
    undefined,
    'scheme (redis:// or rediss://)',
  );
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    // Certificates and the like stay as they were given.
    ...(isSecure === true ? { tls: options.tls !== null && typeof options.tls === 'object' ? options.tls : {} } : {}),
  };
}

function settingsIn(node: string): NodeSettings {
  const url = urlOf(node);
  checkDatabase({ db: decodeURIComponent(url.pathname.slice(1)) }, 'the URL of a cluster node');
  return {
    username: decodedPart(url.username),
    password: decodedPart(url.password),
    isSecure: hasScheme(node) ? url.protocol === 'rediss:' : undefined,
  };
}

function decodedPart(part: string): string | undefined {
  return part === '' ? undefined : decodeURIComponent(part);
}

/** The one value of all URLs that have one; `option` must be the same, or absent. @throws CacheConfigError */
function onlyValue<T>(inUrls: readonly (T | undefined)[], option: unknown, name: string): T | undefined {
  const values = new Set(inUrls.filter((value) => value !== undefined));
  const [value] = values;
  const isContradicted = value !== undefined && option !== undefined && option !== null && option !== value;
  if (values.size <= 1 && !isContradicted) return value;
  throw new CacheConfigError(
    `Expected one ${name} for all nodes of the cluster${isContradicted ? ' in their URLs and in the options' : ''}, ` +
      'got several. It holds for every node, also for those that are not named: give it once.',
  );
}

function withoutCredentials(node: string): string {
  const url = urlOf(node);
  if (url.username === '' && url.password === '') return hasScheme(node) ? node : `redis://${node}`;
  url.username = '';
  url.password = '';
  return url.toString();
}

function hasScheme(node: string): boolean {
  return /^rediss?:\/\//.test(node);
}

function urlOf(node: string): URL {
  return new URL(hasScheme(node) ? node : `redis://${node}`);
}
