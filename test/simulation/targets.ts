import type { IsHit } from './history.js';

export const KEYS = ['a', 'b', 'c'];
export const NAMESPACES = [undefined, 'n'];
export const TAGS = ['s', 't'];
export const PATTERN = '[ab]';

/** For each kind of invalidation, a function that finds out if it hits a value. */
export const HITS = {
  keys(keys: readonly string[], namespace: string | undefined): IsHit {
    return (value) => value.namespace === (namespace ?? null) && keys.includes(value.key);
  },
  tags(tags: readonly string[], mode: 'any' | 'all'): IsHit {
    return (value) =>
      mode === 'any' ? tags.some((tag) => value.tags.includes(tag)) : tags.every((tag) => value.tags.includes(tag));
  },
  namespace(namespace: string): IsHit {
    return (value) => value.namespace === namespace;
  },
  pattern(namespace: string | undefined): IsHit {
    return (value) => value.namespace === (namespace ?? null) && value.key !== 'c';
  },
  all(): IsHit {
    return () => true;
  },
} as const;
