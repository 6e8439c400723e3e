import { wrongUse } from './command.errors.js';
import type { CacheRemote } from './remote/cache-remote.port.js';
import type { AdminTarget, RedisTarget } from './remote/targets.js';
import type { Secrets } from './secrets.js';

/** The options that say which cache is meant, as they were written. */
export interface ConnectionOptions {
  readonly admin?: string;
  readonly header?: readonly string[];
  readonly redis?: string;
  readonly prefix?: string;
  readonly cache?: string;
  readonly cacheVersion?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const REDIS_ALONE = [
  ['prefix', '--prefix'],
  ['cache', '--cache'],
  ['cacheVersion', '--cache-version'],
] as const;

/**
 * Finds the cache: by the options, else by the environment, where the admin routes come first.
 * @throws CommandError for wrong use; it shows no secret
 */
export function targetOf(options: ConnectionOptions, env: Environment, secrets: Secrets): RedisTarget | AdminTarget {
  if (options.admin !== undefined && options.redis !== undefined)
    throw wrongUse('Expected either --admin or --redis, got both. Leave one of them out.');
  const redisUrl = options.redis ?? textFrom(env, 'CACHE_REDIS_URL');
  const adminUrl = options.admin ?? (options.redis === undefined ? textFrom(env, 'CACHE_ADMIN_URL') : undefined);
  if (adminUrl !== undefined) return adminTarget(adminUrl, options, env, secrets);
  if (redisUrl === undefined)
    throw wrongUse(
      'Expected the cache, got none. Write --admin http://localhost:3000/admin/cache or --redis ' +
        'redis://localhost:6379, or set CACHE_ADMIN_URL or CACHE_REDIS_URL.',
    );
  return redisTarget(redisUrl, options, env, secrets);
}

export function redisTarget(
  url: string,
  { prefix, cache, cacheVersion, header }: ConnectionOptions,
  env: Environment,
  secrets: Secrets,
): RedisTarget {
  secrets.addUrl(url);
  if (header !== undefined) throw wrongUse('--header is for --admin. Leave it out with --redis.');
  return { kind: 'redis', url, prefix: prefix ?? textFrom(env, 'CACHE_KEY_PREFIX'), cache, version: cacheVersion };
}

/** Connects to the cache. Loads only the code that it needs. */
export async function connect(target: RedisTarget | AdminTarget, signal: AbortSignal): Promise<CacheRemote> {
  if (target.kind === 'admin') {
    const { HttpRemote } = await import('./remote/http-remote.js');
    return new HttpRemote(target, signal);
  }
  const { openRedisRemote } = await import('./remote/redis-remote.js');
  return openRedisRemote(target);
}

function adminTarget(text: string, options: ConnectionOptions, env: Environment, secrets: Secrets): AdminTarget {
  secrets.addUrl(text);
  const wrong = REDIS_ALONE.find(([name]) => options[name] !== undefined);
  if (wrong !== undefined) throw wrongUse(`${wrong[1]} is for --redis. Leave it out with --admin.`);
  const headers = headersOf(options.header ?? textFrom(env, 'CACHE_ADMIN_HEADER')?.split('\n') ?? [], secrets);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw wrongUse('Expected --admin to be a URL such as http://localhost:3000/admin/cache, got another text.');
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    if (!headers.has('authorization'))
      headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
  }
  return { kind: 'admin', url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, headers };
}

function headersOf(lines: readonly string[], secrets: Secrets): Headers {
  const headers = new Headers();
  for (const line of lines.filter((each) => each.trim() !== '')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).trim();
    secrets.addHeader(value);
    try {
      if (colon < 1) throw new TypeError('no name');
      headers.append(line.slice(0, colon).trim(), value);
    } catch {
      // Without the text of the header: any part of it could be the secret.
      throw wrongUse("Expected --header to be like 'authorization: Bearer ...', got a text that is no header.");
    }
  }
  return headers;
}

function textFrom(env: Environment, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}
