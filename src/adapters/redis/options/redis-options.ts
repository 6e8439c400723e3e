import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import type { Duration } from '../../../core/vocabulary/duration.js';
import {
  checkNames,
  expected,
  type OtherNames,
  readDuration,
  readOneOf,
} from '../../../core/vocabulary/option-checks.js';
import { show } from '../../../core/vocabulary/show.js';
import { RESERVED_PARTS } from '../protocol/redis-keys.js';
import { CONNECTION_OPTION_NAMES, type ConnectionOptions, readConnection } from './connection-options.js';
import type { RedisConnection } from './redis-connection.js';

/** The options of a Redis: the servers (one of `url`, `cluster`, `sentinel` and `client`), and how they are used. */
export interface RedisOptions extends ConnectionOptions {
  /** The beginning of every key that the kit writes. @default 'cache-kit' */
  keyPrefix?: string;
  /**
   * The longest time that one call waits for Redis in all. Time in which this process is busy does not count.
   * @default '250ms'
   */
  commandTimeout?: Duration;
}

/** `RedisOptions`, and how near copies are kept up to date. */
export interface HybridRedisOptions extends RedisOptions {
  /**
   * The way in which near copies learn of changes: `tracking` by the server itself; `bus` by messages of the processes
   * that change something; `ttl` not at all, so that each copy is used for at most `maxStaleness`. Where the server
   * does not allow one of them, the next is used. @default 'tracking'
   */
  coherence?: CoherenceMode;
  /** The longest time for which another process may serve an invalidated entry; 50 ms or more. @default '1s' */
  maxStaleness?: Duration;
}

export type CoherenceMode = (typeof COHERENCE_MODES)[number];

/** From the best to the one that needs no support of the server. */
export const COHERENCE_MODES = ['tracking', 'bus', 'ttl'] as const;

