import { beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { CacheAdapter } from '../../../src/core/ports/cache-adapter.port.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { cacheKitMetrics, type CacheKitMetrics, type MetricsRegistry } from '../../../src/prometheus.js';
import { cacheWith, times } from '../../support/cache-with.js';
import { counted, parseScrape, type ScrapedFamily } from './scrape.fixture.js';

const TYPES = {
  cache_kit_requests_total: 'counter',
  cache_kit_loads_total: 'counter',
  cache_kit_load_duration_seconds: 'histogram',
  cache_kit_invalidations_total: 'counter',
  cache_kit_evictions_total: 'counter',
  cache_kit_entries: 'gauge',
  cache_kit_bytes: 'gauge',
  cache_kit_saved_seconds_total: 'counter',
  cache_kit_errors_total: 'counter',
  cache_kit_http_requests_total: 'counter',
  cache_kit_backend_up: 'gauge',
};

let register: MetricsRegistry;
let metrics: CacheKitMetrics;

beforeEach(() => {
  register = new Registry();
  metrics = cacheKitMetrics(register);
});

const scrape = async (): Promise<Map<string, ScrapedFamily>> => parseScrape(await register.metrics());

function typesOf(families: Map<string, ScrapedFamily>): Record<string, string> {
  return Object.fromEntries([...families].map(([name, { type }]) => [name, type]));
}

describe('a scrape', () => {
  it('has a help text and the type of each metric', async () => {
    const families = await scrape();

    expect(typesOf(families)).toEqual(TYPES);
    expect([...families.values()].filter(({ help }) => !/^.+\.$/.test(help))).toEqual([]);
  });

  it('counts what each read found, also a stale entry', async () => {
    const { cache, clock } = cacheWith({ name: 'prices', defaultTtl: '1m' });
    metrics.observe(cache);
    const read = (): Promise<string> =>
      cache.getOrSet('secret-key', () => 'value', { tags: ['secret-tag'], staleWhileRevalidate: '1h' });

    await read();
    await read();
    await read();
    await clock.advance(120_000);
    await read();

    const families = await scrape();
    expect(counted(families, 'cache_kit_requests_total')).toEqual({
      'cache_kit_requests_total{cache="prices",tier="memory",result="hit"}': 2,
      'cache_kit_requests_total{cache="prices",tier="memory",result="miss"}': 2,
      'cache_kit_requests_total{cache="prices",tier="memory",result="stale"}': 1,
    });
    expect(counted(families, 'cache_kit_entries')).toEqual({ 'cache_kit_entries{cache="prices",tier="memory"}': 1 });
    expect(Object.keys(counted(families, 'cache_kit_bytes'))).toEqual([
      'cache_kit_bytes{cache="prices",tier="memory"}',
    ]);
    expect(await register.metrics()).not.toContain('secret');
  });

  it('counts loads by their end, and their durations in seconds', async () => {
    const { cache, clock } = cacheWith({ name: 'loads' });
    metrics.observe(cache);
    const lasting = (ms: number) => async (): Promise<string> => {
      await clock.advance(ms);
      return 'value';
    };

    await cache.getOrSet('short', lasting(4));
    await cache.getOrSet('long', lasting(20_000));
    await cache.getOrSet('long', lasting(1));
    await Promise.all(times(3, () => cache.getOrSet('shared', lasting(0))));
    await cache.getOrSet('bad', () => Promise.reject(new Error('no'))).catch(() => undefined);

    const families = await scrape();
    const { samples } = families.get('cache_kit_load_duration_seconds') as ScrapedFamily;
    const upTo = (le: string): number | undefined =>
      samples.get(`cache_kit_load_duration_seconds_bucket{cache="loads",le="${le}"}`);
    expect(counted(families, 'cache_kit_loads_total')).toEqual({
      'cache_kit_loads_total{cache="loads",result="ok"}': 3,
      'cache_kit_loads_total{cache="loads",result="error"}': 1,
      'cache_kit_loads_total{cache="loads",result="coalesced"}': 2,
    });
    expect([upTo('0.001'), upTo('0.005'), upTo('10'), upTo('+Inf')]).toEqual([2, 3, 3, 4]);
    expect(samples.get('cache_kit_load_duration_seconds_count{cache="loads"}')).toBe(4);
    expect(samples.get('cache_kit_load_duration_seconds_sum{cache="loads"}')).toBeCloseTo(20.004, 1);
    expect(samples.size).toBe(16);
    expect(counted(families, 'cache_kit_saved_seconds_total')).toEqual({
      'cache_kit_saved_seconds_total{cache="loads"}': 20,
    });
  });

  it('counts invalidations, evictions and errors', async () => {
    const { cache } = cacheWith({ name: 'small', memory: { maxEntries: 2 } });
    metrics.observe(cache);

    await cache.setMany(times(5, (i) => [`k${i}`, i] as const));
    await cache.delete('k4');
    await cache.invalidateTags(['t']);
    await cache.invalidateNamespace('n');
    await cache.invalidatePattern('k*');
    await cache.clear();
    await cache.getOrSet('k', () => Symbol('unstorable'));

    const families = await scrape();
    expect(counted(families, 'cache_kit_invalidations_total')).toEqual(
      Object.fromEntries(
        ['key', 'tag', 'namespace', 'pattern', 'clear'].map((kind) => [
          `cache_kit_invalidations_total{cache="small",kind="${kind}"}`,
          1,
        ]),
      ),
    );
    expect(counted(families, 'cache_kit_evictions_total')).toEqual({ 'cache_kit_evictions_total{cache="small"}': 3 });
    expect(counted(families, 'cache_kit_errors_total')).toEqual({
      'cache_kit_errors_total{cache="small",kind="value_unserializable"}': 1,
    });
    expect(families.get('cache_kit_errors_total')?.samples.size).toBe(5);
  });

  it('has both caches, and shows the one whose backend gives no counts as down', async () => {
    const broken = (adapter: CacheAdapter): CacheAdapter => {
      adapter.usage = () => Promise.reject(new Error('no answer'));
      return adapter;
    };
    const [up, down] = [cacheWith({ name: 'up' }).cache, cacheWith({ name: 'down' }, broken).cache];
    metrics.observe(up);
    metrics.observe(down);

    const families = await scrape();

    expect([...(families.get('cache_kit_backend_up')?.samples ?? [])]).toEqual([
      ['cache_kit_backend_up{cache="up"}', 1],
      ['cache_kit_backend_up{cache="down"}', 0],
    ]);
    expect([...(families.get('cache_kit_evictions_total')?.samples.keys() ?? [])]).toEqual([
      'cache_kit_evictions_total{cache="up"}',
    ]);
  });

  it('asks each backend once', async () => {
    let asked = 0;
    const counting = (adapter: CacheAdapter): CacheAdapter => {
      const usage = adapter.usage.bind(adapter);
      adapter.usage = () => (asked++, usage());
      return adapter;
    };
    metrics.observe(cacheWith({}, counting).cache);

    await scrape();
    await scrape();

    expect(asked).toBe(2);
  });

  it('writes OpenMetrics, and the other format afterwards, and is empty after close()', async () => {
    metrics.observe(cacheWith().cache);
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);

    const first = await register.metrics();
    const second = await register.metrics();

    const families = parseScrape(first);
    expect(second).toBe(first);
    expect(families.get('cache_kit_evictions')?.type).toBe('counter');
    expect([...(families.get('cache_kit_evictions')?.samples.keys() ?? [])]).toEqual([
      'cache_kit_evictions_total{cache="default"}',
    ]);
    metrics.close();
    expect(register.getMetricsAsArray()).toEqual([]);
    register.setContentType(Registry.PROMETHEUS_CONTENT_TYPE);
    metrics = cacheKitMetrics(register);
    expect(typesOf(await scrape())).toEqual(TYPES);
  });

  it('goes on after the application resets its metrics', async () => {
    const { cache } = cacheWith();
    metrics.observe(cache);
    await cache.clear();

    register.resetMetrics();

    expect(counted(await scrape(), 'cache_kit_invalidations_total')).toEqual({
      'cache_kit_invalidations_total{cache="default",kind="clear"}': 1,
    });
  });

  it('of a cache with 100,000 entries takes some milliseconds', async () => {
    const { cache } = cacheWith({ memory: { maxEntries: 200_000 } });
    metrics.observe(cache);
    await cache.setMany(times(100_000, (i) => [`key:${i}`, i] as const));

    const tookMs: number[] = [];
    for (let i = 0; i < 9; i++) {
      const startMs = performance.now();
      await register.metrics();
      tookMs.push(performance.now() - startMs);
    }

    const medianMs = tookMs.sort((a, b) => a - b)[4] as number;
    expect(counted(await scrape(), 'cache_kit_entries')).toEqual({
      'cache_kit_entries{cache="default",tier="memory"}': 100_000,
    });
    expect(medianMs).toBeLessThan(50);
  });
});

