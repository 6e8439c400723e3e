import { readConnection, type QueueConnection } from './store/queue-connection.js';
import { readSealing, type ResolvedSealing, type SealingOptions } from '../../core/values/sealing/sealing-options.js';
import { checkNames, expected, type OtherNames } from '../../core/vocabulary/option-checks.js';

/** Writes a value to its source. It may be called again with a value that it has written already. */
export type BullmqWriter = (
  value: unknown,
  key: string,
  where: { readonly namespace: string | undefined },
) => Promise<void>;

/** The options of `bullmqWriteBehind`. */
export interface BullmqWriteBehindOptions extends SealingOptions {
  /**
   * The Redis of the queue: a URL (`redis://`, `rediss://`), options of ioredis such as `{ host, port }`, or a `Redis`
   * or `Cluster` of ioredis, which is copied and itself neither used nor closed.
   */
  connection: string | object;
  /** The beginning of all names in Redis. @default 'cache-kit-write-behind' */
  name?: string;
  /** The functions that write values to their source, by the names that `writeBehind` is called with. */
  writers: Record<string, BullmqWriter>;
}

/** `BullmqWriteBehindOptions`, read once. */
export interface ResolvedBullmqOptions {
  readonly connection: QueueConnection;
  readonly name: string;
  readonly writers: Readonly<Record<string, BullmqWriter>>;
  /** `undefined` for that of the cache. */
  readonly sealing: ResolvedSealing | undefined;
}

const DEFAULT_NAME = 'cache-kit-write-behind';

const OPTION_NAMES: readonly string[] = [
  'connection',
  'name',
  'writers',
  'compression',
  'encryption',
] satisfies (keyof BullmqWriteBehindOptions)[];

const URL_EXAMPLE = "`connection: 'redis://localhost:6379'`";

/** Names of these options in BullMQ, and at another level. */
const OTHER_NAMES: OtherNames = {
  url: URL_EXAMPLE,
  redis: URL_EXAMPLE,
  host: '`connection: { host, port }`',
  port: '`connection: { host, port }`',
  client: '`connection: client`',
  prefix: '`name`',
  keyPrefix: '`name`',
  queue: '`name`',
  queueName: '`name`',
  writer: '`writers: { saveProduct: async (value, key) => { ... } }`',
  processors: '`writers`',
  handlers: '`writers`',
  delay: '`delay` in each call of `writeBehind`',
  maxPending: '`maxPending` in each call of `writeBehind`',
  retries: '`retries` in each call of `writeBehind`',
  attempts: '`retries` in each call of `writeBehind`',
  backoff: '`backoff` in each call of `writeBehind`',
};

/** @throws CacheConfigError that names the wrong option; it shows no password */
export function readBullmqOptions(options: BullmqWriteBehindOptions): ResolvedBullmqOptions {
  checkNames(options, OPTION_NAMES, 'bullmqWriteBehind.', OTHER_NAMES);
  const { connection, name, writers, compression, encryption } = options;
  const isSealed = compression !== undefined || encryption !== undefined;
  return Object.freeze({
    connection: readConnection(connection),
    name: readName(name),
    writers: readWriters(writers),
    sealing: isSealed ? readSealing({ compression, encryption }) : undefined,
  });
}

/** Braces are for the hash tag, which keeps the names of one queue on one node of a Cluster. */
function readName(name: unknown = DEFAULT_NAME): string {
  if (typeof name === 'string' && name !== '' && name.isWellFormed() && !/[{}]/.test(name)) return name;
  throw expected('bullmqWriteBehind.name', 'a non-empty string of well-formed Unicode without braces', name);
}

function readWriters(writers: unknown): Readonly<Record<string, BullmqWriter>> {
  const isObject = typeof writers === 'object' && writers !== null && !Array.isArray(writers);
  if (!isObject || Object.keys(writers).length === 0)
    throw expected(
      'bullmqWriteBehind.writers',
      'an object with at least one function',
      writers,
      'Write `writers: { saveProduct: async (value, key) => { ... } }`, and call `writeBehind` with the name.',
    );
  for (const [name, writer] of Object.entries(writers)) {
    if (typeof writer !== 'function') throw expected(`bullmqWriteBehind.writers.${name}`, 'a function', writer);
  }
  return Object.freeze({ ...writers });
}
