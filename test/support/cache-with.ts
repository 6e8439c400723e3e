import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import { type CacheOptions, resolveCacheOptions } from '../../src/core/cache-options.js';
import { CacheReporter } from '../../src/core/observation/cache-reporter.js';
import { CacheService } from '../../src/core/cache.service.js';
import type { CacheError } from '../../src/core/vocabulary/cache.errors.js';
import type { CacheAdapter } from '../../src/core/ports/cache-adapter.port.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

export interface CacheFixture {
  readonly cache: CacheService;
  readonly clock: FakeClock;
  /** What went to `onError`. */
  readonly errors: CacheError[];
}

/** A memory cache on a fake clock. @param wrap puts something between the cache and its adapter, such as a fault */
export function cacheWith(
  options: CacheOptions = {},
  wrap: (adapter: CacheAdapter) => CacheAdapter = (adapter) => adapter,
): CacheFixture {
  const clock = new FakeClock();
  const errors: CacheError[] = [];
  const resolved = resolveCacheOptions(options);
  const reporter = new CacheReporter({ hasStats: resolved.hasStats, onError: (error) => errors.push(error) });
  if (resolved.store.kind !== 'memory') throw new Error('Only a memory cache runs on a fake clock.');
  const adapter = new MemoryAdapter(resolved.store.memory, {
    name: resolved.name,
    version: resolved.version,
    types: resolved.types,
    clock,
    onEvict: ({ key, namespace }) => reporter.evicted(key, namespace),
    onError: (error) => void reporter.fault(error, 'keep the store in order'),
    onNotice: () => undefined,
  });
  return { cache: new CacheService({ options: resolved, adapter: wrap(adapter), clock, reporter }), clock, errors };
}

/** A memory adapter with its defaults, as a part of something larger. */
export function memoryTier(clock: FakeClock): MemoryAdapter {
  const context = {
    name: 'tier',
    version: undefined,
    clock,
    onEvict: () => undefined,
    onError: () => undefined,
    onNotice: () => undefined,
  };
  return new MemoryAdapter({ maxEntries: 1_000, maxBytes: 1024 ** 2, policy: 'adaptive', isolation: 'clone' }, context);
}

/** A factory whose calls are counted and end when the test says so. */
export class ManualLoad<T> {
  readonly calls: { resolve(value: T): void; reject(error: unknown): void; signal: AbortSignal }[] = [];

  get count(): number {
    return this.calls.length;
  }

  readonly run = ({ signal }: { signal: AbortSignal }): Promise<T> =>
    new Promise((resolve, reject) => this.calls.push({ resolve, reject, signal }));

  /** Ends the call of that number, counted from 0. */
  finish(call: number, value: T): Promise<void> {
    this.calls[call]?.resolve(value);
    return settle();
  }

  fail(call: number, error: unknown): Promise<void> {
    this.calls[call]?.reject(error);
    return settle();
  }
}

/** Lets everything that waits only for promises go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