describe('observe()', () => {
  it('refuses another open cache of the same name, and takes a cache once', async () => {
    const first = cacheWith({ name: 'a' }).cache;
    metrics.observe(first);
    metrics.observe(first);

    expect(() => metrics.observe(cacheWith({ name: 'a' }).cache)).toThrow(/'a' is observed already.*`name`/);
    expect((await scrape()).get('cache_kit_backend_up')?.samples.size).toBe(1);
  });

  it('forgets a cache that is closed', async () => {
    const first = cacheWith({ name: 'a' }).cache;
    metrics.observe(first);
    await first.close();

    expect((await scrape()).get('cache_kit_backend_up')?.samples.size).toBe(0);
    expect(() => metrics.observe(cacheWith({ name: 'a' }).cache)).not.toThrow();
  });

  it.each([{}, undefined, 'default'])('refuses something else than a cache: %p', (wrong) => {
    expect(() => metrics.observe(wrong as CacheService)).toThrow(/Expected `cache` to be a CacheService.*createCache/);
  });
});

describe('cacheKitMetrics()', () => {
  it('refuses a registry that has the metrics, also after a scrape of OpenMetrics', async () => {
    expect(() => cacheKitMetrics(register)).toThrow(/has the metrics of nestjs-cache-kit already/);

    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    await register.metrics();
    expect(() => cacheKitMetrics(register)).toThrow(/has the metrics of nestjs-cache-kit already/);
  });

  it('refuses something else than a registry', () => {
    expect(() => cacheKitMetrics({} as MetricsRegistry)).toThrow(/Expected `register` to be a Registry of prom-client/);
  });
});
