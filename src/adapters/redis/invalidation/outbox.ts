import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import type { Hides } from '../entries/redis-context.js';
import { TargetIndex } from './target-index.js';

/*
 * The queue of invalidations that the server might not have. An invalidation that could not be sent, or was not
 * answered, is queued and retried until it is acknowledged; meanwhile this process treats the entries that it hits as
 * missing. An acknowledged one is remembered for a while: a replica that is promoted to master might not have received
 * it, so then it is sent once more. A second invalidation costs at most a miss, and the order does not matter.
 *
 *   item       one key, one tag or one namespace. Equal items are merged.
 *   lane       items that can be sent together, to one server. An item that fails delays only its own lane, and only
 *              until the next retry, when it is last in the lane.
 *   reads      look up in an index whether the entries that they have found are hit. Items that were acknowledged after
 *              a read began still hide entries from it: each read holds the end of a chain of acknowledged batches, as
 *              it was when the read began, and follows the chain from there. Batches that no read holds are garbage
 *              collected.
 *   strays     A read that is under way while a replica is promoted may be answered by it, before anyone knows. So when
 *              commands went astray, the remembered invalidations hide entries from the reads that began before.
 */

export interface Invalidation {
  readonly target: EntryTarget;
  readonly isSoft: boolean;
}

/** Sends invalidations to the server. */
export interface Courier {
  /** True when the server can be reached. */
  isUp(): boolean;
  /** The lane of a target; targets of one lane can be sent together. */
  laneOf(target: EntryTarget): string;
  /** Invalidations of a lane per batch. */
  batchOf(lane: string): number;
  /** Returns those that the server did not acknowledge. Rejects when it acknowledged none. */
  send(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]>;
}

/** A queued invalidation. */
interface Item extends Invalidation {
  readonly id: string;
  readonly lane: string;
}

/** A batch of acknowledged invalidations, and the batch after it. */
interface Link {
  readonly targets: TargetIndex;
  next: Link | undefined;
}

interface Remembered extends Invalidation {
  readonly atMs: number;
}

/** Time that an acknowledged invalidation is remembered: more than the lag of a replica that may be promoted. */
const REMEMBERED_MS = 15_000;
/** Most items in the queue. Beyond, it is cheaper and as safe to invalidate everything. */
const MAX_KEPT = 100_000;
/** Most patterns of a namespace, or sets with one tag. Beyond, it is cheaper to invalidate the namespace or the tag. */
const MAX_NEIGHBOURS = 100;
const RETRY_EVERY_MS = 200;
const EVERYTHING: EntryTarget = { kind: 'all' };

export class Outbox {
  readonly #items = new Map<string, Item>();
  readonly #lanes = new Map<string, Map<string, Item>>();
  #index = new TargetIndex();
  #acknowledged: Link = { targets: new TargetIndex(), next: undefined };
  #recent: Remembered[] = [];
  /** Index in `#recent` of the first one that is not forgotten. */
  #firstRecent = 0;
  /** Number of keys, tags and other targets that are not forgotten. */
  #recentSize = 0;
  #strays = 0;
  /** Index of the remembered invalidations, up to `#recentIndexed`; made when it is needed. */
  #recentIndex: TargetIndex | undefined;
  #recentIndexed = 0;
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  readonly #clock: Clock;
  readonly #courier: Courier;

  constructor(clock: Clock, courier: Courier) {
    this.#clock = clock;
    this.#courier = courier;
  }

  /** Number of queued keys, tags and other targets. */
  get size(): number {
    return this.#items.size;
  }

