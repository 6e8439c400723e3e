import { compileGlob } from '../vocabulary/glob.js';
import type { InvalidationTarget } from './cache-adapter.port.js';

/** A target that names entries by what they are, and not by their age. */
export type EntryTarget = Exclude<InvalidationTarget, { kind: 'expired' }>;

/** The parts of an entry, or of the result of a load, that an invalidation can name. */
export interface Addressed {
  readonly key: string;
  readonly namespace: string | undefined;
  /** `undefined` when they are not known yet: then every invalidation of tags hits. */
  readonly tags?: readonly string[] | undefined;
}

/** Returns a test that is true for the entries and loads that `target` hits. */
export function hitBy(target: EntryTarget): (entry: Addressed) => boolean {
  switch (target.kind) {
    case 'keys':
      return ({ key, namespace }) => namespace === target.namespace && target.keys.includes(key);
    case 'tags':
      return ({ tags }) => tags === undefined || carries(tags, target.tags, target.mode);
    case 'namespace':
      return ({ namespace }) => namespace === target.namespace;
    case 'pattern': {
      const isMatch = compileGlob(target.pattern);
      return ({ key, namespace }) => namespace === target.namespace && isMatch(key);
    }
    case 'all':
      return () => true;
  }
}

function carries(tags: readonly string[], wanted: readonly string[], mode: 'any' | 'all'): boolean {
  if (mode === 'any') return wanted.some((tag) => tags.includes(tag));
  return wanted.length > 0 && wanted.every((tag) => tags.includes(tag));
}
