import { registerAs } from '@nestjs/config';
import type { CacheKitFactoryOptions } from './cache-kit.module.js';
import { CacheConfigError } from './core/cache.errors.js';
import type { Ttl } from './core/duration.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The options of a cache from the environment, for `CacheKitModule.forRootAsync(cacheKitConfig.asProvider())`:
 * `CACHE_BACKEND`, `CACHE_DEFAULT_TTL` (with a unit: `300s`), `CACHE_DEFAULT_NAMESPACE`, `CACHE_VERSION`,
 * `CACHE_MEMORY_MAX_ENTRIES`, `CACHE_MEMORY_MAX_BYTES`, `CACHE_STATS` (`true` or `false`). A variable that is unset or
 * empty leaves the default.
 */
export const cacheKitConfig = registerAs('cacheKit', () => readEnvironment(process.env));

function readEnvironment(env: Environment): CacheKitFactoryOptions {
  const memory = without({ maxEntries: numberFrom(env, 'CACHE_MEMORY_MAX_ENTRIES'), maxBytes: numberFrom(env, 'CACHE_MEMORY_MAX_BYTES') });
  return without({
    backend: textFrom(env, 'CACHE_BACKEND') as 'memory' | undefined,
    defaultTtl: textFrom(env, 'CACHE_DEFAULT_TTL') as Ttl | undefined,
    defaultNamespace: textFrom(env, 'CACHE_DEFAULT_NAMESPACE'),
    version: textFrom(env, 'CACHE_VERSION'),
    stats: flagFrom(env, 'CACHE_STATS'),
    memory: Object.keys(memory).length === 0 ? undefined : memory,
  });
}

function textFrom(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

function numberFrom(env: Environment, name: string): number | undefined {
  const text = textFrom(env, name);
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new CacheConfigError(`Expected the environment variable ${name} to be a whole number, got \`${text}\`.`);
}

function flagFrom(env: Environment, name: string): boolean | undefined {
  const text = textFrom(env, name);
  if (text === undefined || text === 'true' || text === 'false') return text === undefined ? undefined : text === 'true';
  throw new CacheConfigError(`Expected the environment variable ${name} to be true or false, got \`${text}\`.`);
}

function without<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
