import type { LoadRequest } from '../../core/ports/cache-adapter.port.js';
import { LinkedList, type Linked } from './nodes/linked-list.js';
import { ScopedMap } from './nodes/scoped-map.js';
import { TagJournal } from './tag-journal.js';

/**
 * The most loads that are kept open. Beyond it the oldest lose their right to store: they were abandoned, or nearly.
 */
export const MAX_OPEN_LOADS = 65_536;

/** A load under way. Open until it is stored, released, or made void by an invalidation. */
export interface OpenLoad extends Linked<OpenLoad> {
  readonly key: string;
  readonly namespace: string | undefined;
  /** What the result is known to carry. */
  readonly tags: readonly string[];
  /** Its result replaces that of every other load. */
  readonly isWrite: boolean;
  readonly beganAt: number;
  isOpen: boolean;
}

/**
 * The fences: which loads may still store what they bring.
 *
 * A load is void as soon as something happens that makes its result too old: its key is stored, deleted or invalidated
 * by namespace, pattern or `all`. That is settled at once, by closing the load. Only tags are settled when the load
 * ends, against a journal, because a result may carry tags that nobody knew when the load began. Several loads of one
 * key may be open, and of these the one that began last wins: what it stores closes those that began before it.
 *
 * Nothing grows without bound: the journal is dropped when no load is open, and a grant that is never ended costs one
 * place among `MAX_OPEN_LOADS` until as many younger loads have pushed it out.
 */
export class LoadRegistry {
  readonly #loads = new LinkedList<OpenLoad>();
  readonly #byKey = new ScopedMap<OpenLoad[]>();
  readonly #journal = new TagJournal();
  /** Grows by one with every beginning and every invalidation of tags. */
  #now = 0;

  /** How many loads are open. */
  get size(): number {
    return this.#loads.size;
  }

  get journalSize(): number {
    return this.#journal.size;
  }

  /** Begins a load of each key, all at one time. */
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

  /**
   * Whether `load` may store a result that carries `tags`. If so it is closed, and with it the loads that it outdates.
   */
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
