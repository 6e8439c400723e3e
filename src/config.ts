import { registerAs } from '@nestjs/config';
import type { CacheKitFactoryOptions } from './cache-kit.module.js';
import { CacheConfigError } from './core/vocabulary/cache.errors.js';
import type { Ttl } from './core/vocabulary/duration.js';
import { type Finding, FINDINGS } from './core/vocabulary/finding.js';
import type { EncryptionOptions } from './core/values/sealing/sealing-options.js';
import type { Backend } from './store.options.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the options of a cache from the environment, for `CacheKitModule.forRootAsync(cacheKitConfig.asProvider())`:
 * `CACHE_BACKEND`, `CACHE_DEFAULT_TTL` (with a unit: `300s`), `CACHE_DEFAULT_NAMESPACE`, `CACHE_VERSION`,
 * `CACHE_MEMORY_MAX_ENTRIES`, `CACHE_MEMORY_MAX_BYTES`, `CACHE_FILE_DIRECTORY`, `CACHE_FILE_MAX_BYTES`,
 * `CACHE_REDIS_URL`, `CACHE_KEY_PREFIX`, `CACHE_ENCRYPTION_KEYS` (`id:secret,id:secret`), `CACHE_STATS` (`true` or
 * `false`); and, without a URL, `CACHE_REDIS_HOST`, `CACHE_REDIS_PORT`, `CACHE_REDIS_PASSWORD` and `CACHE_REDIS_DB`. A
 * variable that is unset or empty leaves the default. The start-up advisor names any other variable that begins with
 * `CACHE_`.
 */
export const cacheKitConfig = registerAs('cacheKit', () => ({
  ...readEnvironment(process.env),
  [FINDINGS]: unknownVariables(process.env),
}));

function readEnvironment(env: Environment): CacheKitFactoryOptions {
  const memory = without({
    maxEntries: numberFrom(env, 'CACHE_MEMORY_MAX_ENTRIES'),
    maxBytes: numberFrom(env, 'CACHE_MEMORY_MAX_BYTES'),
  });
  const file = without({
    directory: textFrom(env, 'CACHE_FILE_DIRECTORY'),
    maxBytes: numberFrom(env, 'CACHE_FILE_MAX_BYTES'),
  });
  const redis = without({
    url: textFrom(env, 'CACHE_REDIS_URL') ?? urlOfParts(env),
    keyPrefix: textFrom(env, 'CACHE_KEY_PREFIX'),
  });
  return without({
    backend: textFrom(env, 'CACHE_BACKEND') as Backend | undefined,
    defaultTtl: ttlFrom(env, 'CACHE_DEFAULT_TTL'),
    defaultNamespace: textFrom(env, 'CACHE_DEFAULT_NAMESPACE'),
    version: textFrom(env, 'CACHE_VERSION'),
    stats: flagFrom(env, 'CACHE_STATS'),
    memory: Object.keys(memory).length === 0 ? undefined : memory,
    file: Object.keys(file).length === 0 ? undefined : file,
    redis: Object.keys(redis).length === 0 ? undefined : redis,
    encryption: keysFrom(env, 'CACHE_ENCRYPTION_KEYS'),
  });
}

/** All variables that the kit reads; decorated methods without a cache read `CACHE_KIT_MODE`. */
const VARIABLES = [
  ...[
    'CACHE_BACKEND',
    'CACHE_DEFAULT_TTL',
    'CACHE_DEFAULT_NAMESPACE',
    'CACHE_VERSION',
    'CACHE_STATS',
    'CACHE_ENCRYPTION_KEYS',
    'CACHE_KIT_MODE',
  ],
  ...['CACHE_MEMORY_MAX_ENTRIES', 'CACHE_MEMORY_MAX_BYTES', 'CACHE_FILE_DIRECTORY', 'CACHE_FILE_MAX_BYTES'],
  ...['CACHE_REDIS_URL', 'CACHE_KEY_PREFIX'],
  // Those of the command line.
  ...['CACHE_ADMIN_URL', 'CACHE_ADMIN_HEADER'],
  ...['CACHE_REDIS_HOST', 'CACHE_REDIS_PORT', 'CACHE_REDIS_PASSWORD', 'CACHE_REDIS_DB'],
];

function unknownVariables(env: Environment): Finding[] {
  const unknown = Object.keys(env).filter((name) => name.startsWith('CACHE_') && !VARIABLES.includes(name));
  return unknown.map((name) => {
    const near = VARIABLES.find(
      (known) => name.includes(known) || known.includes(name) || known.endsWith(name.slice('CACHE'.length)),
    );
    const instead = near === undefined ? `Known are ${VARIABLES.join(', ')}.` : `Write ${near}.`;
    return { problem: `The environment variable ${name} is set, and the cache reads none of that name.`, fix: instead };
  });
}

/** Makes a URL of host, port, password and database; `undefined` where none of them is set. */
function urlOfParts(env: Environment): string | undefined {
  const [host, port, password, db] = ['HOST', 'PORT', 'PASSWORD', 'DB'].map((part) =>
    textFrom(env, `CACHE_REDIS_${part}`),
  );
  if ([host, port, password, db].every((part) => part === undefined)) return undefined;
  const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return `redis://${credentials}${host ?? 'localhost'}:${port ?? 6379}${db === undefined ? '' : `/${db}`}`;
}

function textFrom(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** Reads a TTL. Refuses a bare number: readers might take it for seconds, while it means milliseconds in code. */
function ttlFrom(env: Environment, name: string): Ttl | undefined {
  const text = textFrom(env, name);
  if (text === undefined || !/^\s*[\d.]+\s*$/.test(text)) return text as Ttl | undefined;
  throw new CacheConfigError(
    `Expected the environment variable ${name} to have a unit, such as ${text.trim()}s or ${text.trim()}ms, ` +
      `got \`${text}\`.`,
  );
}

function numberFrom(env: Environment, name: string): number | undefined {
  const text = textFrom(env, name);
  if (text === undefined || /^\d+$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new CacheConfigError(`Expected the environment variable ${name} to be a whole number, got \`${text}\`.`);
}

function flagFrom(env: Environment, name: string): boolean | undefined {
  const text = textFrom(env, name);
  if (text === undefined || text === 'true' || text === 'false')
    return text === undefined ? undefined : text === 'true';
  throw new CacheConfigError(`Expected the environment variable ${name} to be true or false, got \`${text}\`.`);
}

/** Reads `id:secret` pairs. The error shows no secret. */
function keysFrom(env: Environment, name: string): EncryptionOptions | undefined {
  const text = textFrom(env, name);
  if (text === undefined) return undefined;
  const keys = text.split(',').map((pair) => {
    const colon = pair.indexOf(':');
    if (colon < 1)
      throw new CacheConfigError(
        `Expected the environment variable ${name} to be like id:secret,id:secret, got a part without an id.`,
      );
    return { id: pair.slice(0, colon).trim(), secret: pair.slice(colon + 1) };
  });
  return { keys };
}

function without<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
