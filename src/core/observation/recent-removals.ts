import { type EntryTarget, hitBy } from '../ports/invalidation-target.js';
import type { Clock } from '../ports/clock.port.js';
import { BoundedMap } from '../vocabulary/bounded-map.js';

/*
 * The last removals of entries by this process, for people who ask why a key is not there. A removal by tags names no
 * keys, so the tags of the entries that were stored last are remembered, too.
 */

/** Removals, and evictions, that are remembered. */
const REMEMBERED = 1_000;
/** Keys whose tags are remembered. */
const TAGGED_KEYS = 10_000;

/** The last removal of an entry by this process. */
export interface Removal {
  by: 'key' | 'tag' | 'namespace' | 'pattern' | 'clear' | 'eviction';
  /** The key, tags (joined by `, `), namespace or pattern that was named; '' for everything. */
  what: string;
  /** True when the entry was only expired, so that callers that accept stale values may have it. */
  soft: boolean;
  agoMs: number;
}

interface NotedRemoval {
  readonly target: EntryTarget;
  readonly isSoft: boolean;
  readonly atMs: number;
}

interface NotedEviction {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly atMs: number;
}

export class RecentRemovals {
  readonly #removals = new Ring<NotedRemoval>(REMEMBERED);
  readonly #evictions = new Ring<NotedEviction>(REMEMBERED);
  readonly #tags = new BoundedMap<string, readonly string[]>(TAGGED_KEYS);

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stored(key: string, namespace: string | undefined, tags: readonly string[]): void {
    if (tags.length > 0) this.#tags.put(nameOf(key, namespace), tags);
  }

  removed(target: EntryTarget, isSoft: boolean): void {
    this.#removals.add({ target, isSoft, atMs: this.#clock.nowMs() });
  }

  evicted(key: string, namespace: string | undefined): void {
    this.#evictions.add({ key, namespace, atMs: this.#clock.coarseNowMs() });
  }

  /** @param tags those of the stored entry; `undefined` when nothing is stored */
  lastOf(key: string, namespace: string | undefined, tags: readonly string[] | undefined): Removal | undefined {
    const address = { key, namespace, tags: tags ?? this.#tags.peek(nameOf(key, namespace)) ?? [] };
    const removal = this.#removals.newest(({ target }) => hitBy(target)(address));
    const eviction = this.#evictions.newest((each) => each.key === key && each.namespace === namespace);
    if (eviction !== undefined && eviction.atMs >= (removal?.atMs ?? -Infinity))
      return { by: 'eviction', what: key, soft: false, agoMs: this.#ago(eviction) };
    if (removal === undefined) return undefined;
    return { ...namesOf(removal.target, key), soft: removal.isSoft, agoMs: this.#ago(removal) };
  }

  #ago({ atMs }: { readonly atMs: number }): number {
    return Math.max(0, Math.round(this.#clock.nowMs() - atMs));
  }
}

/** The last items that were added. */
class Ring<T> {
  readonly #items: T[] = [];
  #next = 0;

  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  add(item: T): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#size;
  }

  newest(isWanted: (item: T) => boolean): T | undefined {
    const count = this.#items.length;
    for (let back = 1; back <= count; back++) {
      const item = this.#items[(this.#next - back + count) % count] as T;
      if (isWanted(item)) return item;
    }
    return undefined;
  }
}

function nameOf(key: string, namespace: string | undefined): string {
  return namespace === undefined ? key : `${namespace.length}:${namespace}${key}`;
}

function namesOf(target: EntryTarget, key: string): Pick<Removal, 'by' | 'what'> {
  switch (target.kind) {
    case 'keys':
      return { by: 'key', what: key };
    case 'tags':
      return { by: 'tag', what: target.tags.join(', ') };
    case 'namespace':
      return { by: 'namespace', what: target.namespace };
    case 'pattern':
      return { by: 'pattern', what: target.pattern };
    case 'all':
      return { by: 'clear', what: '' };
  }
}
