import type { CacheExplanation, CacheStats, ClusterStats } from '../../index.js';
import type { EntryView } from '../../nest/admin/entry-view.js';

export type { EntryView };

export interface Invalidation {
  readonly tags?: readonly string[];
  readonly mode?: 'any' | 'all';
  readonly namespace?: string;
  readonly pattern?: string;
  readonly key?: string;
  readonly soft?: boolean;
  readonly dryRun?: boolean;
}

export interface EntryQuery {
  readonly namespace?: string;
  readonly pattern?: string;
  readonly cursor?: string;
  readonly limit: number;
}

export interface Diagnosis {
  readonly findings: readonly { problem: string; fix: string; level: 'warning' | 'error' | 'hint' }[];
}

/**
 * A cache in another process. Every method rejects with a `CommandError` when the cache cannot be reached, or refuses.
 */
export interface CacheRemote {
  stats(): Promise<CacheStats>;
  clusterStats(): Promise<ClusterStats>;
  list(query: EntryQuery): Promise<{ entries: EntryView[]; cursor?: string }>;
  /** The entry; without `value` when the application hides values. `undefined` when absent. */
  get(key: string, namespace: string | undefined): Promise<EntryView | undefined>;
  explain(key: string, namespace: string | undefined): Promise<CacheExplanation>;
  /** @returns the number of entries */
  invalidate(what: Invalidation): Promise<number>;
  clear(): Promise<number>;
  doctor(): Promise<Diagnosis>;
  close(): Promise<void>;
}
