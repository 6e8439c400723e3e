import { CacheConfigError } from './vocabulary/cache.errors.js';
import { checkDatabase } from './redis-client-options.js';

/** Where a cluster is looked for. */
export interface ClusterNodes<Address> {
  /** URLs without credentials, and addresses. */
  readonly nodes: readonly (string | Address)[];
  /** What holds for each connection, as ioredis takes it; empty where no URL says anything. */
  readonly credentials: { readonly username?: string; readonly password?: string; readonly tls?: object };
}

/** What a URL of one node says of connections. */
interface Said {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isSecure: boolean | undefined;
}

/**
 * Reads a list of nodes. ioredis gives what stands in the URL of a node to that node alone, if at all, but a cluster
 * has nodes that nobody has named. So credentials and TLS that one node is given hold for all connections.
 *
 * @param options those that hold for all connections; they must not say anything else
 * @throws CacheConfigError where nodes contradict each other, or the options; it shows no password
 */
export function readClusterNodes<Address extends object>(
  nodes: readonly (string | Address)[],
  options: object,
): ClusterNodes<Address> {
  const said = nodes.filter((node) => typeof node === 'string').map(saidBy);
  const all = options as { username?: unknown; password?: unknown; tls?: unknown };
  const username = theOne(
    said.map((each) => each.username),
    all.username,
    'user name',
  );
  const password = theOne(
    said.map((each) => each.password),
    all.password,
    'password',
  );
  const isSecure =
    theOne(
      said.map((each) => each.isSecure),
      undefined,
      'scheme (redis:// or rediss://)',
    ) === true;
  return {
    nodes: nodes.map((node) => (typeof node === 'string' ? withoutCredentials(node) : node)),
    credentials: {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      // Certificates and the like stay as they were given.
      ...(isSecure ? { tls: all.tls !== null && typeof all.tls === 'object' ? all.tls : {} } : {}),
    },
  };
}

function saidBy(node: string): Said {
  const url = urlOf(node);
  checkDatabase({ db: decodeURIComponent(url.pathname.slice(1)) }, 'the URL of a cluster node');
  return {
    username: given(url.username),
    password: given(url.password),
    isSecure: hasScheme(node) ? url.protocol === 'rediss:' : undefined,
  };
}

function given(part: string): string | undefined {
  return part === '' ? undefined : decodeURIComponent(part);
}

/** What all say that say something in their URLs; `option` must not say anything else. */
function theOne<T>(said: readonly (T | undefined)[], option: unknown, what: string): T | undefined {
  const values = new Set(said.filter((value) => value !== undefined));
  const [value] = values;
  const isContradicted = value !== undefined && option !== undefined && option !== null && option !== value;
  if (values.size <= 1 && !isContradicted) return value;
  throw new CacheConfigError(
    `Expected one ${what} for all nodes of the cluster${isContradicted ? ' in their URLs and in the options' : ''}, got several. It holds for every node, also for those that are not named: give it once.`,
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
