/** The reason why a Redis cannot be used, for operators, and what to do about it. */
export interface Reason {
  /** The same for all reasons with the same remedy. */
  readonly kind: string;
  /** Follows the name of the Redis: `refuses the password (WRONGPASS). Check ...`. */
  readonly sentence: string;
  /** `error` when it lasts until a person does something, `warn` when it may pass. */
  readonly level: 'warn' | 'error';
}

/** The server that a client connects to. */
export interface Endpoint {
  readonly kind: 'single' | 'cluster' | 'sentinel';
  readonly isSecure: boolean;
  /** True when a connection worked before, so that neither scheme nor port is wrong. */
  readonly hasWorked: boolean;
}

type Sentence = string | ((message: string, endpoint: Endpoint) => string);
type Known = readonly [kind: string, pattern: RegExp, level: Reason['level'], sentence: Sentence];

const MAX_CLIENTS_HINT = ' A server that has reached its `maxclients` ends connections, too.';

function tlsHint({ isSecure, hasWorked }: Endpoint): string {
  if (hasWorked) return '';
  return isSecure
    ? ' Where that port does not speak TLS, write redis:// instead of rediss://.'
    : ' Where that port speaks TLS, write rediss:// instead of redis://.';
}

/** The reason for a closed connection: ioredis keeps no other one when several servers were tried. */
function closed(message: string, endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'sentinel':
      return `cannot be asked for: no sentinel can be reached (${message}). Check that they run, and their ports.`;
    case 'cluster':
      return `cannot be reached at any of its nodes (${message}). Check that they run, and their ports.`;
    case 'single':
      return `has ended the connection (${message}).${tlsHint(endpoint)}${endpoint.hasWorked ? '' : MAX_CLIENTS_HINT}`;
  }
}

