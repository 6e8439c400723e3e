import { keptStaleMs, type LoadPlan } from './load-policy.js';
import { answerOf, readComputedKeepStale, readComputedTags, readComputedTtl } from '../vocabulary/option-functions.js';
import type { EntryDraft } from '../ports/cache-adapter.port.js';

/**
 * What the result of a load stores; `undefined` where the plan says to store nothing.
 * @throws CacheConfigError when a function of the plan fails, or answers what cannot be used
 */
export function draftOfLoad(plan: LoadPlan, key: string, value: unknown, loadMs: number): EntryDraft | undefined {
  const { storeIf, tags, keepStale } = plan;
  if (value === undefined) return undefined;
  if (storeIf !== undefined && !answerOf('storeIf', key, () => storeIf(value), Boolean)) return undefined;
  const knownTags = typeof tags === 'function' ? answerOf('tags', key, () => tags(value), readComputedTags) : tags;
  const askedMs = ttlOf(plan, key, value);
  if (askedMs === 0) return undefined;
  const ttlMs =
    askedMs === Infinity || plan.jitter === 0
      ? askedMs
      : Math.max(1, Math.floor(askedMs * (1 - Math.random() * plan.jitter)));
  const keptMs =
    typeof keepStale === 'function'
      ? answerOf('keepStale', key, () => keepStale(value), readComputedKeepStale)
      : keepStale;
  return { key, value, ttlMs, staleMs: keptStaleMs(plan, keptMs, ttlMs), tags: knownTags, loadMs };
}

function ttlOf({ ttl, negativeTtlMs }: LoadPlan, key: string, value: unknown): number {
  if (value === null && negativeTtlMs !== undefined) return negativeTtlMs;
  return typeof ttl === 'function' ? answerOf('ttl', key, () => ttl(value), readComputedTtl) : ttl;
}
