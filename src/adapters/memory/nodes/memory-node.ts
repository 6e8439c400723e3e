import type { EntryDraft, StoredEntry } from '../../../core/ports/cache-adapter.port.js';
import type { EntryCopy } from '../../../core/ports/near-tier.port.js';
import type { ValueSnapshot } from '../../../core/values/value-copier.js';
import type { Linked } from './linked-list.js';
import { PackedValue } from './packed-value.js';
import type { Moment, StoreTime } from './store-time.js';

/**
 * Bytes of a node without its value, key and tags: the object with its numbers, the snapshot around the value, its
 * place in the map of its namespace and in the slot table. Measured: 360, on 64-bit Node 20 with 100,000 nodes.
 */
export const NODE_BYTES = 400;
/** Bytes of a tag of one node without its text: its place in the index, and its share of the set there. */
export const TAG_BYTES = 80;

const NO_TAGS: readonly string[] = Object.freeze([]);

/**
 * A stored entry that is also its own handle in every index, so that a hit allocates nothing. When a key is stored
 * again it gets a new node, and holders of the old node still see the old value. A node changes only `hits` and
 * `lastReadAtMs`, and its times when it is invalidated softly.
 */
export class MemoryNode implements StoredEntry, Linked<MemoryNode> {
  // The fields that a hit reads come first, so that they are in one or two cache lines.
  readonly key: string;
  readonly namespace: string | undefined;
  freshUntilMs: number;
  hits = 0;
  /** Present for a value that `PackedValue.prepare` must make before each read. */
  readonly packed: PackedValue | undefined;
  readonly #value: unknown;
  /** Makes a copy for one reader; `undefined` where all readers share the value, and where it is packed. */
  readonly #copy: ValueSnapshot['copy'];
  readonly #time: StoreTime;
  /**
   * The tick of `StoreTime` at the last hit; -1 for none. An integer, because V8 would store a fraction in an object of
   * its own.
   */
  #lastReadTick = -1;
  /** The time limit of a near copy; 0 for none, and not Infinity, which V8 would store in an object of its own. */
  #limitUntilMs = 0;
  /** For the eviction policy: uses since its last check, the queue of the node, and a hash of its key. */
  uses = 0;
  queue = 0;
  hash = 0;
  readonly loadMs: number;
  /** The index in the slot table; -1 while the node is not stored. */
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

  /** The time at which the node expires from the store. */
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
