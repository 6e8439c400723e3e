import { type Metric, register as globalRegister, type Registry, type RegistryContentType } from 'prom-client';
import { internalsOf } from '../../core/cache-internals.js';
import { type CacheService, isCacheService } from '../../core/cache.service.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { expected } from '../../core/vocabulary/option-checks.js';
import { BACKEND_UP, type CacheReading, FAMILIES, isUp, type MetricFamily, type Sample } from './metric-families.js';

/** A registry of `prom-client`, for either content type. */
export type MetricsRegistry = Registry<RegistryContentType>;

export interface CacheKitMetrics {
  /**
   * Adds the counts of a cache to the scrapes, until it is closed. Does nothing for a cache that is observed already.
   * @throws CacheConfigError for another cache of the same name
   */
  observe(cache: CacheService): void;

  /** Removes the metrics from the registry. */
  close(): void;
}

/**
 * Adds the metrics of the kit to a registry. Nothing is counted for them: a scrape reads the counts that each cache
 * keeps.
 * ```ts
 * cacheKitMetrics().observe(cache);
 * ```
 * @throws CacheConfigError for a registry that has these metrics already
 */
export function cacheKitMetrics(register: MetricsRegistry = globalRegister): CacheKitMetrics {
  checkRegistry(register);
  const caches = new ObservedCaches();
  const names = [...FAMILIES, BACKEND_UP].map(({ name }) => name);
  for (const family of FAMILIES)
    register.registerMetric(metricOf(family, async () => samplesIn(family, await caches.read())));
  register.registerMetric(metricOf(BACKEND_UP, async () => upIn(await caches.read())));
  return {
    observe: (cache) => caches.add(cache),
    close: () => {
      for (const name of names) register.removeSingleMetric(name);
    },
  };
}

/** Checks a registry. @throws CacheConfigError */
export function checkRegistry(register: unknown): void {
  const { registerMetric, getSingleMetric } = (register ?? {}) as Partial<MetricsRegistry>;
  if (typeof registerMetric !== 'function' || typeof getSingleMetric !== 'function')
    throw expected('register', 'a Registry of prom-client', register, 'Write `new Registry()`, or leave it out.');
  if (getSingleMetric.call(register, BACKEND_UP.name) !== undefined)
    throw new CacheConfigError(
      'The registry has the metrics of nestjs-cache-kit already. Call `cacheKitMetrics()` once and `observe(cache)` ' +
        'for each cache, import CachePrometheusModule once, or give each a `register` of its own.',
    );
}

/** The caches of one registry. */
class ObservedCaches {
  readonly #caches = new Map<string, CacheService>();
  #reading: Promise<CacheReading[]> | undefined;

  add(cache: CacheService): void {
    const given: unknown = cache;
    if (typeof given !== 'object' || given === null || !isCacheService(given))
      throw expected('cache', 'a CacheService', given, 'Inject it, or make one with `createCache()`.');
    const known = this.#caches.get(cache.name);
    if (known !== undefined && known !== cache && !internalsOf(known).isClosed())
      throw new CacheConfigError(
        `Another cache with the name '${cache.name}' is observed already. Give one of them a \`name\`.`,
      );
    this.#caches.set(cache.name, cache);
  }

  /** Reads the counts of all open caches: once for all metrics of a scrape. Never rejects. */
  read(): Promise<CacheReading[]> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  #readAll(): Promise<CacheReading[]> {
    for (const [name, cache] of this.#caches) if (internalsOf(cache).isClosed()) this.#caches.delete(name);
    return Promise.all([...this.#caches].map(([name, cache]) => readingOf(name, cache)));
  }
}

async function readingOf(name: string, cache: CacheService): Promise<CacheReading> {
  try {
    return { cache: name, metrics: await internalsOf(cache).metrics() };
  } catch {
    // One backend that cannot be asked must not hide the metrics of the others, and of the application.
    return { cache: name, metrics: undefined };
  }
}

function samplesIn(family: MetricFamily, readings: readonly CacheReading[]): Sample[] {
  return readings.flatMap(({ cache, metrics }) => (metrics === undefined ? [] : family.samplesOf(cache, metrics)));
}

function upIn(readings: readonly CacheReading[]): Sample[] {
  return readings.map((reading) => ({ labels: { cache: reading.cache }, value: isUp(reading) }));
}

/**
 * A metric as registries use it. `name` is writable: a scrape in the format of OpenMetrics takes `_total` off it.
 * `prom-client` has no class for a metric whose counts are kept elsewhere.
 */
function metricOf(
  { name, help, type }: Pick<MetricFamily, 'name' | 'help' | 'type'>,
  samples: () => Promise<Sample[]>,
): Metric {
  const metric = {
    name,
    help,
    type,
    async get() {
      return { name: this.name, help, type, values: await samples() };
    },
    /** Called for all metrics by `resetMetrics()`. The counts are the cache's, and go on. */
    reset: () => undefined,
  };
  return metric as unknown as Metric;
}