/** The known reasons; the first one that matches an error's message or code applies. */
const KNOWN: readonly Known[] = [
  [
    'password',
    /^WRONGPASS|ERR invalid password/,
    'error',
    'refuses the password (WRONGPASS). Check user and password in `redis.url` or `redis.options`.',
  ],
  [
    'no-password',
    /NOAUTH/,
    'error',
    'asks for a password (NOAUTH), and got none. ' +
      'Write it in the URL, as in redis://:password@host, or in `redis.options.password`.',
  ],
  [
    'rights',
    /NOPERM|can't run this command/,
    'error',
    (message) =>
      `refuses what a cache does (${message.slice(0, 200)}). ` +
      'Give its user the rights in docs/redis.md, "What a deployment needs".',
  ],
  [
    'no-cluster',
    /cluster support disabled/,
    'error',
    'is no cluster (ERR This instance has cluster support disabled). ' +
      'Write `redis.url` with one address instead of `redis.cluster`.',
  ],
  [
    'slots',
    /CLUSTERDOWN/,
    'error',
    (message) => `has no server for some keys (${message}). Look at \`redis-cli cluster info\`.`,
  ],
  [
    'moved',
    /^MOVED /,
    'error',
    'is a node of a cluster (MOVED). Write `redis.cluster: { nodes: [...] }` instead of `redis.url`.',
  ],
  [
    'read-only',
    /READONLY/,
    'error',
    'is a replica, which cannot be written (READONLY). Give the address of the master, or `redis.sentinel`.',
  ],
  [
    'no-master',
    /MASTERDOWN/,
    'warn',
    'is a replica without a master (MASTERDOWN). Give the address of the master, or `redis.sentinel`.',
  ],
  [
    'database',
    /DB index is out of range|SELECT is not allowed/,
    'error',
    (message) =>
      `has no database of that number (${message}), and entries go to database 0. ` +
      'Correct it in the URL or in `redis.options.db`.',
  ],
  ['loading', /^LOADING/, 'warn', 'is loading its data (LOADING).'],
  [
    'full',
    /max number of clients/,
    'warn',
    'takes no more connections (ERR max number of clients reached). ' +
      'Raise `maxclients`, or look for clients that are never closed.',
  ],
  [
    'unknown-master',
    /No such master with that name/,
    'error',
    'is not known to them (ERR No such master with that name). Check the name in `redis.sentinel.name` or `redis.url`.',
  ],
  [
    'no-sentinel',
    /unknown command .?sentinel/i,
    'error',
    'cannot be asked for, because these are no sentinels. Sentinels listen on port 26379 by default.',
  ],
  ['name', /ENOTFOUND/, 'error', (message) => `cannot be found (${message}). Check the name of the host.`],
  [
    'dns',
    /EAI_AGAIN/,
    'warn',
    (message) => `cannot be found at the moment (${message}). The name server does not answer.`,
  ],
  [
    'socket',
    /connect ENOENT|EACCES/,
    'error',
    (message) => `cannot be reached (${message}). Check the path of the socket, and its rights.`,
  ],
  [
    'refused',
    /ECONNREFUSED/,
    'warn',
    (message) => `cannot be reached (${message}). Nothing listens there: check that it runs, and its port.`,
  ],
  ['network', /EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/, 'warn', (message) => `cannot be reached (${message}).`],
  [
    'other-certificate',
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    'error',
    (message) =>
      `has a certificate of another name (${message}). ` +
      'Write the name of the certificate in the address, or in `redis.options.tls.servername`.',
  ],
  ['old-certificate', /CERT_HAS_EXPIRED/, 'error', 'has a certificate that has expired.'],
  [
    'certificate',
    /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
    'error',
    (message) =>
      `has a certificate that is not trusted (${message}). ` +
      'Give the certificate of its authority in `redis.options.tls.ca`.',
  ],
  [
    'no-tls',
    /ERR_SSL|EPROTO|wrong version number|packet length too long/,
    'error',
    (message) => `does not speak TLS there (${message}). Write redis:// instead of rediss://, or take its TLS port.`,
  ],
  [
    'protocol',
    /Unknown RESP type|Protocol error/,
    'error',
    'does not speak the protocol of Redis there. Check the port.',
  ],
  ['silent', /ETIMEDOUT|no answer/, 'warn', (message, endpoint) => `does not answer (${message}).${tlsHint(endpoint)}`],
  [
    'closed',
    /ECONNRESET|EPIPE|Connection is closed|Stream isn't writeable|socket disconnected|None of startup nodes/,
    'warn',
    closed,
  ],
];

/**
 * Finds the reason for an error.
 * @param error without secrets; absent when an open connection was closed without an error
 */
export function reasonOf(error: Error | undefined, endpoint: Endpoint): Reason {
  if (error === undefined) return { kind: 'lost', sentence: lost(endpoint), level: 'warn' };
  const inner = innermost(error);
  const message = messageOf(inner);
  const { code = '' } = inner as { code?: string };
  const known = KNOWN.find(([, pattern]) => pattern.test(message) || pattern.test(code));
  if (known === undefined) return { kind: message, sentence: `cannot be used (${message}).`, level: 'warn' };
  const [kind, , level, sentence] = known;
  return { kind, level, sentence: typeof sentence === 'string' ? sentence : sentence(message, endpoint) };
}

function lost(endpoint: Endpoint): string {
  if (endpoint.kind !== 'cluster' || endpoint.hasWorked) return `has closed the connection.${tlsHint(endpoint)}`;
  return 'names no node that has slots. Look at `redis-cli cluster info`.';
}

/** The error of the node, or sentinel, that ioredis tried last. */
function innermost(error: Error): Error {
  const { lastNodeError, errors } = error as { lastNodeError?: unknown; errors?: readonly unknown[] };
  if (lastNodeError instanceof Error) return innermost(lastNodeError);
  // A host with several addresses, none of which could be reached: the message of that error is empty.
  const [first] = errors ?? [];
  return error.message === '' && first instanceof Error ? first : error;
}

function messageOf({ message }: Error): string {
  const [, ofSentinel] = /Last error: (.*)$/s.exec(message) ?? [];
  return (ofSentinel ?? message).trim().replace(/\.$/, '');
}
