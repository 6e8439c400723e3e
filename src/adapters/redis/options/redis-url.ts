import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { shapeOfUrl } from '../../../core/vocabulary/show.js';
import { show } from '../../../core/vocabulary/show.js';
import { clusterConnection } from './cluster-nodes.js';
import { checkEscapes, readAddress, readNode } from './redis-address.js';
import type { RedisConnection } from './redis-connection.js';

/** Reads `redis.url`. @throws CacheConfigError that shows no password */
export function readUrl(url: unknown, options: object): RedisConnection {
  if (typeof url !== 'string' || url.trim() === '') {
    const shown = show(typeof url === 'string' ? `'${url}'` : url);
    throw new CacheConfigError(
      `Expected \`redis.url\` to be a URL such as 'redis://localhost:6379', got \`${shown}\`.`,
    );
  }
  const trimmed = url.trim();
  if (trimmed.startsWith('redis-sentinel://')) return readSentinelUrl(trimmed, options);
  const nodes = trimmed.split(',').map((node) => node.trim());
  return nodes.length > 1 ? clusterConnection(nodes.map(readNode), {}, options) : readSingleUrl(trimmed, options);
}

function readSingleUrl(url: string, options: object): RedisConnection {
  if (!/^rediss?:\/\/./.test(url) || !URL.canParse(url)) {
    throw new CacheConfigError(
      'Expected `redis.url` to begin with redis://, rediss:// or redis-sentinel://, or to be a comma-separated list ' +
        `of cluster nodes, got \`${shapeOfUrl(url)}\`.`,
    );
  }
  checkEscapes(url);
  const { hash, hostname, pathname } = new URL(url);
  if (hash !== '')
    throw new CacheConfigError(
      'Expected no # in `redis.url`: what follows it is no part of the address. ' +
        'In a password write # as %23 and @ as %40.',
    );
  if (isDatabase(pathname)) return { kind: 'single', url, options };
  if (hostname === '') {
    const path = decodeURIComponent(pathname);
    return { kind: 'single', url: 'redis://localhost', options: { path, ...options } };
  }
  throw new CacheConfigError(
    "Expected the path of `redis.url` to be the number of a database, as in 'redis://host:6379/1'. " +
      'Where it is a part of the password, write its / as %2F and its @ as %40.',
  );
}

/** True for no path, and for `/1`. Any other path without a host is that of a socket: `redis:///run/redis.sock`. */
function isDatabase(pathname: string): boolean {
  return /^\/?\d*$/.test(pathname);
}

/** `redis-sentinel://[user:password@]host[:port][,host[:port]...]/name[/db]` */
function readSentinelUrl(url: string, options: object): RedisConnection {
  const [, credentials = '', hosts = '', name = '', db] =
    /^redis-sentinel:\/\/(?:([^@/]*)@)?([^/]*)\/([^/]+)(?:\/(\d+))?$/.exec(url) ?? [];
  if (hosts === '' || name === '') {
    throw new CacheConfigError(
      "Expected `redis.url` to be like 'redis-sentinel://host:26379,host:26379/mymaster', " +
        `got \`${shapeOfUrl(url)}\`.`,
    );
  }
  checkEscapes(url);
  const [username = '', password = ''] = credentials.split(':').map(decodeURIComponent);
  const own = {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(db === undefined ? {} : { db: Number(db) }),
  };
  return {
    kind: 'sentinel',
    name: decodeURIComponent(name),
    sentinels: hosts.split(',').map(readSentinelHost),
    options: { ...own, ...options },
  };
}

function readSentinelHost(text: string): ReturnType<typeof readAddress> {
  const [, host, port = '26379'] = /^(\[[^[\]]+\]|[^:@[\]]+)(?::(\d+))?$/.exec(text.trim()) ?? [];
  if (host !== undefined) return readAddress({ host, port: Number(port) }, 'redis.url');
  throw new CacheConfigError(
    `Expected sentinels in \`redis.url\` such as 'host:26379' or '[::1]:26379', got \`${shapeOfUrl(text)}\`.`,
  );
}
