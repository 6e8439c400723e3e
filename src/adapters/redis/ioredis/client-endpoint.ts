import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { withoutCredentials } from '../../../core/vocabulary/show.js';
import type { Endpoint } from '../connection/connection-reasons.js';

/** Addresses listed at most. */
const LISTED = 3;

interface Address {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

/** The server that a client connects to, without user and password. */
export function endpointOf(client: Redis | Cluster): Omit<Endpoint, 'hasWorked'> & { readonly subject: string } {
  if (client.isCluster) {
    const { startupNodes = [], options } = client as unknown as {
      startupNodes?: readonly (Address | string | number)[];
      options: { redisOptions?: RedisOptions };
    };
    return {
      kind: 'cluster',
      isSecure: hasTls(options.redisOptions),
      subject: `The Redis Cluster at ${listed(startupNodes)}`,
    };
  }
  const { options } = client as Redis;
  const isSecure = hasTls(options);
  if (options.sentinels?.length) {
    return {
      kind: 'sentinel',
      isSecure,
      subject: `The master \`${options.name ?? ''}\` of the sentinels at ${listed(options.sentinels)}`,
    };
  }
  const db = options.db ?? 0;
  if (typeof options.path === 'string')
    return { kind: 'single', isSecure, subject: `Redis at ${options.path}${db === 0 ? '' : `, database ${db}`}` };
  return { kind: 'single', isSecure, subject: `Redis at ${isSecure ? 'rediss' : 'redis'}://${shown(options)}/${db}` };
}

/** True for TLS. For a rediss:// URL the option is `true` in ioredis 6, an object in ioredis 5. */
function hasTls(options: RedisOptions | undefined): boolean {
  const tls: unknown = options?.tls;
  return tls !== undefined && tls !== false;
}

function listed(addresses: readonly (Address | string | number)[]): string {
  const first = addresses.slice(0, LISTED).map(shown).join(', ');
  return addresses.length > LISTED ? `${first} and ${addresses.length - LISTED} more` : first;
}

function shown(address: Address | string | number): string {
  if (typeof address !== 'object') return withoutCredentials(String(address)).replace(/^rediss?:\/\//, '');
  const host = withoutCredentials(address.host ?? 'localhost');
  return `${host.includes(':') ? `[${host}]` : host}:${address.port ?? 6379}`;
}
