import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import { readEntryHeader } from '../../../core/values/codec.js';
import {
  entryIn,
  expiryBound,
  expiryKey,
  formatFigures,
  formatRecord,
  idIn,
  readFigures,
  readHead,
  type RecordHead,
  staleUntilIn,
} from './entry-record.js';
import { type FileKeys, tagRow } from './file-keys.js';
import { type MarkedEntry, Marks, rotateMarks } from './marks.js';
import type { StoredPair, StoreWriter } from './ordered-store.port.js';
import { readState, type StoreState, writeState } from './store-state.js';

export interface SessionSettings {
  readonly keys: FileKeys;
  readonly maxBytes: number;
  /** Ms since 1970. */
  readonly wallMs: () => number;
  /** True for an entry that was read recently: it is evicted after others. */
  readonly isRecent: (id: Buffer) => boolean;
  /** Called with an evicted entry, after the commit. */
  readonly onEvict: (entry: Buffer) => void;
}

/** Runs `work` in a transaction, and resolves when it is committed. */
export type Write = <T>(work: (session: StoreSession) => T) => Promise<T>;

/** A record of the table `entries`. */
export interface FoundRecord {
  readonly record: Buffer;
  readonly head: RecordHead;
}

/** An entry to be written. */
export interface Written extends MarkedEntry {
  readonly bytes: Buffer;
  readonly freshUntilWallMs: number;
  readonly staleUntilWallMs: number;
  readonly createdAtMs: number;
}

const EMPTY = Buffer.alloc(0);
const NOTHING = Buffer.of(0);
/** Maximum of recently read entries that one transaction spares. */
const SPARED = 256;
const EVICTION_PAGE = 64;
const sessions = new WeakMap<StoreWriter, StoreSession>();

/**
 * Changes entries in a transaction, and keeps the tables `expiry`, `tags`, `marks` and `state` consistent with them.
 * All calls that share a transaction share a session.
 */
export class StoreSession {
  readonly #writer: StoreWriter;
  readonly #settings: SessionSettings;
  readonly #state: StoreState;
  readonly #marks: Marks;

