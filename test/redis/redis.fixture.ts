import { afterEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { type CacheKitOptions } from '../../src/cache-kit.options.js';
import { createCache } from '../../src/create-cache.js';
import type { CacheError } from '../../src/core/vocabulary/cache.errors.js';
import type { CacheService } from '../../src/core/cache.service.js';
import type { RedisServer } from '../support/redis-servers.js';
import { until } from '../support/redis/until.js';

/** Default limit for the time that one call waits for Redis. */
export const LIMIT_MS = 250;
/** Slack for the duration of one call on a busy machine. */
export const SLACK_MS = 150;
/** Limit for the recovery of a cache after a fault. */
export const HEALED_WITHIN_MS = 5_000;

export interface OpenCache {
  readonly cache: CacheService;
  /** Errors passed to `onError`. */
  readonly errors: CacheError[];
}

const cleanups: (() => unknown)[] = [];

/** Runs the cleanups of each test, in reverse order. Call it once in every spec that uses this fixture. */
export function cleanUpAfterEach(): void {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
}

/** Runs `cleanup` after the current test. */
export function afterTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** Waits for a start, and stops the started servers after the current test. */
export async function stopAfterTest<T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
  const started = await start;
  afterTest(() => started.stop());
  return started;
}

type RedisSection = NonNullable<CacheKitOptions['redis']>;
type OtherOptions = Omit<CacheKitOptions, 'redis' | 'backend' | 'onError'>;

export function open(redis: RedisSection, options: OtherOptions = {}): Promise<OpenCache> {
  return openWith({ ...options, backend: 'redis', redis });
}

export function openHybrid(redis: RedisSection, options: OtherOptions = {}): Promise<OpenCache> {
  return openWith({ ...options, backend: 'hybrid', redis });
}

async function openWith(options: CacheKitOptions): Promise<OpenCache> {
  const errors: CacheError[] = [];
  const cache = await createCache({ ...options, onError: (error) => errors.push(error) });
  afterTest(() => cache.close());
  return { cache, errors };
}

/** Connects a plain client, for commands without the cache. */
export function rawClient({ port }: Pick<RedisServer, 'port'>, password?: string): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    maxRetriesPerRequest: 0,
    ...(password === undefined ? {} : { password }),
  });
  client.on('error', () => undefined);
  afterTest(() => client.disconnect());
  return client;
}

/** Measures the duration of a call. */
export async function timed<T>(call: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startedMs = performance.now();
  const value = await call();
  return { value, tookMs: performance.now() - startedMs };
}

/**
 * Measures a read and a load together while both are refused without a command to Redis. Returns the median of 50,
 * which a busy machine changes least.
 */
export async function timeOfRefusals(cache: CacheService): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < 50; i++) {
    const { tookMs } = await timed(async () => {
      await cache.get(`refused-${i}`);
      await cache.getOrSet(`refused-${i}`, () => i);
    });
    took.push(tookMs);
  }
  return took.sort((one, other) => one - other)[25] ?? Infinity;
}

export async function untilStatus(
  cache: CacheService,
  status: 'up' | 'degraded' | 'down',
  withinMs = HEALED_WITHIN_MS,
): Promise<void> {
  let seen = '';
  const isReached = async (): Promise<boolean> => (seen = (await cache.getStats()).status) === status;
  await until(isReached, withinMs, () => `Expected status ${status} within ${withinMs} ms, got ${seen}.`);
}

/** Loads until a loaded value is stored. @returns the time that it took */
export async function untilItStores(cache: CacheService, withinMs = HEALED_WITHIN_MS): Promise<number> {
  let tries = 0;
  const stores = async (): Promise<boolean> => {
    const key = `probe-${++tries}`;
    await cache.getOrSet(key, () => tries);
    return (await cache.get(key)) === tries;
  };
  const { tookMs } = await timed(() =>
    until(stores, withinMs, () => `No loaded value was stored within ${withinMs} ms.`),
  );
  return tookMs;
}
