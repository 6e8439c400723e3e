import { compileGlob } from '../../../core/vocabulary/glob.js';
import { entryMark, type FileKeys } from './file-keys.js';
import type { StoreView, StoreWriter, Table } from './ordered-store.port.js';
import type { StoreState } from './store-state.js';

/*
 * A mark is the revision at which a key, tag, namespace or pattern was last invalidated. A load remembers the revision
 * at which it began, and is refused when a mark that concerns it is higher. A mark is needed as long as a load can run
 * that began before it. So there are two tables of marks: from time to time the older one is emptied and becomes the
 * younger one. A load that began before the older table is refused.
 */

/**
 * Longest list of marks for one tag or namespace; a longer one becomes a single mark for the whole tag or namespace.
 */
const LONGEST_LIST = 64;

/** The parts of an entry that an invalidation can name. */
export interface Target {
  readonly key: string;
  readonly id: Buffer;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
}

interface ListedMark<T> {
  readonly revision: number;
  readonly what: T;
}

const tableOf = (young: number): Table => (young === 0 ? 'marks 0' : 'marks 1');
const NO_NAMESPACE = Buffer.of(0);

/** Reads marks in both tables, and writes them to the younger one. */
export class Marks {
  readonly #view: StoreView;
  readonly #keys: FileKeys;
  readonly #state: Readonly<StoreState>;

  /** @param state read again for each mark, because a mark concerns later work of the same transaction */
  constructor(view: StoreView, keys: FileKeys, state: Readonly<StoreState>) {
    this.#view = view;
    this.#keys = keys;
    this.#state = state;
  }

  /** True if `target` was invalidated after `revision`, or if the marks from that time are gone. */
  isInvalidatedSince(revision: number, { key, id, namespace, tags }: Target): boolean {
    if (revision < this.#state.marksFrom) return true;
    if (revision >= this.#state.markedAt) return false;
    const keys = this.#keys;
    return (
      this.#since(revision, entryMark(id)) ||
      tags.some((tag) => this.#since(revision, keys.mark('tag', tag))) ||
      this.#since(revision, keys.mark('all', '')) ||
      this.#since(revision, keys.mark('namespace', namespaceName(namespace))) ||
      tags.some((tag) => this.#conjunctions(tag, revision, tags)) ||
      this.#list<string>(keys.mark('pattern', namespaceName(namespace))).some(
        (mark) => mark.revision > revision && compileGlob(mark.what)(key),
      )
    );
  }

  markKey(writer: StoreWriter, id: Buffer, revision: number): void {
    this.#put(writer, entryMark(id), revision);
  }

  markTag(writer: StoreWriter, tag: string, revision: number): void {
    this.#put(writer, this.#keys.mark('tag', tag), revision);
  }

  /** Marks entries that carry all of `tags`. */
  markConjunction(writer: StoreWriter, tags: readonly string[], revision: number): void {
    const first = [...tags].sort()[0] as string;
    const mark = this.#keys.mark('tags', first);
    const list = [...this.#list<readonly string[]>(mark), { revision, what: tags }];
    if (list.length > LONGEST_LIST) return this.markTag(writer, first, revision);
    this.#putList(writer, mark, list);
  }

  markNamespace(writer: StoreWriter, namespace: string | undefined, revision: number): void {
    this.#put(writer, this.#keys.mark('namespace', namespaceName(namespace)), revision);
  }

  markPattern(
    writer: StoreWriter,
    { pattern, namespace }: { pattern: string; namespace: string | undefined },
    revision: number,
  ): void {
    const mark = this.#keys.mark('pattern', namespaceName(namespace));
    const list = [...this.#list<string>(mark), { revision, what: pattern }];
    if (list.length > LONGEST_LIST) return this.markNamespace(writer, namespace, revision);
    this.#putList(writer, mark, list);
  }

  markAll(writer: StoreWriter, revision: number): void {
    this.#put(writer, this.#keys.mark('all', ''), revision);
  }

  #conjunctions(first: string, revision: number, tags: readonly string[]): boolean {
    return this.#list<readonly string[]>(this.#keys.mark('tags', first)).some(
      (mark) => mark.revision > revision && mark.what.every((tag) => tags.includes(tag)),
    );
  }

  #since(revision: number, mark: Buffer): boolean {
    return this.#records(mark).some((record) => record.readDoubleBE(0) > revision);
  }

  #list<T>(mark: Buffer): ListedMark<T>[] {
    return this.#records(mark).flatMap((record) => JSON.parse(record.toString()) as ListedMark<T>[]);
  }

  #records(mark: Buffer): Buffer[] {
    return (['marks 0', 'marks 1'] as const).flatMap((table) => this.#view.get(table, mark) ?? []);
  }

  #put(writer: StoreWriter, mark: Buffer, revision: number): void {
    const record = Buffer.allocUnsafe(8);
    record.writeDoubleBE(revision, 0);
    writer.put(tableOf(this.#state.youngMarks), mark, record);
  }

  #putList(writer: StoreWriter, mark: Buffer, list: readonly ListedMark<unknown>[]): void {
    writer.put(tableOf(this.#state.youngMarks), mark, Buffer.from(JSON.stringify(list)));
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

/** Returns a name for "no namespace" that no namespace can have. */
function namespaceName(namespace: string | undefined): string | Buffer {
  return namespace ?? NO_NAMESPACE;
}
