import { type LoadPlan, type LoadPolicy, staleWindowMs, type WritePlan } from './load-policy.js';
import type { EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';
import { answerOf, readComputedKeepStale, readComputedTags, readComputedTtl } from '../vocabulary/option-functions.js';

/** The draft of a value that is set. */
export function draftOfSet({ ttlMs, staleMs, tags }: WritePlan, key: string, value: unknown): EntryDraft {
  return { key, value, ttlMs, staleMs, tags, loadMs: 0 };
}

/**
 * The draft of the result of `writeThrough`.
 * @throws CacheConfigError when the function for the tags fails or returns something else
 */
export function draftOfWrite(
  { ttlMs, staleMs }: WritePlan,
  tags: LoadPlan['tags'],
  { key, value, loadMs }: { key: string; value: unknown; loadMs: number },
): EntryDraft {
  return { key, value, ttlMs, staleMs, tags: tagsOf(tags, key, value), loadMs };
}

/** The draft that gives a stored value another TTL, counted from now. It keeps its creation time and its tags. */
export function draftOfTouch(entry: StoredEntry, ttlMs: number, policy: LoadPolicy): EntryDraft {
  const { key, tags, loadMs, createdAtMs } = entry;
  const staleMs = Math.max(entry.staleMs, staleWindowMs(policy, ttlMs));
  return { key, value: entry.shared, ttlMs, staleMs, tags, loadMs, createdAtMs };
}

/**
 * The draft of the result of a load; `undefined` where the plan says that it is not stored.
 * @throws CacheConfigError when a function of the plan fails or returns something that cannot be used
 */
export function draftOfLoad(plan: LoadPlan, key: string, value: unknown, loadMs: number): EntryDraft | undefined {
  const { storeIf } = plan;
  if (value === undefined) return undefined;
  if (storeIf !== undefined && !answerOf('storeIf', key, () => storeIf(value), Boolean)) return undefined;
  const tags = tagsOf(plan.tags, key, value);
  const fullTtlMs = ttlOf(plan, key, value);
  if (fullTtlMs === 0) return undefined;
  const ttlMs = withJitter(fullTtlMs, plan.jitter);
  const staleMs = Math.max(keepStaleOf(plan, key, value), staleWindowMs(plan, ttlMs));
  return { key, value, ttlMs, staleMs, tags, loadMs };
}

function tagsOf(tags: LoadPlan['tags'], key: string, value: unknown): readonly string[] {
  return typeof tags === 'function' ? answerOf('tags', key, () => tags(value), readComputedTags) : tags;
}

function ttlOf({ ttl, negativeTtlMs }: LoadPlan, key: string, value: unknown): number {
  if (value === null && negativeTtlMs !== undefined) return negativeTtlMs;
  return typeof ttl === 'function' ? answerOf('ttl', key, () => ttl(value), readComputedTtl) : ttl;
}

function keepStaleOf({ keepStale }: LoadPlan, key: string, value: unknown): number {
  if (typeof keepStale !== 'function') return keepStale;
  return answerOf('keepStale', key, () => keepStale(value), readComputedKeepStale);
}

function withJitter(ttlMs: number, jitter: number): number {
  return ttlMs === Infinity || jitter === 0 ? ttlMs : Math.max(1, Math.floor(ttlMs * (1 - Math.random() * jitter)));
}
