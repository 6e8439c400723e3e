import { CacheConfigError } from './vocabulary/cache.errors.js';
import { show } from './vocabulary/show.js';

/*
 * Options of ioredis under which a client is of no use to a cache. Each is an error at start: nothing would be stored,
 * and nobody would say why. All others are left to ioredis; the adapter works with whatever form of replies they ask
 * for.
 */

type Refused = readonly [option: string, isWrong: (value: unknown) => boolean, why: string];

const REFUSED: readonly Refused[] = [
  // ioredis puts it before keys, but not before patterns, and does not take it off what comes back.
  ['keyPrefix', (value) => value !== undefined && value !== '' && value !== null, 'Set `redis.keyPrefix` instead.'],
  ['monitor', (value) => value === true, 'A client that monitors cannot send commands: give the cache another one.'],
  [
    'role',
    (value) => value === 'slave',
    'A replica stores nothing: leave it out, so that Sentinel leads to the master.',
  ],
];

/** @throws CacheConfigError naming the option, where a client with these options could not be used */
export function checkClientOptions(options: unknown, where: string): void {
  for (const [option, isWrong, why] of REFUSED) {
    const value = (options as Record<string, unknown> | undefined)?.[option];
    if (isWrong(value)) throw new CacheConfigError(`Expected no \`${option}\` in ${where}. ${why}`);
  }
}

/** The same for the options of a `Cluster`, and for those of its connections. @throws CacheConfigError */
export function checkClusterOptions(options: unknown, where: string): void {
  const { redisOptions } = (options ?? {}) as { redisOptions?: unknown };
  checkClientOptions(options, where);
  checkClientOptions(redisOptions, `\`redisOptions\` in ${where}`);
  checkNodeOptions(redisOptions, `\`redisOptions\` in ${where}`);
}

/** What the connections of a cluster must not have and others may. @throws CacheConfigError */
export function checkNodeOptions(options: unknown, where: string): void {
  checkDatabase(options, where);
  if ((options as { stringNumbers?: unknown } | undefined)?.stringNumbers !== true) return;
  // The first and last slot of a range are compared as text then: of `5461` to `10922` ioredis takes none.
  throw new CacheConfigError(
    `Expected no \`stringNumbers\` in ${where}. With it ioredis does not know which server has a key: leave it out.`,
  );
}

/** A cluster has one database; ioredis says nothing about another. @throws CacheConfigError */
export function checkDatabase(options: unknown, where: string): void {
  const { db } = (options ?? {}) as { db?: unknown };
  if (db === undefined || db === null || Number(db) === 0) return;
  throw new CacheConfigError(
    `Expected no \`db\` in ${where}, got \`${show(db)}\`: a cluster has database 0 alone. Tell caches apart by \`redis.keyPrefix\`.`,
  );
}