/** `RedisOptions`, read once. */
export interface ResolvedRedisOptions {
  readonly connection: RedisConnection;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

/** `HybridRedisOptions`, read once. */
export interface ResolvedHybridRedisOptions extends ResolvedRedisOptions {
  readonly coherence: CoherenceMode;
  readonly maxStalenessMs: number;
}

const DEFAULTS = {
  keyPrefix: 'cache-kit',
  commandTimeoutMs: 250,
  coherence: 'tracking',
  maxStalenessMs: 1_000,
} as const;

/** Least `maxStaleness` in milliseconds: several proofs are requested within it, and their answers must arrive. */
const LEAST_STALENESS_MS = 50;

/** Names of these options in other libraries or at another level. */
const OTHER_NAMES: OtherNames = {
  host: "`redis.url: 'redis://localhost:6379'`",
  port: "`redis.url: 'redis://localhost:6379'`",
  password: "`redis.url: 'redis://:password@localhost:6379'`",
  username: "`redis.url: 'redis://user:password@localhost:6379'`",
  db: "`redis.url: 'redis://localhost:6379/1'`",
  tls: "`redis.url: 'rediss://localhost:6379'`, and certificates in `redis.options.tls`,",
  ttl: '`defaultTtl` beside `redis`',
  defaultTtl: '`defaultTtl` beside `redis`',
  prefix: '`redis.keyPrefix`',
  namespace: '`redis.keyPrefix`, or `defaultNamespace` beside `redis`,',
  nodes: '`redis.cluster.nodes`',
  sentinels: '`redis.sentinel.sentinels`',
};

/** @throws CacheConfigError that names the option that is missing, unknown or contradictory; it shows no password */
export function readRedis(redis: unknown): ResolvedRedisOptions {
  const { coherence, maxStaleness } = (redis ?? {}) as HybridRedisOptions;
  const unused = coherence !== undefined ? 'coherence' : maxStaleness !== undefined ? 'maxStaleness' : undefined;
  if (unused !== undefined)
    throw new CacheConfigError(
      `Expected \`redis.${unused}\` with \`backend: 'hybrid'\` alone: without it no copies are kept. ` +
        'Set the backend, or leave it out.',
    );
  return Object.freeze(readCommonOptions(redis));
}

/** @throws CacheConfigError as `readRedis` */
export function readHybridRedis(redis: unknown): ResolvedHybridRedisOptions {
  const { coherence, maxStaleness, ...common } = (redis ?? {}) as HybridRedisOptions;
  const maxStalenessMs = readDuration(maxStaleness, 'redis.maxStaleness', DEFAULTS.maxStalenessMs);
  if (maxStalenessMs < LEAST_STALENESS_MS)
    throw new CacheConfigError(
      `Expected \`redis.maxStaleness\` to be ${LEAST_STALENESS_MS} ms or more, got ${maxStalenessMs} ms. ` +
        "Where nothing may ever be old, use `backend: 'redis'`.",
    );
  return Object.freeze({
    ...readCommonOptions(typeof redis === 'object' && redis !== null ? common : redis),
    coherence: readOneOf(coherence, COHERENCE_MODES, 'redis.coherence') ?? DEFAULTS.coherence,
    maxStalenessMs,
  });
}

/** Reads the options that `redis` and `hybrid` have in common. */
function readCommonOptions(redis: unknown): ResolvedRedisOptions {
  if (redis === undefined)
    throw new CacheConfigError(
      'Expected a `redis` section that says where Redis is, got none. ' +
        "Set `redis: { url: 'redis://localhost:6379' }`.",
    );
  checkNames(redis, [...CONNECTION_OPTION_NAMES, 'keyPrefix', 'commandTimeout'], 'redis.', OTHER_NAMES);
  const options = redis as RedisOptions;
  return {
    connection: Object.freeze(readConnection(options)),
    keyPrefix: readKeyPrefix(options.keyPrefix),
    commandTimeoutMs: readTimeout(options.commandTimeout),
  };
}

function readKeyPrefix(keyPrefix: unknown): string {
  if (keyPrefix === undefined) return DEFAULTS.keyPrefix;
  if (typeof keyPrefix !== 'string' || keyPrefix === '' || !keyPrefix.isWellFormed())
    throw expected('redis.keyPrefix', 'a non-empty string of well-formed Unicode', keyPrefix);
  checkHashTag(keyPrefix);
  checkReservedParts(keyPrefix);
  return keyPrefix;
}

/**
 * A single brace would pair with one that the kit writes, and keys that belong in one hash slot would get different
 * ones. @throws CacheConfigError
 */
function checkHashTag(keyPrefix: string): void {
  if (!/[{}]/.test(keyPrefix) || /^[^{}]*\{[^{}]+\}[^{}]*$/.test(keyPrefix)) return;
  throw new CacheConfigError(
    'Expected braces in `redis.keyPrefix` to be one pair with something between them (a hash tag), ' +
      `got \`${show(keyPrefix)}\`.`,
  );
}

/** A cache whose prefix and name come before such a part would take the keys of this cache for its own. */
function checkReservedParts(keyPrefix: string): void {
  const reserved = keyPrefix
    .split(':')
    .slice(2)
    .find((part) => RESERVED_PARTS.has(part));
  if (reserved === undefined) return;
  throw new CacheConfigError(
    `Expected \`redis.keyPrefix\` to have no part \`${reserved}\` behind its second colon, ` +
      `where the kit's own names have one, got \`${show(keyPrefix)}\`.`,
  );
}

function readTimeout(value: unknown): number {
  const timeoutMs = readDuration(value, 'redis.commandTimeout', DEFAULTS.commandTimeoutMs);
  if (timeoutMs > 0) return timeoutMs;
  throw new CacheConfigError(
    'Expected `redis.commandTimeout` to be more than 0: with no time to answer, no answer would come.',
  );
}

export type { RedisAddress } from './redis-address.js';
export type { RedisClient } from './redis-connection.js';
