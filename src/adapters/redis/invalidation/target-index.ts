import { compileGlob } from '../../../core/vocabulary/glob.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';

/**
 * Targets of invalidations, indexed so that one lookup decides whether any of them hits an entry. The cost of a lookup
 * does not grow with the number of targets, except for patterns and for sets of tags.
 */
export class TargetIndex {
  /** Keys by namespace. */
  readonly #keys = new Map<string | undefined, Set<string>>();
  readonly #namespaces = new Set<string>();
  readonly #tags = new Set<string>();
  /** Sets of tags, by their first tag; such a target hits entries that carry all tags of the set. */
  readonly #conjunctions = new Map<string, Map<string, readonly string[]>>();
  /** By namespace, then by pattern. */
  readonly #patterns = new Map<string | undefined, Map<string, (key: string) => boolean>>();
  #isAll = false;

  /** @param target has only one key, or only one tag in mode 'any' */
  add(target: EntryTarget): void {
    switch (target.kind) {
      case 'all':
        this.#isAll = true;
        return;
      case 'namespace':
        this.#namespaces.add(target.namespace);
        return;
      case 'keys':
        placeIn(this.#keys, target.namespace, () => new Set<string>()).add(target.keys[0] as string);
        return;
      case 'tags':
        if (target.mode === 'any') this.#tags.add(target.tags[0] as string);
        else
          placeIn(this.#conjunctions, target.tags[0] as string, () => new Map<string, readonly string[]>()).set(
            JSON.stringify(target.tags),
            target.tags,
          );
        return;
      case 'pattern':
        placeIn(this.#patterns, target.namespace, () => new Map<string, (key: string) => boolean>()).set(
          target.pattern,
          compileGlob(target.pattern),
        );
    }
  }

  delete(target: EntryTarget): void {
    switch (target.kind) {
      case 'all':
        this.#isAll = false;
        return;
      case 'namespace':
        this.#namespaces.delete(target.namespace);
        return;
      case 'keys':
        deleteIn(this.#keys, target.namespace, target.keys[0] as string);
        return;
      case 'tags':
        if (target.mode === 'any') this.#tags.delete(target.tags[0] as string);
        else deleteIn(this.#conjunctions, target.tags[0] as string, JSON.stringify(target.tags));
        return;
      case 'pattern':
        deleteIn(this.#patterns, target.namespace, target.pattern);
    }
  }

  /** Number of targets that a lookup compares one by one when it must compare this one. */
  neighbours(target: EntryTarget): number {
    if (target.kind === 'pattern') return this.#patterns.get(target.namespace)?.size ?? 0;
    return target.kind === 'tags' && target.mode === 'all'
      ? (this.#conjunctions.get(target.tags[0] as string)?.size ?? 0)
      : 0;
  }

  /**
   * True when a target hits the entry.
   * @param tags `undefined` when the entry has not been read
   */
  hits(key: string, namespace: string | undefined, tags: readonly string[] | undefined): boolean {
    if (this.#isAll || this.#keys.get(namespace)?.has(key) === true) return true;
    if (namespace !== undefined && this.#namespaces.has(namespace)) return true;
    if (tags?.some((tag) => this.#tags.has(tag) || this.#hitsAll(tag, tags)) === true) return true;
    const patterns = this.#patterns.get(namespace);
    return patterns !== undefined && [...patterns.values()].some((isMatch) => isMatch(key));
  }

  #hitsAll(tag: string, tags: readonly string[]): boolean {
    const sets = this.#conjunctions.get(tag);
    return sets !== undefined && [...sets.values()].some((set) => set.every((each) => tags.includes(each)));
  }
}

function placeIn<K, V>(places: Map<K, V>, key: K, make: () => V): V {
  const place = places.get(key) ?? make();
  places.set(key, place);
  return place;
}

function deleteIn<K>(
  sets: Map<K, { delete(name: string): boolean; readonly size: number }>,
  key: K,
  name: string,
): void {
  const set = sets.get(key);
  if (set?.delete(name) === true && set.size === 0) sets.delete(key);
}
