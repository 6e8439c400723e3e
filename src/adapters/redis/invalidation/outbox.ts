import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import type { Hides } from '../entries/redis-context.js';
import { TargetIndex } from './target-index.js';

/*
 * Invalidations that the server may not have. One that could not be sent, or was not answered, is kept here and sent
 * again until it is acknowledged; meanwhile this process treats what it names as missing. One that was acknowledged is
 * remembered for a while: a replica that becomes the master may never have heard of it, so it is then sent once more.
 * To invalidate twice does no harm beyond a miss, and in any order.
 *
 *   item       one key, one tag, one namespace: equal ones meet, and neighbours travel together
 *   lane       items that can be sent together, to one server; one that cannot be sent holds up its own lane only, and no
 *              longer than until the next try, when it is the last of it
 *   reads      ask an index about entries that they have found. What was acknowledged since a read began is still hidden
 *              from it: each read holds the end of a chain of acknowledged batches, as it was when it began, and looks at
 *              what was added to the chain since. What no read holds any more is forgotten by itself.
 */

export interface Invalidation {
  readonly target: EntryTarget;
  readonly isSoft: boolean;
}

/** How invalidations reach the server. */
export interface Courier {
  /** Whether it makes sense to send anything. */
  isUp(): boolean;
  /** What can be sent together has the same lane. */
  laneOf(target: EntryTarget): string;
  /** How many invalidations of a lane are sent together. */
  batchOf(lane: string): number;
  /** Answers those that the server did not acknowledge. Rejects where it acknowledged none. */
  send(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]>;
}

/** An invalidation that waits. */
interface Item extends Invalidation {
  readonly id: string;
  readonly lane: string;
}

/** What was acknowledged together, and what was after it. */
interface Link {
  readonly targets: TargetIndex;
  next: Link | undefined;
}

interface Remembered extends Invalidation {
  readonly atMs: number;
}

/** How long an acknowledged invalidation is remembered: longer than a replica lags that may still be promoted. */
const REMEMBERED_MS = 15_000;
/** Beyond so many keys, tags and others it is cheaper, and as safe, to invalidate everything. */
const MAX_KEPT = 100_000;
/**
 * Beyond so many patterns of a namespace, or sets of tags, it is cheaper to invalidate the namespace, or one of the
 * tags.
 */
const MAX_NEIGHBOURS = 100;
const RETRY_EVERY_MS = 200;
const EVERYTHING: EntryTarget = { kind: 'all' };

