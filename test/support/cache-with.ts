import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import { type CacheOptions, resolveCacheOptions } from '../../src/cache-kit.options.js';
import { CacheReporter } from '../../src/core/observation/cache-reporter.js';
import { CacheService } from '../../src/core/cache.service.js';
import type { CacheError } from '../../src/core/vocabulary/cache.errors.js';
import type { CacheAdapter } from '../../src/core/ports/cache-adapter.port.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

export interface CacheFixture {
  readonly cache: CacheService;
  readonly clock: FakeClock;
  /** Errors passed to `onError`. */
  readonly errors: CacheError[];
  /** Sentences for operators. */
  readonly notices: string[];
}

/** Opens a memory cache on a fake clock. @param wrap puts a layer (such as a fault) between cache and adapter */
export function cacheWith(
  options: CacheOptions = {},
  wrap: (adapter: CacheAdapter) => CacheAdapter = (adapter) => adapter,
): CacheFixture {
  const clock = new FakeClock();
  const errors: CacheError[] = [];
  const notices: string[] = [];
  const resolved = resolveCacheOptions(options);
  const reporter = new CacheReporter({
    name: resolved.name,
    clock,
    hasStats: resolved.hasStats,
    onError: (error) => errors.push(error),
  });
  if (resolved.store.kind !== 'memory')
    throw new Error(`Expected the memory backend on a fake clock, got ${resolved.store.kind}.`);
  const adapter = new MemoryAdapter(resolved.store.memory, {
    name: resolved.name,
    version: resolved.version,
    types: resolved.types,
    clock,
    onEvict: ({ key, namespace }) => reporter.evicted(key, namespace),
    onError: (error) => void reporter.fault(error, 'keep the store in order'),
    onNotice: () => undefined,
  });
  const onNotice = (sentence: string): void => void notices.push(sentence);
  const cache = new CacheService({ options: resolved, adapter: wrap(adapter), clock, reporter, onNotice });
  return { cache, clock, errors, notices };
}

/** A memory adapter with default options, for tests of a composed adapter. */
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

/** A factory that counts its calls. Each call ends when the test says so. */
export class ManualLoad<T> {
  readonly calls: { resolve(value: T): void; reject(error: unknown): void; signal: AbortSignal }[] = [];

  get count(): number {
    return this.calls.length;
  }

  readonly run = ({ signal }: { signal: AbortSignal }): Promise<T> =>
    new Promise((resolve, reject) => this.calls.push({ resolve, reject, signal }));

  /** Resolves the call with this index, counted from 0. */
  finish(call: number, value: T): Promise<void> {
    this.calls[call]?.resolve(value);
    return settle();
  }

  fail(call: number, error: unknown): Promise<void> {
    this.calls[call]?.reject(error);
    return settle();
  }
}

/** Runs all pending promise callbacks. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
