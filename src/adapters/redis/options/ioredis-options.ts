import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { show } from '../../../core/vocabulary/show.js';

/*
 * Options of ioredis with which a client is useless for a cache: nothing would be stored, without an error. So each is
 * an error at start. All other options are left to ioredis; the adapter accepts every form of replies that they select.
 */

type Refused = readonly [option: string, isWrong: (value: unknown) => boolean, fix: string];

const REFUSED: readonly Refused[] = [
  // ioredis adds it to keys, but not to patterns, and does not remove it from the keys in replies.
  ['keyPrefix', (value) => value !== undefined && value !== '' && value !== null, 'Set `redis.keyPrefix` instead.'],
  ['monitor', (value) => value === true, 'A client that monitors cannot send commands: give the cache another one.'],
  [
    'role',
    (value) => value === 'slave',
    'A replica stores nothing: leave it out, so that Sentinel leads to the master.',
  ],
];

/** @throws CacheConfigError that names the option with which a client is useless */
export function checkClientOptions(options: unknown, where: string): void {
  for (const [option, isWrong, fix] of REFUSED) {
    const value = (options as Record<string, unknown> | undefined)?.[option];
    if (isWrong(value)) throw new CacheConfigError(`Expected no \`${option}\` in ${where}. ${fix}`);
  }
}

/** The same for the options of a `Cluster`, and for those of its connections. @throws CacheConfigError */
export function checkClusterOptions(options: unknown, where: string): void {
  const { redisOptions } = (options ?? {}) as { redisOptions?: unknown };
  checkClientOptions(options, where);
  checkClientOptions(redisOptions, `\`redisOptions\` in ${where}`);
  checkNodeOptions(redisOptions, `\`redisOptions\` in ${where}`);
}

/** Refuses options that only the connections of a cluster must not have. @throws CacheConfigError */
export function checkNodeOptions(options: unknown, where: string): void {
  checkDatabase(options, where);
  if ((options as { stringNumbers?: unknown } | undefined)?.stringNumbers !== true) return;
  // ioredis then compares the first and last slot of a range as text, and finds no slot in `5461` to `10922`.
  throw new CacheConfigError(
    `Expected no \`stringNumbers\` in ${where}. With it ioredis does not know which server has a key: leave it out.`,
  );
}

/** Refuses another database than 0, the only one of a cluster; ioredis would ignore it. @throws CacheConfigError */
export function checkDatabase(options: unknown, where: string): void {
  const { db } = (options ?? {}) as { db?: unknown };
  if (db === undefined || db === null || Number(db) === 0) return;
  throw new CacheConfigError(
    `Expected no \`db\` in ${where}, got \`${show(db)}\`: a cluster has database 0 alone. ` +
      'Tell caches apart by `redis.keyPrefix`.',
  );
}
