/** The answers of the admin routes, as far as the page reads them. */
export interface Stats {
  readonly name: string;
  readonly backend: string;
  readonly status: 'up' | 'degraded' | 'down';
  readonly since: string;
  readonly totalEntries: number;
  readonly totalHits: number;
  readonly totalMisses: number;
  readonly hitRate: number;
  readonly memoryUsageBytes: number | null;
  readonly oldestEntry: string | null;
  readonly newestEntry: string | null;
  readonly staleHits: number;
  readonly evictions: number;
  readonly errors: number;
  readonly invalidations: number;
  readonly savedTodayMs: number;
  readonly loads: {
    readonly count: number;
    readonly failures: number;
    readonly coalesced: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly savedMs: number;
  };
  readonly latency: { readonly getP50Ms: number; readonly getP99Ms: number };
  readonly tiers: readonly Tier[];
  readonly coherence?: { readonly mode: string; readonly reason: string; readonly isProven: boolean };
  readonly namespaces: readonly NamespaceUse[];
  readonly hotKeys: readonly KeyUse[];
  readonly methods: readonly (Use & { readonly method: string })[];
  readonly routes: readonly (Use & { readonly route: string })[];
}

export interface Tier {
  readonly name: string;
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number | null;
  readonly maxEntries?: number;
  readonly maxBytes?: number;
}

export interface NamespaceUse {
  readonly namespace: string;
  readonly hits: number;
  readonly misses: number;
  readonly hitRate: number;
}

export interface KeyUse {
  readonly key: string;
  readonly hits: number;
  readonly misses: number;
}

/** The use of a decorated method, or of a route. */
export interface Use {
  readonly hits: number;
  readonly misses: number;
  readonly hitRate: number;
  readonly loads: number;
  readonly loadFailures: number;
  readonly savedMs: number;
  readonly savedTodayMs: number;
}

/** The answer to `stats?scope=cluster`. */
export interface Cluster {
  readonly processes: readonly ClusterProcess[];
  readonly total: Stats;
}

export interface ClusterProcess {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly since: string;
  readonly seenMsAgo: number;
  readonly stats: Stats;
}

export interface Entry {
  readonly key: string;
  readonly namespace?: string;
  readonly tags: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly hitCount: number;
  readonly sizeBytes?: number;
  readonly state: 'fresh' | 'stale' | 'expired';
  /** Only where the options say `values: 'shown'`. */
  readonly value?: unknown;
}

export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly cursor?: string;
}

export interface Explanation {
  readonly key: string;
  readonly namespace?: string;
  readonly storedKey: string;
  readonly state: string;
  readonly nextRead: 'hit' | 'miss';
  readonly reason: string;
  readonly tiers: readonly { readonly name: string; readonly state: string }[];
  readonly tags: readonly string[];
  readonly ageMs?: number;
  readonly ttlMs?: number | null;
  readonly remainingMs?: number | null;
  readonly hitCount?: number;
  readonly sizeBytes?: number;
}

/** A key in its namespace. */
export interface Address {
  readonly key: string;
  readonly namespace?: string;
}

/** True for the answer of an application that knows of other processes. */
export function isCluster(answer: unknown): answer is Cluster {
  return typeof answer === 'object' && answer !== null && Array.isArray((answer as Partial<Cluster>).processes);
}
