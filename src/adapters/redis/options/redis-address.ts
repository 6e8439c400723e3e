import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { shapeOfUrl } from '../../../core/vocabulary/show.js';
import { checkNames } from '../../../core/vocabulary/option-checks.js';
import { show } from '../../../core/vocabulary/show.js';

export interface RedisAddress {
  host: string;
  port: number;
}

/** @throws CacheConfigError when it is not `{ host, port }` */
export function readAddress(address: unknown, option: string): RedisAddress {
  if (typeof address === 'object' && address !== null) checkNames(address, ['host', 'port'], `${option}[].`);
  const { host, port } = (address ?? {}) as { readonly host?: unknown; readonly port?: unknown };
  if (typeof host === 'string' && host !== '' && isPort(port)) return { host: withoutBrackets(host), port };
  throw new CacheConfigError(`Expected every address of \`${option}\` to be { host, port }, got \`${show(address)}\`.`);
}

/** Reads a cluster node that is given as text. @throws CacheConfigError when it is no URL and no `host:port` */
export function readNode(node: string): string {
  const url = /^rediss?:\/\//.test(node) ? node : `redis://${node}`;
  if (!URL.canParse(url) || new URL(url).hostname === '')
    throw new CacheConfigError(
      `Expected cluster nodes such as 'redis://host:7000' or 'host:7000', got \`${shapeOfUrl(node)}\`.`,
    );
  checkEscapes(node);
  return node;
}

/** A raw `%` in a password cannot be decoded. @throws CacheConfigError */
export function checkEscapes(url: string): void {
  if (!/%(?![\da-f]{2})/i.test(url)) return;
  throw new CacheConfigError(
    `Expected every % in \`redis.url\` to be one of an escape such as %40, got \`${shapeOfUrl(url)}\`. ` +
      'Write a % of the password as %25.',
  );
}

function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536;
}

/** The form of an IPv6 address that sockets accept. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[(.+)\]$/, '$1');
}