  private constructor(writer: StoreWriter, settings: SessionSettings) {
    this.#writer = writer;
    this.#settings = settings;
    this.#state = readState(writer);
    this.#marks = new Marks(writer, settings.keys, this.#state);
    writer.beforeCommit(() => {
      this.#makeRoom();
      writeState(writer, this.#state);
    });
  }

  static of(writer: StoreWriter, settings: SessionSettings): StoreSession {
    let session = sessions.get(writer);
    if (session === undefined) sessions.set(writer, (session = new StoreSession(writer, settings)));
    return session;
  }

  get state(): Readonly<StoreState> {
    return this.#state;
  }

  get writer(): StoreWriter {
    return this.#writer;
  }

  /** Returns the record under an id, with its head; `undefined` if there is none or it is damaged. */
  find(id: Buffer): FoundRecord | undefined {
    const record = this.#writer.get('entries', id);
    const head = record === undefined ? undefined : readHead(record);
    return record === undefined || head === undefined ? undefined : { record, head };
  }

  /** Stores an entry and replaces the one with the same id. @returns its record */
  put({ id, bytes, tags, createdAtMs, freshUntilWallMs, staleUntilWallMs }: Written): Buffer {
    const before = this.find(id);
    if (before !== undefined) this.#unlink(id, before.record, before.head);
    const revision = ++this.#state.revision;
    const record = formatRecord({ revision, freshUntilWallMs, staleUntilWallMs, hasTags: tags.length > 0 }, bytes);
    this.#link(id, record, { staleUntilWallMs, createdAtMs, tags });
    return record;
  }

  /** Changes the times of an entry, and not its revision. */
  setTimes(id: Buffer, record: Buffer, times: Pick<RecordHead, 'freshUntilWallMs' | 'staleUntilWallMs'>): void {
    const head = readHead(record) as RecordHead;
    const { tags, createdAtMs } = headerOf(record);
    this.#unlink(id, record, head);
    this.#link(id, formatRecord({ ...head, ...times }, entryIn(record)), { ...times, tags, createdAtMs });
  }

  /** Removes an entry. A load that began before the entry was stored is still refused. */
  remove(id: Buffer, record: Buffer, head: RecordHead): void {
    this.#unlink(id, record, head);
    this.#writer.remove('entries', id);
    if (head.revision <= this.#state.marksFrom) return;
    this.#marks.setForEntry(id, head.revision);
    this.#state.markedAt = this.#state.revision;
  }

  /**
   * Refuses the loads that have begun before, and leaves the entries.
   * @returns the revision of the mark, which is higher than that of all entries stored before
   */
  invalidate(target: EntryTarget): number {
    const revision = ++this.#state.revision;
    this.#marks.set(target, revision);
    this.#state.markedAt = revision;
    return revision;
  }

  /** True when the result of a load that began at `revision` must not be stored. */
  isRefused(revision: number, entry: MarkedEntry): boolean {
    const stored = this.find(entry.id);
    return (stored !== undefined && stored.head.revision > revision) || this.#marks.isInvalidatedSince(revision, entry);
  }

  /** Removes up to `limit` expired entries. @returns their number */
  removeExpired(limit: number): number {
    const expired = this.#expired(limit);
    for (const row of expired) this.#drop(row);
    return expired.length;
  }

  countExpired(): number {
    return this.#expired().length;
  }

  rotateMarks(): void {
    rotateMarks(this.#writer, this.#state, this.#settings.wallMs());
  }

  #expired(limit?: number): StoredPair[] {
    const end = expiryBound(this.#settings.wallMs());
    return this.#writer.range('expiry', { start: NOTHING, end, ...(limit === undefined ? {} : { limit }) });
  }

  /** Removes the entry that a row of `expiry` names. @returns its record; `undefined` if it was damaged */
  #drop({ key, value }: StoredPair): Buffer | undefined {
    const id = idIn(key);
    const found = this.find(id);
    if (found?.head.staleUntilWallMs === staleUntilIn(key)) {
      this.remove(id, found.record, found.head);
      return found.record;
    }
    // A damaged record does not know its row, and the row may outlive it.
    this.#writer.remove('expiry', key);
    this.#state.bytes -= readFigures(value).sizeBytes;
    if (found === undefined) this.#writer.remove('entries', id);
    return undefined;
  }

  /** Evicts the entries that expire first; recently read ones only if the others are not enough. */
  #makeRoom(): void {
    this.#evict(SPARED);
    this.#evict(0);
  }

  #evict(sparing: number): void {
    const { maxBytes, isRecent, onEvict, wallMs } = this.#settings;
    const nowMs = wallMs();
    let spared = 0;
    let start = NOTHING;
    while (this.#state.bytes > maxBytes) {
      const page = this.#writer.range('expiry', { start, limit: EVICTION_PAGE });
      if (page.length === 0) return;
      for (const row of page) {
        if (this.#state.bytes <= maxBytes) return;
        start = Buffer.concat([row.key, NOTHING]);
        if (spared < sparing && isRecent(idIn(row.key))) {
          spared++;
          continue;
        }
        const record = this.#drop(row);
        if (record !== undefined && staleUntilIn(row.key) > nowMs)
          this.#writer.afterCommit(() => onEvict(entryIn(record)));
      }
    }
  }

  #link(
    id: Buffer,
    record: Buffer,
    { staleUntilWallMs, createdAtMs, tags }: Pick<Written, 'staleUntilWallMs' | 'createdAtMs' | 'tags'>,
  ): void {
    this.#writer.put('entries', id, record);
    const figures = formatFigures({ createdAtMs, sizeBytes: record.length });
    this.#writer.put('expiry', expiryKey(staleUntilWallMs, id), figures);
    for (const tag of tags) this.#writer.put('tags', tagRow(tag, id), EMPTY);
    this.#state.bytes += record.length;
  }

  #unlink(id: Buffer, record: Buffer, { staleUntilWallMs, hasTags }: RecordHead): void {
    this.#writer.remove('expiry', expiryKey(staleUntilWallMs, id));
    if (hasTags) for (const tag of headerOf(record).tags) this.#writer.remove('tags', tagRow(tag, id));
    this.#state.bytes -= record.length;
  }
}

function headerOf(record: Buffer): { readonly tags: readonly string[]; readonly createdAtMs: number } {
  return readEntryHeader(entryIn(record)) ?? { tags: [], createdAtMs: 0 };
}
