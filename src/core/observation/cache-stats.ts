import { byUse, HotKeys, type KeyCounts } from './hot-keys.js';
import { LatencyHistogram } from './latency-histogram.js';
import type { AdapterUsage, CoherenceUsage, TierUsage } from '../ports/cache-adapter.port.js';

/** Statistics of a cache since it was made. Counters are those of this process; times are ISO 8601. */
export interface CacheStats {
  name: string;
  backend: string;
  status: 'up' | 'degraded' | 'down';
  since: string;
  totalEntries: number;
  /** Reads that were served from the cache, fresh or stale. */
  totalHits: number;
  totalMisses: number;
  /** 0..1; 0 before the first read. */
  hitRate: number;
  memoryUsageBytes: number | null;
  oldestEntry: string | null;
  newestEntry: string | null;
  staleHits: number;
  sets: number;
  deletes: number;
  invalidations: number;
  evictions: number;
  errors: number;
  /**
   * `count`: calls of factories. `coalesced`: callers that shared one. `savedMs`: the time that loads would have taken
   * in place of hits.
   */
  loads: { count: number; failures: number; coalesced: number; p50Ms: number; p99Ms: number; savedMs: number };
  /** Latency of a sample of the reads. */
  latency: { getP50Ms: number; getP99Ms: number };
  tiers: TierUsage[];
  /** The way in which near copies learn of changes; only with near copies. */
  coherence?: CoherenceUsage;
  namespaces: { namespace: string; hits: number; misses: number; hitRate: number }[];
  /** The most used first; a key in a namespace is shown as `namespace:key`. */
  hotKeys: KeyCounts[];
}

const MAX_NAMESPACES = 256;
const KEYS_COUNTED = 1024;
const KEYS_COUNTED_PER_NAMESPACE = 64;
const HOT_KEYS_SHOWN = 20;

interface ReadCounts {
  hits: number;
  misses: number;
}

interface NamespaceCounts extends ReadCounts {
  readonly namespace: string;
  readonly keys: HotKeys;
}

/** Counts the operations of a cache. Its memory is bounded, for any number of keys and namespaces. */
export class StatsRecorder {
  hits = 0;
  staleHits = 0;
  misses = 0;
  sets = 0;
  deletes = 0;
  invalidations = 0;
  errors = 0;
  loads = 0;
  loadFailures = 0;
  coalesced = 0;
  savedMs = 0;
  readonly #loadLatency = new LatencyHistogram();
  readonly #readLatency = new LatencyHistogram();
  readonly #namespaces = new Map<string, NamespaceCounts>();
  readonly #hotKeys = new HotKeys(KEYS_COUNTED);
  /** The namespace that was counted last: reads of one namespace come in a row. */
  #last: NamespaceCounts | undefined;

  read(durationMs: number): void {
    this.#readLatency.record(durationMs);
  }

  /** @param savedMs the time that it took to compute the value, which is saved now */
  hit(key: string, namespace: string | undefined, savedMs: number): void {
    this.hits++;
    this.savedMs += savedMs;
    if (namespace === undefined) return this.#hotKeys.hit(key);
    const counts = this.#countsOf(namespace);
    counts.hits++;
    counts.keys.hit(key);
  }

  stale(key: string, namespace: string | undefined, savedMs: number): void {
    this.staleHits++;
    this.hit(key, namespace, savedMs);
  }

  miss(key: string, namespace: string | undefined): void {
    this.misses++;
    if (namespace === undefined) return this.#hotKeys.miss(key);
    const counts = this.#countsOf(namespace);
    counts.misses++;
    counts.keys.miss(key);
  }

  loaded(durationMs: number, hasFailed: boolean): void {
    this.loads++;
    if (hasFailed) this.loadFailures++;
    this.#loadLatency.record(durationMs);
  }

  report(cache: { name: string; backend: string; since: Date }, usage: AdapterUsage): CacheStats {
    return {
      ...cache,
      status: usage.status,
      since: cache.since.toISOString(),
      totalEntries: usage.entries,
      totalHits: this.hits,
      totalMisses: this.misses,
      hitRate: rate(this),
      memoryUsageBytes: usage.bytes,
      oldestEntry: isoOrNull(usage.oldestMs),
      newestEntry: isoOrNull(usage.newestMs),
      staleHits: this.staleHits,
      sets: this.sets,
      deletes: this.deletes,
      invalidations: this.invalidations,
      evictions: usage.evictions,
      errors: this.errors,
      loads: {
        count: this.loads,
        failures: this.loadFailures,
        coalesced: this.coalesced,
        p50Ms: this.#loadLatency.quantileMs(0.5),
        p99Ms: this.#loadLatency.quantileMs(0.99),
        savedMs: Math.round(this.savedMs),
      },
      latency: { getP50Ms: this.#readLatency.quantileMs(0.5), getP99Ms: this.#readLatency.quantileMs(0.99) },
      tiers: usage.tiers.map((tier) => ({ ...tier })),
      ...(usage.coherence === undefined ? {} : { coherence: { ...usage.coherence } }),
      namespaces: this.#namedNamespaces().map(([namespace, { hits, misses }]) => ({
        namespace,
        hits,
        misses,
        hitRate: rate({ hits, misses }),
      })),
      hotKeys: this.#hottest(),
    };
  }

  #namedNamespaces(): [string, NamespaceCounts][] {
    return [...this.#namespaces].filter(([name]) => name !== OTHERS);
  }

  #hottest(): KeyCounts[] {
    const inNamespaces = this.#namedNamespaces().flatMap(([namespace, { keys }]) =>
      keys.top(HOT_KEYS_SHOWN).map((counts) => ({ ...counts, key: `${namespace}:${counts.key}` })),
    );
    return [...this.#hotKeys.top(HOT_KEYS_SHOWN), ...inNamespaces].sort(byUse).slice(0, HOT_KEYS_SHOWN);
  }

  #countsOf(namespace: string): NamespaceCounts {
    if (namespace === this.#last?.namespace) return this.#last;
    const counts = this.#namespaces.get(namespace);
    if (counts !== undefined) return (this.#last = counts);
    // With one namespace per user there are as many as users. Later ones are counted in the totals only.
    const name = this.#namespaces.size < MAX_NAMESPACES ? namespace : OTHERS;
    const fresh = this.#namespaces.get(name) ?? {
      namespace: name,
      hits: 0,
      misses: 0,
      keys: new HotKeys(KEYS_COUNTED_PER_NAMESPACE),
    };
    this.#namespaces.set(name, fresh);
    return fresh;
  }
}

/** Name for all further namespaces. A real one is never empty. */
const OTHERS = '';

function rate({ hits, misses }: ReadCounts): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses);
}

function isoOrNull(wallMs: number | null): string | null {
  return wallMs === null ? null : new Date(wallMs).toISOString();
}
