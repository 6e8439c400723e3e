import type { CacheAdapter } from './ports/cache-adapter.port.js';

/** An adapter that stores nothing: every read is a miss, every load runs, and an invalidation finds no entry. */
export const passThroughAdapter: CacheAdapter = {
  kind: 'pass-through',
  get: () => undefined,
  getMany: (keys) => keys.map(() => undefined),
  begin: (keys) => ({
    tickets: keys.map(() => ({ state: 'granted' as const })),
    commit: (drafts) => drafts.map(() => undefined),
    release: () => undefined,
  }),
  set: () => undefined,
  invalidate: () => 0,
  scan: () => ({ entries: [] }),
  usage: () => ({ entries: 0, bytes: null, evictions: 0, oldestMs: null, newestMs: null, status: 'up', tiers: [] }),
  close: () => undefined,
};
