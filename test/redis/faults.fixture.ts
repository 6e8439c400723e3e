import { afterEach } from '@jest/globals';
import { Redis } from 'ioredis';
import { type CacheKitOptions } from '../../src/cache-kit.options.js';
import { createCache } from '../../src/compose-cache.js';
import type { CacheError } from '../../src/core/vocabulary/cache.errors.js';
import type { CacheService } from '../../src/core/cache.service.js';
import type { RedisServer } from '../support/redis-servers.js';
import { until } from '../support/redis/until.js';

/** How long one call may wait for Redis in all, as it is by default. */
export const LIMIT_MS = 250;
/** What a busy machine may add to the time of one call. */
export const SLACK_MS = 150;
/** How soon a cache must be of use again when the fault is over. */
export const HEALED_WITHIN_MS = 5_000;

export interface OpenCache {
  readonly cache: CacheService;
  /** What went to `onError`. */
  readonly errors: CacheError[];
}

const cleanups: (() => unknown)[] = [];

/** To be called once in a spec: ends what its tests have opened, the last first. */
export function endWhatTestsOpened(): void {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
}

export function onEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export async function kept<T extends { stop(): Promise<void> }>(start: Promise<T>): Promise<T> {
  const started = await start;
  onEnd(() => started.stop());
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
  onEnd(() => cache.close());
  return { cache, errors };
}

/** A client for looking behind the cache's back. */
export function rawClient({ port }: Pick<RedisServer, 'port'>, password?: string): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    maxRetriesPerRequest: 0,
    ...(password === undefined ? {} : { password }),
  });
  client.on('error', () => undefined);
  onEnd(() => client.disconnect());
  return client;
}

export async function timed<T>(call: () => Promise<T>): Promise<{ readonly value: T; readonly tookMs: number }> {
  const startedMs = performance.now();
  const value = await call();
  return { value, tookMs: performance.now() - startedMs };
}

/**
 * How long a read and a load take together while they are refused without asking Redis: the median of 50, which a busy
 * machine moves least.
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
  const isSo = async (): Promise<boolean> => (seen = (await cache.getStats()).status) === status;
  await until(isSo, withinMs, () => `The status was ${seen}, not ${status}, for ${withinMs} ms.`);
}

/** Ends when what is loaded is stored, too. @returns after how long */
export async function untilItStores(cache: CacheService, withinMs = HEALED_WITHIN_MS): Promise<number> {
  let tries = 0;
  const stores = async (): Promise<boolean> => {
    const key = `probe-${++tries}`;
    await cache.getOrSet(key, () => tries);
    return (await cache.get(key)) === tries;
  };
  const { tookMs } = await timed(() => until(stores, withinMs, () => `Nothing was stored for ${withinMs} ms.`));
  return tookMs;
}
