import type { CacheService } from '../../src/core/cache.service.js';
import type { IsHit } from './history.js';
import { HITS, KEYS, NAMESPACES, PATTERN, TAGS } from './targets.js';

export interface Invalidation {
  readonly what: string;
  readonly isHit: IsHit;
  readonly isSoft: boolean;
  run(): Promise<unknown>;
}

/** Picks a random invalidation. */
export function invalidation(cache: CacheService, random: () => number): Invalidation {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const namespace = pick(NAMESPACES);
  const where = namespace === undefined ? {} : { namespace };
  const soft = random() < 0.3;
  const chance = random();
  if (chance < 0.25) {
    const key = pick(KEYS);
    return {
      what: `delete ${key}`,
      isHit: HITS.keys([key], namespace),
      isSoft: false,
      run: () => cache.delete(key, where),
    };
  }
  if (chance < 0.55) {
    const tag = pick(TAGS);
    return {
      what: `invalidate any of ${tag}${soft ? ', softly' : ''}`,
      isHit: HITS.tags([tag], 'any'),
      isSoft: soft,
      run: () => cache.invalidateTags([tag], { soft }),
    };
  }
  if (chance < 0.7)
    return {
      what: `invalidate all of ${TAGS.join()}${soft ? ', softly' : ''}`,
      isHit: HITS.tags(TAGS, 'all'),
      isSoft: soft,
      run: () => cache.invalidateTags(TAGS, { mode: 'all', soft }),
    };
  if (chance < 0.8)
    return {
      what: `invalidate namespace${soft ? ', softly' : ''}`,
      isHit: HITS.namespace('n'),
      isSoft: soft,
      run: () => cache.invalidateNamespace('n', { soft }),
    };
  if (chance < 0.9)
    return {
      what: 'invalidate pattern',
      isHit: HITS.pattern(namespace),
      isSoft: false,
      run: () => cache.invalidatePattern(PATTERN, where),
    };
  if (chance < 0.95)
    return {
      what: 'invalidate any of both',
      isHit: HITS.tags(TAGS, 'any'),
      isSoft: soft,
      run: () => cache.invalidateTags(TAGS, { soft }),
    };
  return { what: 'clear', isHit: HITS.all(), isSoft: false, run: () => cache.clear() };
}
