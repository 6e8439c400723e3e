import { type Addressed, type EntryTarget, hitBy } from '../../../core/ports/invalidation-target.js';
import { entryMark, type FileKeys } from './file-keys.js';
import type { StoreWriter, Table } from './ordered-store.port.js';
import type { StoreState } from './store-state.js';

/*
 * A mark is the revision at which a key, tag, namespace or pattern was last invalidated. A load remembers the revision
 * at which it began, and is refused when a mark that concerns it is higher. A mark is needed as long as a load can run
 * that began before it. So there are two tables of marks: from time to time the older one is emptied and becomes the
 * younger one. A load that began before the older table is refused.
 *
 * Invalidations by several tags together, and by patterns, have a list of marks, under the first tag or the namespace.
 */

/**
 * Longest list of marks for one tag or namespace; a longer one becomes a single mark for the whole tag or namespace.
 */
const LONGEST_LIST = 64;

/** The parts of an entry that an invalidation can name. */
export interface MarkedEntry extends Addressed {
  readonly id: Buffer;
  readonly tags: readonly string[];
}

interface ListedMark {
  readonly revision: number;
  readonly target: EntryTarget;
}

const TABLES = ['marks 0', 'marks 1'] as const satisfies readonly Table[];

/** Reads marks in both tables, and writes them to the younger one. */
export class Marks {
  readonly #writer: StoreWriter;
  readonly #keys: FileKeys;
  readonly #state: Readonly<StoreState>;

  /** @param state read again for each mark, because a mark concerns later work of the same transaction */
  constructor(writer: StoreWriter, keys: FileKeys, state: Readonly<StoreState>) {
    this.#writer = writer;
    this.#keys = keys;
    this.#state = state;
  }

  /** True if `entry` was invalidated after `revision`, or if the marks from that time are gone. */
  isInvalidatedSince(revision: number, entry: MarkedEntry): boolean {
    if (revision < this.#state.marksFrom) return true;
    if (revision >= this.#state.markedAt) return false;
    // A namespace is never empty.
    const { id, tags, namespace = '' } = entry;
    const keys = this.#keys;
    const marks = [
      entryMark(id),
      keys.mark('namespace', namespace),
      keys.mark('all', ''),
      ...tags.map((tag) => keys.mark('tag', tag)),
    ];
    if (marks.some((mark) => this.#revisionOf(mark) > revision)) return true;
    const lists = [keys.mark('pattern', namespace), ...tags.map((tag) => keys.mark('tags', tag))];
    return lists.some((list) =>
      this.#listAt(list).some((mark) => mark.revision > revision && hitBy(mark.target)(entry)),
    );
  }

  /** Sets the mark of an invalidation. */
  set(target: EntryTarget, revision: number): void {
    const keys = this.#keys;
    switch (target.kind) {
      case 'keys':
        for (const key of target.keys) this.setForEntry(keys.entry(key, target.namespace), revision);
        return;
      case 'tags':
        if (target.mode === 'any') for (const tag of target.tags) this.#put(keys.mark('tag', tag), revision);
        else this.#setForAllOf(target, revision);
        return;
      case 'namespace':
        return this.#put(keys.mark('namespace', target.namespace), revision);
      case 'pattern': {
        const { namespace = '' } = target;
        return this.#append(keys.mark('pattern', namespace), { revision, target }, keys.mark('namespace', namespace));
      }
      case 'all':
        return this.#put(keys.mark('all', ''), revision);
    }
  }

  /** Sets the mark of one entry, unless it has a higher one. */
  setForEntry(id: Buffer, revision: number): void {
    const mark = entryMark(id);
    if (this.#revisionOf(mark) < revision) this.#put(mark, revision);
  }

  #setForAllOf(target: Extract<EntryTarget, { kind: 'tags' }>, revision: number): void {
    const [first] = [...target.tags].sort();
    if (first === undefined) return;
    this.#append(this.#keys.mark('tags', first), { revision, target }, this.#keys.mark('tag', first));
  }

  /** @param whole the mark that is set instead of a list that is too long */
  #append(list: Buffer, mark: ListedMark, whole: Buffer): void {
    const marks = [...this.#listAt(list), mark];
    if (marks.length > LONGEST_LIST) return this.#put(whole, mark.revision);
    this.#writer.put(this.#youngTable, list, Buffer.from(JSON.stringify(marks)));
  }

  /** Returns the revision of a mark; 0 if there is none. */
  #revisionOf(mark: Buffer): number {
    return Math.max(0, ...this.#recordsAt(mark).map((record) => record.readDoubleBE(0)));
  }

  #listAt(list: Buffer): ListedMark[] {
    return this.#recordsAt(list).flatMap((record) => JSON.parse(record.toString()) as ListedMark[]);
  }

  #recordsAt(mark: Buffer): Buffer[] {
    return TABLES.flatMap((table) => this.#writer.get(table, mark) ?? []);
  }

  #put(mark: Buffer, revision: number): void {
    const record = Buffer.allocUnsafe(8);
    record.writeDoubleBE(revision, 0);
    this.#writer.put(this.#youngTable, mark, record);
  }

  get #youngTable(): Table {
    return tableOf(this.#state.youngMarks);
  }
}

/** Empties the older table of marks, which becomes the younger one. */
export function rotateMarks(writer: StoreWriter, state: StoreState, wallMs: number): void {
  state.youngMarks = 1 - state.youngMarks;
  writer.clear(tableOf(state.youngMarks));
  state.rotatedAtWallMs = wallMs;
  state.marksFrom = state.youngMarksFrom;
  state.youngMarksFrom = state.revision;
}

function tableOf(young: number): Table {
  return young === 0 ? TABLES[0] : TABLES[1];
}