export class Outbox {
  readonly #items = new Map<string, Item>();
  readonly #lanes = new Map<string, Map<string, Item>>();
  #index = new TargetIndex();
  #acknowledged: Link = { targets: new TargetIndex(), next: undefined };
  #recent: Remembered[] = [];
  /** Where in `#recent` that begins which is not forgotten, and how many keys, tags and others it names. */
  #firstRecent = 0;
  #recentSize = 0;
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly courier: Courier,
  ) {}

  /** How many keys, tags and others are to be invalidated. */
  get size(): number {
    return this.#items.size;
  }

  /** Keeps an invalidation that was not acknowledged. False where it cannot be kept, because the cache is closed. */
  add(target: EntryTarget, isSoft: boolean): boolean {
    if (this.#isClosed) return false;
    this.#keep({ target, isSoft });
    this.#later();
    return true;
  }

  acknowledged(target: EntryTarget, isSoft: boolean): void {
    const atMs = this.clock.nowMs();
    this.#forget(atMs);
    if (this.#recentSize >= MAX_KEPT) this.#replaceRecent([{ atMs, target: EVERYTHING, isSoft: false }]);
    this.#recent.push({ atMs, target, isSoft });
    this.#recentSize += sizeOf(target);
  }

  /** The server may have lost what it had acknowledged. */
  repeatRecent(): void {
    this.#forget(this.clock.nowMs());
    const lost = this.#recent.slice(this.#firstRecent);
    this.#replaceRecent([]);
    for (const { target, isSoft } of lost) this.#keep({ target, isSoft });
  }

  /** Sends what waits. Ends when each lane is empty, or something of it could not be sent. */
  flush(): Promise<void> {
    return (this.#sending ??= this.#flush().finally(() => (this.#sending = undefined)));
  }

  /** Which entries must be treated as missing, as of now; `undefined` where none must. */
  pending(): Hides | undefined {
    if (this.#items.size === 0) return undefined;
    const since = this.#acknowledged;
    return (key, namespace, tags) => {
      if (this.#index.hits(key, namespace, tags)) return true;
      for (let link = since.next; link !== undefined; link = link.next)
        if (link.targets.hits(key, namespace, tags)) return true;
      return false;
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #flush(): Promise<void> {
    const stopped = new Set<string>();
    for (let lanes = this.#open(stopped); lanes.length > 0 && this.courier.isUp(); lanes = this.#open(stopped)) {
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

  /** @returns whether all that was sent was acknowledged */
  async #sendSome(lane: string): Promise<boolean> {
    const items = firstOf(this.#lanes.get(lane) as Map<string, Item>, this.courier.batchOf(lane));
    const failed = new Set(await this.courier.send(items).catch(() => items));
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
      // What was to be invalidated once more meanwhile waits still.
      if (this.#items.get(item.id) === item) this.#drop(item);
    }
    this.#acknowledged.next = link;
    this.#acknowledged = link;
  }

  /** At the end of its lane, which may be another one when servers have changed. */
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

  /** Puts one that covers a target and its neighbours in the place of all of them. */
  #broaden(target: EntryTarget, isSoft: boolean): void {
    const broad = broadOf(target);
    const id = idOf(broad);
    const covered = [...this.#items.values()].filter((item) => idOf(broadOf(item.target)) === id);
    for (const item of covered) this.#drop(item);
    this.#put({ id, target: broad, isSoft: isSoft && covered.every((item) => item.isSoft) });
  }

  /**
   * At the end of the line, for it may concern what was stored after the same one before. It is soft where both are.
   */
  #put({ id, target, isSoft }: Omit<Item, 'lane'>): void {
    const before = this.#items.get(id);
    if (before !== undefined) this.#drop(before);
    const item = { id, target, isSoft: isSoft && before?.isSoft !== false, lane: this.courier.laneOf(target) };
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
    this.#timer = this.clock.schedule(RETRY_EVERY_MS, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  #replaceRecent(recent: Remembered[]): void {
    this.#recent = recent;
    this.#firstRecent = 0;
    this.#recentSize = recent.length;
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
    // Moved up only now and then, so that each one is moved once or twice in all.
    if (this.#firstRecent * 2 > this.#recent.length) {
      this.#recent = this.#recent.slice(this.#firstRecent);
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

/** One target for each key, and for each of several tags that are not meant together. */
function partsOf(target: EntryTarget): readonly EntryTarget[] {
  if (target.kind === 'keys') return target.keys.map((key) => ({ ...target, keys: [key] }));
  if (target.kind !== 'tags' || (target.mode === 'all' && target.tags.length > 1)) return [target];
  return target.tags.map((tag) => ({ kind: 'tags', tags: [tag], mode: 'any' }));
}

function sizeOf(target: EntryTarget): number {
  if (target.kind === 'keys') return target.keys.length;
  return target.kind === 'tags' ? target.tags.length : 1;
}

/** The same for equal targets, and for no others: what may hold any character comes last, or behind its length. */
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

/** A target that covers this one and all its neighbours. */
function broadOf(target: EntryTarget): EntryTarget {
  if (target.kind === 'tags') return { kind: 'tags', tags: target.tags.slice(0, 1), mode: 'any' };
  if (target.kind !== 'pattern') return target;
  return target.namespace === undefined
    ? { kind: 'pattern', pattern: '*', namespace: undefined }
    : { kind: 'namespace', namespace: target.namespace };
}
