import { Logger } from '@nestjs/common';
import { loadFileBackend } from './adapters/file/load-file-backend.js';
import { HybridAdapter } from './adapters/hybrid/hybrid.adapter.js';
import { MemoryAdapter } from './adapters/memory/memory.adapter.js';
import { type MemoryOptions, readMemory } from './adapters/memory/memory-options.js';
import { type CacheKitOptions, type ResolvedCacheOptions, resolveCacheKitOptions } from './cache-kit.options.js';
import { isAnnounced } from './core/observation/announced-fault.js';
import { CacheReporter } from './core/observation/cache-reporter.js';
import { CacheService } from './core/cache.service.js';
import { internalsOf } from './core/cache-internals.js';
import type { CacheError } from './core/vocabulary/cache.errors.js';
import { createEntryCodec } from './core/values/codec.js';
import type { Finding } from './core/vocabulary/finding.js';
import type { CacheAdapter, CacheAdapterContext, CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import type { Clock } from './core/ports/clock.port.js';
import type { ProcessHold } from './core/ports/process-hold.js';
import type { PendingWrites } from './core/ports/write-behind-queue.port.js';
import { SystemClock } from './core/system-clock.js';
import { NO_TYPES, ValueTypes } from './core/vocabulary/value-types.js';
import { InProcessQueue } from './core/write-behind/in-process-queue.js';
import { createWriteCodec } from './core/write-behind/write-codec.js';
import { Advice } from './nest/start-up-advisor.js';
import { checkAdapter } from './store.options.js';

/**
 * Creates a cache without Nest's container, for scripts, workers and tests. End it with `close()`. Takes the options of
 * `CacheKitModule.forRoot`; `http`, `admin` and `isGlobal` are checked and have no effect.
 * ```ts
 * const cache = await createCache({ backend: 'redis', redis: { url: 'redis://localhost' } });
 * ```
 * @throws CacheConfigError that names the wrong option
 */
export async function createCache(options: CacheKitOptions = {}): Promise<CacheService> {
  const { cache } = resolveCacheKitOptions(options);
  const advice = new Advice();
  advice.about(cache);
  const service = await composeCache(cache, { onFinding: (finding) => advice.add(finding) });
  try {
    advice.announce();
    internalsOf(service).pendingWrites.start();
    return service;
  } catch (error) {
    await service.close();
    throw error;
  }
}

/** Dependencies that the caller of `composeCache` provides. */
export interface Surroundings {
  /** Keeps the process alive in the place of the cache's connections; without it the connections do. */
  readonly hold?: ProcessHold;
  readonly onFinding: (finding: Finding) => void;
}

/** Makes a service from resolved options. The only place where a backend is chosen. */
export async function composeCache(
  options: ResolvedCacheOptions,
  { hold, onFinding }: Surroundings,
): Promise<CacheService> {
  const clock = options.clock ?? new SystemClock();
  const reporter = new CacheReporter({
    name: options.name,
    clock,
    hasStats: options.hasStats,
    onError: options.onError ?? logOncePerSecond(options.name, clock),
  });
  const onNotice: CacheAdapterContext['onNotice'] = (sentence, level = 'log') =>
    loggerOf(options.name)[level](sentence);
  const context: CacheAdapterContext = {
    name: options.name,
    version: options.version,
    types: options.types.reportingTo((error) => void reporter.fault(error, 'read an entry')),
    clock,
    onEvict: ({ key, namespace }) => reporter.evicted(key, namespace),
    onError: (error) => void reporter.fault(error, 'keep the store in order'),
    onNotice,
    onFinding,
    ...(hold === undefined ? {} : { hold }),
  };
  // Before the adapter, because it connects to nothing: a queue that cannot be used must leave nothing open.
  const pendingWrites = await openWrites(options, clock);
  const open = (): Promise<CacheAdapter> => openAdapter(options, context);
  const adapter = await (hold === undefined ? open() : hold.during(open));
  return new CacheService({ options, adapter, clock, reporter, onNotice, pendingWrites });
}

/**
 * Makes the adapter of the memory backend, for the option `adapter`.
 * @throws CacheConfigError that names the wrong option
 */
export function memoryAdapter(options?: MemoryOptions): CacheAdapterFactory {
  const resolved = readMemory(options);
  return ({ types = NO_TYPES, ...context }) =>
    new MemoryAdapter(resolved, { ...context, types: types.keepingOthers() });
}

async function openWrites(options: ResolvedCacheOptions, clock: Clock): Promise<PendingWrites> {
  const { name, version, store, writeBehind = new InProcessQueue() } = options;
  const types = new ValueTypes(options.types, false);
  const codec = createEntryCodec('encryption' in store ? { ...store, types } : { types });
  return writeBehind.open({
    name,
    version,
    clock,
    codec: createWriteCodec(codec, clock),
    types,
    keepsProcess: options.clock === undefined,
  });
}

async function openAdapter({ store }: ResolvedCacheOptions, context: CacheAdapterContext): Promise<CacheAdapter> {
  switch (store.kind) {
    case 'adapter':
      return typeof store.adapter === 'function' ? checkAdapter(await store.adapter(context)) : store.adapter;
    case 'memory':
      return new MemoryAdapter(store.memory, context);
    case 'file': {
      const { openFileAdapter } = await loadFileBackend();
      return openFileAdapter(store.file, createEntryCodec({ ...store, types: context.types }), context);
    }
    case 'redis': {
      const { openRedisAdapter } = await import('./adapters/redis/open-redis.js');
      return openRedisAdapter(store.redis, createEntryCodec({ ...store, types: context.types }), context);
    }
    case 'hybrid': {
      const { openCoherentRedis } = await import('./adapters/redis/open-redis.js');
      const redis = await openCoherentRedis(store.redis, createEntryCodec({ ...store, types: context.types }), context);
      return new HybridAdapter({ near: new MemoryAdapter(store.memory, context), ...redis, clock: context.clock });
    }
  }
}

/**
 * Logs at most one error a second for each error code: every call reports a fault while it lasts. Logs no error that a
 * notice has announced.
 */
function logOncePerSecond(name: string, clock: Clock): (error: CacheError) => void {
  const logger = loggerOf(name);
  const lastMs = new Map<string, number>();
  return (error) => {
    if (isAnnounced(error)) return;
    const nowMs = clock.nowMs();
    if (nowMs - (lastMs.get(error.code) ?? -Infinity) < 1_000) return;
    lastMs.set(error.code, nowMs);
    logger.error(error.message);
  };
}

function loggerOf(name: string): Logger {
  return new Logger(name === 'default' ? 'CacheKit' : `CacheKit:${name}`);
}
