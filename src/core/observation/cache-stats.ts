import { byUse, HotKeys, type KeyCounts } from './hot-keys.js';
import { type Buckets, LatencyHistogram } from './latency-histogram.js';
import type { AdapterUsage, CoherenceUsage, StoredEntry, TierUsage } from '../ports/cache-adapter.port.js';
import type { CacheErrorCode } from '../vocabulary/cache.errors.js';
import type { Caller } from './caller.js';
import { hitRateOf, Savings, type UsageCounts, UsageLedger } from './usage.js';

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
  /** The part of `loads.savedMs` since midnight UTC. */
  savedTodayMs: number;
  /** Latency of a sample of the reads. */
  latency: { getP50Ms: number; getP99Ms: number };
  tiers: TierUsage[];
  /** The way in which near copies learn of changes; only with near copies. */
  coherence?: CoherenceUsage;
  namespaces: { namespace: string; hits: number; misses: number; hitRate: number }[];
  /** The most used first; a key in a namespace is shown as `namespace:key`. */
  hotKeys: KeyCounts[];
  /** Decorated methods that were called, such as `ProductService.find`; the one that saved most time first. */
  methods: ({ method: string } & UsageCounts)[];
  /** Cached routes that were requested, such as `GET /products/:id`; the one that saved most time first. */
  routes: ({ route: string } & UsageCounts)[];
}

/** Invalidations by what they named; a removal of keys counts once for each call. */
export type InvalidationKind = 'key' | 'tag' | 'namespace' | 'pattern' | 'clear';

/** The durations behind the quantiles of `CacheStats`. */
export interface LatencyBuckets {
  readonly loads: Buckets;
  readonly reads: Buckets;
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
  readonly invalidated: Record<InvalidationKind, number> = { key: 0, tag: 0, namespace: 0, pattern: 0, clear: 0 };
  errors = 0;
  /** Errors by code. */
  readonly errorsOf = new Map<CacheErrorCode, number>();
  loads = 0;
  loadFailures = 0;
  coalesced = 0;
  /** Callers that waited in vain for as long as their `hardTimeout` allows. */
  timeouts = 0;
  readonly savings = new Savings();
  readonly users = new UsageLedger();
  readonly loadLatency = new LatencyHistogram();
  readonly #readLatency = new LatencyHistogram();
  readonly #namespaces = new Map<string, NamespaceCounts>();
  readonly #hotKeys = new HotKeys(KEYS_COUNTED);
  /** The namespace that was counted last: reads of one namespace come in a row. */
  #last: NamespaceCounts | undefined;

  /** Notes the latency of a read, and the day. @param wallMs the time by the wall clock */
  read(durationMs: number, wallMs: number): void {
    this.#readLatency.record(durationMs);
    this.#turn(wallMs);
  }

  /** Counts a hit. The time that it took to compute the value is saved now. */
  hit({ key, namespace, loadMs }: StoredEntry, caller: Caller | undefined): void {
    this.hits++;
    this.savings.savedMs += loadMs;
    if (caller !== undefined) {
      const usage = this.users.of(caller);
      usage.hits++;
      usage.savings.savedMs += loadMs;
    }
    if (namespace === undefined) return this.#hotKeys.hit(key);
    const counts = this.#countsOf(namespace);
    counts.hits++;
    counts.keys.hit(key);
  }

  stale(entry: StoredEntry, caller: Caller | undefined): void {
    this.staleHits++;
    if (caller !== undefined) this.users.of(caller).staleHits++;
    this.hit(entry, caller);
  }

  miss(key: string, namespace: string | undefined, caller: Caller | undefined): void {
    this.misses++;
    if (caller !== undefined) this.users.of(caller).misses++;
    if (namespace === undefined) return this.#hotKeys.miss(key);
    const counts = this.#countsOf(namespace);
    counts.misses++;
    counts.keys.miss(key);
  }

  loaded(durationMs: number, hasFailed: boolean, caller: Caller | undefined): void {
    this.#countLoad(this, hasFailed);
    if (caller !== undefined) this.#countLoad(this.users.of(caller), hasFailed);
    this.loadLatency.record(durationMs);
  }

  failed(code: CacheErrorCode): void {
    this.errors++;
    this.errorsOf.set(code, (this.errorsOf.get(code) ?? 0) + 1);
  }

  /** @param cache `wallMs` is the time now by the wall clock */
  report(
    { wallMs, ...cache }: { name: string; backend: string; since: Date; wallMs: number },
    usage: AdapterUsage,
  ): CacheStats {
    this.#turn(wallMs);
    return {
      ...cache,
      status: usage.status,
      since: cache.since.toISOString(),
      totalEntries: usage.entries,
      totalHits: this.hits,
      totalMisses: this.misses,
      hitRate: hitRateOf(this),
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
        p50Ms: this.loadLatency.quantileMs(0.5),
        p99Ms: this.loadLatency.quantileMs(0.99),
        savedMs: Math.round(this.savings.savedMs),
      },
      savedTodayMs: this.savings.todayMs(),
      latency: { getP50Ms: this.#readLatency.quantileMs(0.5), getP99Ms: this.#readLatency.quantileMs(0.99) },
      tiers: usage.tiers.map((tier) => ({ ...tier })),
      ...(usage.coherence === undefined ? {} : { coherence: { ...usage.coherence } }),
      namespaces: this.#namedNamespaces().map(([namespace, { hits, misses }]) => ({
        namespace,
        hits,
        misses,
        hitRate: hitRateOf({ hits, misses }),
      })),
      hotKeys: this.#hottest(),
      methods: this.users.methods().map(([method, counted]) => ({ method, ...counted.counts() })),
      routes: this.users
        .routes()
        .filter(([, { hits, misses }]) => hits + misses > 0)
        .map(([route, counted]) => ({ route, ...counted.counts() })),
    };
  }

  latencies(): LatencyBuckets {
    return { loads: this.loadLatency.buckets(), reads: this.#readLatency.buckets() };
  }

  #turn(wallMs: number): void {
    this.savings.turn(wallMs);
    this.users.turn(wallMs);
  }

  #countLoad(counts: { loads: number; loadFailures: number }, hasFailed: boolean): void {
    counts.loads++;
    if (hasFailed) counts.loadFailures++;
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

function isoOrNull(wallMs: number | null): string | null {
  return wallMs === null ? null : new Date(wallMs).toISOString();
}