  /** Queues an invalidation that was not acknowledged. Returns false when the outbox is closed. */
  add(target: EntryTarget, isSoft: boolean): boolean {
    if (this.#isClosed) return false;
    this.#keep({ target, isSoft });
    this.#later();
    return true;
  }

  /** Remembers an invalidation that the server has acknowledged. */
  acknowledged(target: EntryTarget, isSoft: boolean): void {
    const atMs = this.#clock.nowMs();
    this.#forget(atMs);
    if (this.#recentSize >= MAX_KEPT) this.#replaceRecent([{ atMs, target: EVERYTHING, isSoft: false }]);
    this.#recent.push({ atMs, target, isSoft });
    this.#recentSize += sizeOf(target);
  }

  /** Queues the remembered invalidations again: the server may have lost them. */
  repeatRecent(): void {
    this.#forget(this.#clock.nowMs());
    const lost = this.#recent.slice(this.#firstRecent);
    this.#replaceRecent([]);
    for (const { target, isSoft } of lost) this.#keep({ target, isSoft });
  }

  /** Sends the queue. Resolves when each lane is empty or has failed. */
  flush(): Promise<void> {
    return (this.#sending ??= this.#flush().finally(() => (this.#sending = undefined)));
  }

  /** Returns the filter of entries that a read that begins now must treat as missing. */
  filter(): Hides {
    const since = this.#acknowledged;
    const strays = this.#strays;
    return (key, namespace, tags) => {
      if (this.#items.size > 0 && this.#index.hits(key, namespace, tags)) return true;
      for (let link = since.next; link !== undefined; link = link.next)
        if (link.targets.hits(key, namespace, tags)) return true;
      return this.#strays !== strays && this.#indexRecent().hits(key, namespace, tags);
    };
  }

  /** Hides what the remembered invalidations hit from all reads that are under way. */
  strayed(): void {
    this.#forget(this.#clock.nowMs());
    this.#strays++;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #flush(): Promise<void> {
    const stopped = new Set<string>();
    for (let lanes = this.#open(stopped); lanes.length > 0 && this.#courier.isUp(); lanes = this.#open(stopped)) {
      await Promise.all(
        lanes.map(async (lane) => {
          if (!(await this.#sendSome(lane))) stopped.add(lane);
        }),
      );
    }
    if (this.#items.size > 0) this.#later();
  }

  #open(stopped: ReadonlySet<string>): string[] {
    return [...this.#lanes.keys()].filter((lane) => !stopped.has(lane));
  }

  /** Sends one batch. Returns true when all of it was acknowledged. */
  async #sendSome(lane: string): Promise<boolean> {
    const items = firstOf(this.#lanes.get(lane) as Map<string, Item>, this.#courier.batchOf(lane));
    const failed = new Set(await this.#courier.send(items).catch(() => items));
    const sent = items.filter((item) => !failed.has(item));
    this.#settle(sent);
    for (const item of items) if (failed.has(item)) this.#postpone(item);
    return failed.size === 0;
  }

  #settle(sent: readonly Item[]): void {
    const link: Link = { targets: new TargetIndex(), next: undefined };
    for (const item of sent) {
      link.targets.add(item.target);
      this.acknowledged(item.target, item.isSoft);
      // An item that was queued again meanwhile stays.
      if (this.#items.get(item.id) === item) this.#drop(item);
    }
    this.#acknowledged.next = link;
    this.#acknowledged = link;
  }

  /** Moves an item to the end of its lane, which is another one when the server of its key has changed. */
  #postpone(item: Item): void {
    if (this.#items.get(item.id) !== item) return;
    this.#drop(item);
    this.#put(item);
  }

  #keep({ target, isSoft }: Invalidation): void {
    for (const part of partsOf(target)) {
      if (this.#items.size >= MAX_KEPT) {
        this.#dropAll();
        return this.#put({ id: idOf(EVERYTHING), target: EVERYTHING, isSoft: false });
      }
      if (this.#index.neighbours(part) >= MAX_NEIGHBOURS) this.#broaden(part, isSoft);
      else this.#put({ id: idOf(part), target: part, isSoft });
    }
  }

  /** Replaces a target and its neighbours by one that covers all of them. */
  #broaden(target: EntryTarget, isSoft: boolean): void {
    const broad = broadOf(target);
    const id = idOf(broad);
    const covered = [...this.#items.values()].filter((item) => idOf(broadOf(item.target)) === id);
    for (const item of covered) this.#drop(item);
    this.#put({ id, target: broad, isSoft: isSoft && covered.every((item) => item.isSoft) });
  }

  /**
   * Adds an item at the end of its lane, because it may hit entries that were stored after an equal item was queued.
   * The merged item is soft only when both are.
   */
  #put({ id, target, isSoft }: Omit<Item, 'lane'>): void {
    const before = this.#items.get(id);
    if (before !== undefined) this.#drop(before);
    const item = { id, target, isSoft: isSoft && before?.isSoft !== false, lane: this.#courier.laneOf(target) };
    this.#items.set(id, item);
    this.#index.add(target);
    const lane = this.#lanes.get(item.lane);
    if (lane === undefined) this.#lanes.set(item.lane, new Map([[id, item]]));
    else lane.set(id, item);
  }

  #drop({ id, target, lane }: Item): void {
    this.#items.delete(id);
    this.#index.delete(target);
    const items = this.#lanes.get(lane);
    if (items?.delete(id) === true && items.size === 0) this.#lanes.delete(lane);
  }

  #dropAll(): void {
    this.#items.clear();
    this.#lanes.clear();
    this.#index = new TargetIndex();
  }

  #later(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = this.#clock.schedule(RETRY_EVERY_MS, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  /** Forgotten ones stay in the index until the array is cut: at most they hide an entry too many from a read. */
  #indexRecent(): TargetIndex {
    const index = (this.#recentIndex ??= new TargetIndex());
    for (; this.#recentIndexed < this.#recent.length; this.#recentIndexed++) {
      for (const part of partsOf((this.#recent[this.#recentIndexed] as Remembered).target)) index.add(part);
    }
    return index;
  }

  #replaceRecent(recent: Remembered[]): void {
    this.#recent = recent;
    this.#dropRecentIndex();
    this.#firstRecent = 0;
    this.#recentSize = recent.length;
  }

  #dropRecentIndex(): void {
    this.#recentIndex = undefined;
    this.#recentIndexed = 0;
  }

  #forget(nowMs: number): void {
    for (
      let first = this.#recent[this.#firstRecent];
      first !== undefined && nowMs - first.atMs >= REMEMBERED_MS;
      first = this.#recent[this.#firstRecent]
    ) {
      this.#recentSize -= sizeOf(first.target);
      this.#firstRecent++;
    }
    // The array is cut only when half of it is forgotten, so each element is copied once or twice in all.
    if (this.#firstRecent * 2 > this.#recent.length) {
      this.#recent = this.#recent.slice(this.#firstRecent);
      this.#dropRecentIndex();
      this.#firstRecent = 0;
    }
  }
}

function firstOf(items: ReadonlyMap<string, Item>, count: number): Item[] {
  const first: Item[] = [];
  for (const item of items.values()) {
    first.push(item);
    if (first.length === count) break;
  }
  return first;
}

/** Splits a target into one for each key, or for each tag in mode 'any'. */
function partsOf(target: EntryTarget): readonly EntryTarget[] {
  if (target.kind === 'keys') return target.keys.map((key) => ({ ...target, keys: [key] }));
  if (target.kind !== 'tags' || (target.mode === 'all' && target.tags.length > 1)) return [target];
  return target.tags.map((tag) => ({ kind: 'tags', tags: [tag], mode: 'any' }));
}

function sizeOf(target: EntryTarget): number {
  if (target.kind === 'keys') return target.keys.length;
  return target.kind === 'tags' ? target.tags.length : 1;
}

/** An id that only equal targets share: a text of any characters comes last, or after its length. */
function idOf(target: EntryTarget): string {
  switch (target.kind) {
    case 'keys':
      return `key ${scopeOf(target.namespace)} ${target.keys[0] as string}`;
    case 'pattern':
      return `pattern ${scopeOf(target.namespace)} ${target.pattern}`;
    case 'namespace':
      return `namespace ${target.namespace}`;
    case 'tags':
      return target.mode === 'any' ? `tag ${target.tags[0] as string}` : `tags ${JSON.stringify(target.tags)}`;
    case 'all':
      return 'all';
  }
}

function scopeOf(namespace: string | undefined): string {
  return namespace === undefined ? '-' : `${namespace.length} ${namespace}`;
}

/** Returns a target that covers this one and all its neighbours. */
function broadOf(target: EntryTarget): EntryTarget {
  if (target.kind === 'tags') return { kind: 'tags', tags: target.tags.slice(0, 1), mode: 'any' };
  if (target.kind !== 'pattern') return target;
  return target.namespace === undefined
    ? { kind: 'pattern', pattern: '*', namespace: undefined }
    : { kind: 'namespace', namespace: target.namespace };
}
