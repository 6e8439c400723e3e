import type { EntryDraft, StoredEntry } from '../../../core/ports/cache-adapter.port.js';
import type { EntryCopy } from '../../../core/ports/near-tier.port.js';
import type { ValueSnapshot } from '../../../core/values/value-copier.js';
import type { Linked } from './linked-list.js';
import { PackedValue } from './packed-value.js';
import type { Moment, StoreTime } from './store-time.js';

/**
 * What a node takes beside its value, its key and its tags: the object with its numbers, the snapshot around the value,
 * its place in the map of its namespace and in the slot table. 360 measured on 64-bit Node 20 with 100,000 nodes.
 */
export const NODE_BYTES = 400;
/** What a tag of one node takes beside its text: its place in the index, and its share of the set it is in. */
export const TAG_BYTES = 80;

const NO_TAGS: readonly string[] = Object.freeze([]);

/**
 * A stored entry, and its own handle in every index, so that a hit allocates nothing. A key that is stored anew gets a
 * new node: who holds the old one goes on seeing the old value. Only what the port calls local to the process changes
 * (`hits`, `lastReadAtMs`), and the times when the entry is invalidated softly.
 */
export class MemoryNode implements StoredEntry, Linked<MemoryNode> {
  // What a hit looks at comes first: it then lies in one cache line or two.
  readonly key: string;
  readonly namespace: string | undefined;
  freshUntilMs: number;
  hits = 0;
  /** Given for a value that `PackedValue.prepare` has to make before it is read. */
  readonly packed: PackedValue | undefined;
  readonly #value: unknown;
  /** `undefined` where all readers have the value itself, and where it is packed. */
  readonly #copy: ValueSnapshot['copy'];
  readonly #time: StoreTime;
  /**
   * The tick of `StoreTime` at the last hit: whole, because V8 keeps a fraction in an object of its own. -1 for none.
   */
  #lastReadTick = -1;
  /**
   * Until when the node may be used whatever its times say; 0 for no such limit, because V8 keeps a fraction in an
   * object of its own.
   */
  #limitUntilMs = 0;
  /** For the eviction policy: uses since it last looked, the queue the node is in, and a hash of its key. */
  uses = 0;
  queue = 0;
  hash = 0;
  readonly loadMs: number;
  /** The place in the slot table; -1 while the node is not stored. */
  slot = -1;
  older: MemoryNode | null = null;
  newer: MemoryNode | null = null;
  staleUntilMs: number;
  readonly tags: readonly string[];
  readonly createdAtMs: number;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly sizeBytes: number;

  constructor(
    draft: EntryDraft | EntryCopy,
    namespace: string | undefined,
    snapshot: ValueSnapshot,
    moment: Moment,
    time: StoreTime,
  ) {
    this.key = draft.key;
    this.namespace = namespace;
    this.tags = draft.tags.length === 0 ? NO_TAGS : [...new Set(draft.tags)];
    this.createdAtMs = draft.createdAtMs ?? moment.wallMs;
    this.ttlMs = draft.ttlMs;
    this.staleMs = draft.staleMs;
    this.loadMs = draft.loadMs;
    this.sizeBytes = NODE_BYTES + snapshot.sizeBytes + draft.key.length + tagBytes(this.tags);
    const copied = 'copied' in draft ? draft.copied : undefined;
    this.freshUntilMs = moment.nowMs + (copied?.freshMs ?? draft.ttlMs);
    this.staleUntilMs = this.freshUntilMs + draft.staleMs;
    this.packed = PackedValue.of(snapshot);
    this.#value = snapshot.value;
    this.#copy = this.packed === undefined ? snapshot.copy : undefined;
    this.#time = time;
    if (copied === undefined) return;
    if (copied.limitMs !== Infinity) this.#limitUntilMs = moment.nowMs + copied.limitMs;
    if (copied.hits === 0) return;
    this.hits = copied.hits;
    this.#lastReadTick = time.tickAt(copied.lastReadAtMs);
  }

  countHit(): void {
    this.hits++;
    this.#lastReadTick = this.#time.tick;
  }

  /** Until when the node stays in the store. */
  get keptUntilMs(): number {
    return this.#limitUntilMs === 0 ? this.staleUntilMs : Math.min(this.#limitUntilMs, this.staleUntilMs);
  }

  get lastReadAtMs(): number {
    return this.#lastReadTick < 0 ? 0 : this.#time.wallMsAt(this.#lastReadTick);
  }

  get shared(): unknown {
    return this.packed === undefined ? this.#value : this.packed.shared;
  }

  read(): unknown {
    const copy = this.#copy;
    if (copy !== undefined) return copy(this.#value);
    return this.packed === undefined ? this.#value : this.packed.take();
  }
}

function tagBytes(tags: readonly string[]): number {
  let bytes = 0;
  for (const tag of tags) bytes += TAG_BYTES + tag.length;
  return bytes;
}
