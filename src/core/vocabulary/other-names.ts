import type { OtherNames } from './option-checks.js';

/** Options of `forRoot()` as they are named elsewhere, or that stand at another level: what to write. */

const REDIS_URL = "`redis: { url: 'redis://localhost:6379' }`";
const BACKEND = "`backend: 'memory'`, `'redis'` or `'hybrid'`, or an `adapter`,";

export const OTHER_ROOT_NAMES: OtherNames = {
  host: REDIS_URL,
  port: REDIS_URL,
  url: REDIS_URL,
  password: "`redis: { url: 'redis://:password@localhost:6379' }`",
  username: "`redis: { url: 'redis://user:password@localhost:6379' }`",
  db: "`redis: { url: 'redis://localhost:6379/1' }`",
  store: BACKEND,
  stores: BACKEND,
  driver: BACKEND,
  ttl: '`defaultTtl`',
  namespace: '`defaultNamespace`',
  prefix: '`redis: { keyPrefix }`',
  keyPrefix: '`redis: { keyPrefix }`',
  max: '`memory: { maxEntries }`',
  maxSize: '`memory: { maxEntries }`',
  maxItems: '`memory: { maxEntries }`',
  lruSize: '`memory: { maxEntries }`',
  maxEntries: '`memory: { maxEntries }`',
  maxBytes: '`memory: { maxBytes }`',
  isolation: '`memory: { isolation }`',
  coherence: '`redis: { coherence }`',
  maxStaleness: '`redis: { maxStaleness }`',
  commandTimeout: '`redis: { commandTimeout }`',
  refreshThreshold: '`refreshAhead` or `staleWhileRevalidate`',
  global: '`isGlobal`',
};

export const OTHER_CALL_NAMES: OtherNames = {
  expires: '`ttl`',
  expiresIn: '`ttl`',
  expiry: '`ttl`',
  ex: "`ttl: '60s'`",
  px: '`ttl`',
  maxAge: "`ttl: '60s'`",
  tag: '`tags: [...]`',
  prefix: '`namespace`',
  grace: '`staleIfError`',
  timeout: '`hardTimeout`',
  refreshThreshold: '`refreshAhead` or `staleWhileRevalidate`',
};

export const OTHER_MEMORY_NAMES: OtherNames = {
  ttl: '`defaultTtl` beside `memory`',
  defaultTtl: '`defaultTtl` beside `memory`',
  max: '`memory.maxEntries`',
  maxSize: '`memory.maxBytes`, or `memory.maxEntries` for a number of entries,',
  lruSize: '`memory.maxEntries`',
  useClones: "`memory.isolation: 'clone'` or `'none'`",
};

export const OTHER_REDIS_NAMES: OtherNames = {
  host: "`redis.url: 'redis://localhost:6379'`",
  port: "`redis.url: 'redis://localhost:6379'`",
  password: "`redis.url: 'redis://:password@localhost:6379'`",
  username: "`redis.url: 'redis://user:password@localhost:6379'`",
  db: "`redis.url: 'redis://localhost:6379/1'`",
  tls: "`redis.url: 'rediss://localhost:6379'`, and certificates in `redis.options.tls`,",
  ttl: '`defaultTtl` beside `redis`',
  defaultTtl: '`defaultTtl` beside `redis`',
  prefix: '`redis.keyPrefix`',
  namespace: '`redis.keyPrefix`, or `defaultNamespace` beside `redis`,',
  nodes: '`redis.cluster.nodes`',
  sentinels: '`redis.sentinel.sentinels`',
};
