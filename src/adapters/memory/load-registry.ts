import type { LoadRequest } from '../../core/ports/cache-adapter.port.js';
import { LinkedList, type Linked } from './nodes/linked-list.js';
import { ScopedMap } from './nodes/scoped-map.js';
import { TagJournal } from './tag-journal.js';

/** Open loads at most. With more, the oldest lose the right to store: they were probably abandoned. */
export const MAX_OPEN_LOADS = 65_536;

/** A load under way. It is open until its result is stored, it is released, or an invalidation makes it void. */
export interface OpenLoad extends Linked<OpenLoad> {
  readonly key: string;
  readonly namespace: string | undefined;
  /** The tags of the result that are known at the beginning. */
  readonly tags: readonly string[];
  /** True when its result replaces the results of all other loads. */
  readonly isWrite: boolean;
  readonly beganAt: number;
  isOpen: boolean;
}

/**
 * The fences: the registry of loads that may still store their results.
 *
 * A load is void as soon as its result is too old: when its key is stored, deleted, or invalidated by namespace,
 * pattern or `all`. The registry closes the load at that moment. Only tags are checked when the load ends, against a
 * journal, because a result can have tags that were unknown when the load began. Several loads of one key can be open.
 * The one that began last wins: its result closes the loads that began before it.
 *
 * Memory is bounded: the journal is cleared when no load is open, and a grant that never ends takes one of
 * `MAX_OPEN_LOADS` places until younger loads need it.
 */
export class LoadRegistry {
  readonly #loads = new LinkedList<OpenLoad>();
  readonly #byKey = new ScopedMap<OpenLoad[]>();
  readonly #journal = new TagJournal();
  /** A counter of beginnings and of invalidations of tags, used as time. */
  #now = 0;

  /** Number of open loads. */
  get size(): number {
    return this.#loads.size;
  }

  get journalSize(): number {
    return this.#journal.size;
  }

  /** Begins one load for each key, all at the same time. */
  open(
    keys: readonly string[],
    namespace: string | undefined,
    request: Pick<LoadRequest, 'purpose' | 'tags'>,
  ): OpenLoad[] {
    const beganAt = ++this.#now;
    const isWrite = request.purpose === 'write';
    const loads = keys.map((key) =>
      this.#add({ key, namespace, tags: request.tags, isWrite, beganAt, isOpen: true, older: null, newer: null }),
    );
    for (
      let oldest = this.#loads.oldest;
      this.size > MAX_OPEN_LOADS && oldest !== null && oldest.beganAt < beganAt;
      oldest = this.#loads.oldest
    ) {
      this.close(oldest);
    }
    return loads;
  }

  /** True when `load` may store a result with `tags`. Then closes it, and the loads that began before it. */
  finish(load: OpenLoad, tags: readonly string[]): boolean {
    if (!load.isOpen || this.#journal.isInvalidSince(load.beganAt, [...load.tags, ...tags])) return false;
    this.close(load);
    this.voidKey(load.key, load.namespace, load.isWrite ? Infinity : load.beganAt);
    return true;
  }

  close(load: OpenLoad): void {
    if (!load.isOpen) return;
    load.isOpen = false;
    this.#loads.remove(load);
    this.#forgetKey(load);
    if (this.size === 0) this.#journal.clear();
  }

  /** Closes the loads of a key: all of them, or those that began before `beganAt`. */
  voidKey(key: string, namespace: string | undefined, beganAt = Infinity): void {
    if (this.size === 0) return;
    const loads = this.#byKey.get(key, namespace);
    if (loads !== undefined) for (const load of loads.filter((other) => other.beganAt < beganAt)) this.close(load);
  }

  voidWhere(isVoid: (load: OpenLoad) => boolean): void {
    for (let load = this.#loads.oldest; load !== null;) {
      const { newer } = load;
      if (isVoid(load)) this.close(load);
      load = newer;
    }
  }

  voidTags(tags: readonly string[], mode: 'any' | 'all'): void {
    if (this.size > 0) this.#journal.record(tags, mode, ++this.#now);
  }

  #add(load: OpenLoad): OpenLoad {
    this.#loads.add(load);
    const others = this.#byKey.get(load.key, load.namespace);
    if (others === undefined) this.#byKey.set(load.key, load.namespace, [load]);
    else others.push(load);
    return load;
  }

  #forgetKey(load: OpenLoad): void {
    const loads = this.#byKey.get(load.key, load.namespace) as OpenLoad[];
    if (loads.length === 1) this.#byKey.delete(load.key, load.namespace);
    else loads.splice(loads.indexOf(load), 1);
  }
}
