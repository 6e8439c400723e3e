import { Logger } from '@nestjs/common';
import {
  CacheConfigError,
  type CacheExplanation,
  CacheKeyError,
  type CacheService,
  type CacheStats,
  type ClusterStats,
  createCache,
  type WarmOptions,
  type WarmReport,
} from '../../index.js';
import { viewOf } from '../../nest/admin/entry-view.js';
import { unreachable, wrongUse } from '../command.errors.js';
import type { CacheRemote, Diagnosis, EntryQuery, EntryView, Invalidation } from './cache-remote.port.js';
import type { RedisTarget } from './targets.js';

/** A person waits longer for an answer than a request does. */
const COMMAND_TIMEOUT = '5s';

/** Opens the cache of the kit itself. @throws CommandError when Redis is away, or for a wrong option */
export async function openRedisRemote(target: RedisTarget): Promise<RedisRemote> {
  const faults: string[] = [];
  // The messages of the kit go to the errors of the command, and not between its lines.
  const note = (message: unknown): number => faults.push(String(message));
  Logger.overrideLogger({ log: () => undefined, warn: note, error: note });
  const { url, prefix, cache: name, version } = target;
  const cache = await orWrongUse(() =>
    createCache({
      backend: 'redis',
      redis: { url, commandTimeout: COMMAND_TIMEOUT, ...(prefix === undefined ? {} : { keyPrefix: prefix }) },
      ...(name === undefined ? {} : { name }),
      ...(version === undefined ? {} : { version }),
      onError: ({ message }) => note(message),
    }),
  );
  const { status } = await cache.getStats();
  if (status !== 'up') {
    await cache.close();
    const [reason = 'Redis does not answer.'] = faults;
    throw unreachable(reason.replace(/ Until then the application runs uncached.*$/, ''));
  }
  faults.length = 0;
  return new RedisRemote(cache, faults);
}

/** A cache in Redis, without its application. */
export class RedisRemote implements CacheRemote {
  readonly #cache: CacheService;
  /** Faults that the cache has reported: its reads become misses, and this command must not. */
  readonly #faults: readonly string[];

  constructor(cache: CacheService, faults: readonly string[]) {
    this.#cache = cache;
    this.#faults = faults;
  }

  stats(): Promise<CacheStats> {
    return this.#ask(() => this.#cache.getStats());
  }

  clusterStats(): Promise<ClusterStats> {
    return this.#ask(() => this.#cache.getClusterStats());
  }

  async list(query: EntryQuery): Promise<{ entries: EntryView[]; cursor?: string }> {
    const page = await this.#ask(() => this.#cache.list(query));
    return { ...page, entries: page.entries.map((entry) => viewOf(entry, true)) };
  }

  async get(key: string, namespace: string | undefined): Promise<EntryView | undefined> {
    const entry = await this.#ask(() => this.#cache.getEntry(key, inNamespace(namespace)));
    return entry === undefined ? undefined : viewOf(entry, true);
  }

  explain(key: string, namespace: string | undefined): Promise<CacheExplanation> {
    return this.#ask(() => this.#cache.explain(key, inNamespace(namespace)));
  }

  invalidate(what: Invalidation): Promise<number> {
    return this.#ask(() => this.#invalidate(what));
  }

  clear(): Promise<number> {
    return this.#ask(() => this.#cache.clear());
  }

  async doctor(): Promise<Diagnosis> {
    throw wrongUse('doctor looks at a running application: give its admin routes with --admin.');
  }

  /** Loads the keys that are not fresh. */
  warm(
    keys: Iterable<string> | AsyncIterable<string>,
    load: (key: string) => unknown,
    options: WarmOptions<unknown>,
  ): Promise<WarmReport> {
    return this.#ask(() => this.#cache.warm(keys, load, { ...options, log: false }));
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  async #invalidate({ key, tags, pattern, namespace, mode, soft, dryRun = false }: Invalidation): Promise<number> {
    const own = inNamespace(namespace);
    const how = { dryRun, ...(soft === undefined ? {} : { soft }) };
    if (key !== undefined) {
      const found = dryRun ? (await this.#cache.getEntry(key, own)) !== undefined : await this.#cache.delete(key, own);
      return found ? 1 : 0;
    }
    if (tags !== undefined)
      return this.#cache.invalidateTags(tags, { ...how, ...(mode === undefined ? {} : { mode }) });
    if (pattern !== undefined) return this.#cache.invalidatePattern(pattern, { dryRun, ...own });
    return this.#cache.invalidateNamespace(namespace ?? '', how);
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    const answer = await orWrongUse(work);
    const [fault] = this.#faults;
    if (fault !== undefined) throw unreachable(fault);
    return answer;
  }
}

function inNamespace(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

async function orWrongUse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CacheConfigError || error instanceof CacheKeyError) throw wrongUse(error.message);
    throw unreachable((error as Error).message);
  }
}
