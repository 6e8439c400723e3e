import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { shapeOfUrl, show } from '../../../core/vocabulary/show.js';

/** The Redis of a queue. */
export type QueueConnection =
  | { readonly kind: 'url'; readonly url: string; readonly options: object }
  | { readonly kind: 'options'; readonly options: object }
  | { readonly kind: 'client'; readonly client: ClientToCopy };

/** The members of a `Redis` or `Cluster` of ioredis by which it is recognized, in any version. */
export interface ClientToCopy {
  readonly status: string;
  readonly isCluster: boolean;
  readonly options?: object;
  // A method whose parameters differ between the classes.
  duplicate(...parameters: never[]): unknown;
}

const ACCEPTED =
  "a URL such as 'redis://localhost:6379', options of ioredis such as `{ host, port }`, or a Redis or Cluster of ioredis";

/** Properties of objects that are something else than options of ioredis, and what to write instead. */
const INSTEAD: readonly (readonly [property: string, fix: string])[] = [
  ['nodes', '`new Cluster(nodes)` of ioredis'],
  ['cluster', '`new Cluster(nodes)` of ioredis'],
  ['sentinel', '`{ sentinels, name }`'],
  ['client', 'the client itself'],
  ['connection', 'the inner object itself'],
  ['options', 'the inner object itself'],
];

/** Reads `connection`. @throws CacheConfigError that says what to write; it shows no password */
export function readConnection(connection: unknown): QueueConnection {
  if (typeof connection === 'string') return { kind: 'url', url: checkedUrl(connection), options: {} };
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) throw refused(connection);
  if (isClient(connection)) {
    checkKeyPrefix(connection.options);
    checkKeyPrefix((connection.options as { redisOptions?: object } | undefined)?.redisOptions);
    return { kind: 'client', client: connection };
  }
  return readOptions(connection);
}

function readOptions(options: object): QueueConnection {
  const prototype: unknown = Object.getPrototypeOf(options);
  // A client of another package has methods, options have none.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw refused(options);
  const wrong = INSTEAD.find(([property]) => Object.hasOwn(options, property));
  if (wrong !== undefined)
    throw new CacheConfigError(
      `Expected \`bullmqWriteBehind.connection\` to be ${ACCEPTED}, got an object with \`${wrong[0]}\`. ` +
        `Write \`connection\`: ${wrong[1]}.`,
    );
  checkKeyPrefix(options);
  const { url, ...others } = options as { url?: unknown };
  if (url === undefined) return { kind: 'options', options };
  if (typeof url !== 'string') throw refused(url);
  return { kind: 'url', url: checkedUrl(url), options: others };
}

function checkedUrl(url: string): string {
  const trimmed = url.trim();
  if (/^rediss?:\/\/[^,]+$/.test(trimmed) && URL.canParse(trimmed)) return trimmed;
  throw new CacheConfigError(
    `Expected \`bullmqWriteBehind.connection\` to be ${ACCEPTED}, got \`${shapeOfUrl(trimmed)}\`. ` +
      'For Sentinels write `{ sentinels, name }`, for a Cluster `new Cluster(nodes)` of ioredis.',
  );
}

/** ioredis adds it to the keys of commands, but not to those in the scripts of BullMQ. */
function checkKeyPrefix(options: object | undefined): void {
  const { keyPrefix } = (options ?? {}) as { keyPrefix?: unknown };
  if (keyPrefix === undefined || keyPrefix === null || keyPrefix === '') return;
  throw new CacheConfigError(
    'Expected no `keyPrefix` in `bullmqWriteBehind.connection`: BullMQ cannot work with it. ' +
      'Leave it out, and set `bullmqWriteBehind.name` instead.',
  );
}

function isClient(connection: object): connection is ClientToCopy {
  const { status, isCluster, duplicate } = connection as { [name in keyof ClientToCopy]?: unknown };
  return typeof status === 'string' && typeof isCluster === 'boolean' && typeof duplicate === 'function';
}

function refused(connection: unknown): CacheConfigError {
  return new CacheConfigError(
    `Expected \`bullmqWriteBehind.connection\` to be ${ACCEPTED}, got \`${show(connection)}\`.`,
  );
}
