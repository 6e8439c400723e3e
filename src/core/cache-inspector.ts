import { type CacheMetrics, metricsOf } from './observation/cache-metrics.js';
import { diagnose, type Diagnosis } from './observation/diagnosis.js';
import { ClusterObserver } from './cluster/cluster-observer.js';
import type { ClusterStats } from './cluster/cluster-stats.js';
import type { CacheEntry } from './ports/cache-entry.js';
import { type CacheExplanation, explainEntry } from './observation/cache-explanation.js';
import { storedKey } from './vocabulary/cache-key.js';
import type { EntryPage, ListOptions } from './cache-operations.js';
import type { CacheReporter } from './observation/cache-reporter.js';
import { type CacheStats, StatsRecorder } from './observation/cache-stats.js';
import { CacheConfigError } from './vocabulary/cache.errors.js';
import { compileGlob } from './vocabulary/glob.js';
import type { GuardedStore } from './load/guarded-store.js';
import { checkNames } from './vocabulary/option-checks.js';
import type { ProcessBoard } from './ports/process-board.port.js';
import type { Clock } from './ports/clock.port.js';
import { show } from './vocabulary/show.js';

/** The parts of a cache that a `CacheInspector` looks at. */
export interface InspectedCache {
  readonly name: string;
  readonly version: string | undefined;
  readonly store: GuardedStore;
  readonly reporter: CacheReporter;
  readonly clock: Clock;
  /** `undefined` where no other process shares the store. */
  readonly board: ProcessBoard | undefined;
}

/** Answers questions of people who look into a cache. Nothing here counts as a read. */
export class CacheInspector {
  readonly #since: Date;

  readonly #cache: InspectedCache;
  readonly #cluster: ClusterObserver;

  constructor(cache: InspectedCache) {
    this.#cache = cache;
    this.#since = new Date(cache.clock.wallMs());
    const { board, clock, reporter } = cache;
    this.#cluster = new ClusterObserver({
      stats: () => this.stats(),
      latencies: () => (reporter.stats ?? new StatsRecorder()).latencies(),
      board,
      isReporting: reporter.stats !== undefined,
      clock,
    });
  }

  async metrics(): Promise<CacheMetrics> {
    return metricsOf(this.#cache.reporter.stats ?? new StatsRecorder(), await this.stats());
  }

  async stats(): Promise<CacheStats> {
    const { name, store, reporter, clock } = this.#cache;
    return (reporter.stats ?? new StatsRecorder()).report(
      { name, backend: store.kind, since: this.#since, wallMs: clock.wallMs() },
      await store.usage(),
    );
  }

  /** Looks for what is wrong with the cache, in the counts of this process and in the set-up of its store. */
  async diagnose(): Promise<Diagnosis> {
    const { store, reporter, board } = this.#cache;
    const [stats, ofStore] = await Promise.all([this.stats(), store.diagnose()]);
    const found = diagnose({
      stats,
      writes: reporter.writes,
      isShared: board !== undefined || stats.backend === 'file',
    });
    return { isStoreAsked: ofStore !== undefined, findings: [...(ofStore ?? []), ...found] };
  }

  clusterStats(): Promise<ClusterStats> {
    return this.#cluster.stats();
  }

  /** The entry under a key, fresh or expired. */
  async entry<T>(key: string, namespace: string | undefined): Promise<CacheEntry<T> | undefined> {
    const entry = await this.#cache.store.get(key, namespace);
    return entry === undefined ? undefined : this.#cache.store.describe<T>(entry, this.#times());
  }

  /** @throws CacheConfigError for a limit that is out of range, or an unusable cursor */
  async list(options: ListOptions): Promise<EntryPage> {
    checkNames(options, ['namespace', 'pattern', 'cursor', 'limit']);
    const { limit = 100, ...query } = options;
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1000)
      throw new CacheConfigError(`Expected \`limit\` to be a whole number from 1 to 1000, got \`${show(limit)}\`.`);
    if (query.pattern !== undefined) compileGlob(query.pattern);
    const page = await this.#cache.store.scan({ ...query, limit });
    const entries = page.entries.flatMap((entry) => this.#cache.store.describe(entry, this.#times()) ?? []);
    return { entries, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
  }

  async explain(key: string, namespace: string | undefined): Promise<CacheExplanation> {
    const { store, version, reporter } = this.#cache;
    const address = {
      key,
      namespace,
      storedKey: store.storedKey(key, namespace) ?? storedKey(key, namespace, version),
    };
    return explainEntry(address, await store.look(key, namespace), this.#times(), reporter.removals);
  }

  /** Takes the statistics of this process away from the others. Never rejects. */
  close(): Promise<void> {
    return this.#cluster.close();
  }

  #times(): { nowMs: number; wallMs: number } {
    return { nowMs: this.#cache.clock.nowMs(), wallMs: this.#cache.clock.wallMs() };
  }
}
