import type { InvalidationTarget } from '../../core/ports/cache-adapter.port.js';
import { type EntryHeader, readEntryHeader } from '../../core/values/codec.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import { entryIn } from './store/entry-record.js';
import { endOf, type FileKeys, idInTagRow } from './store/file-keys.js';
import type { Marks } from './store/marks.js';
import type { StoreWriter, Table } from './store/ordered-store.port.js';
import type { StoreSession } from './store/store-session.js';

export interface Manner {
  readonly soft: boolean;
  readonly dryRun: boolean;
}

export interface InvalidatorSettings {
  readonly keys: FileKeys;
  /** Ms since 1970. */
  readonly wallMs: () => number;
  readonly write: <T>(work: (session: StoreSession) => T) => Promise<T>;
}

/** Rows of a table that name the entries of a target. */
interface Rows {
  readonly table: Table;
  readonly prefix: Buffer;
  readonly idIn: (row: Buffer) => Buffer;
}

/** The rows that name the entries of a target, the test for each entry, and the mark that refuses older loads. */
interface Search {
  readonly rows: readonly Rows[];
  readonly isMeant: (header: EntryHeader) => boolean;
  readonly mark: (marks: Marks, writer: StoreWriter, revision: number) => void;
}

/** The test for entries that were found. */
interface Choice {
  readonly isMeant: (header: EntryHeader) => boolean;
  /** Only entries with a lower revision are hit. */
  readonly before: number;
  readonly manner: Manner;
}

/** Rows that one transaction takes: a few milliseconds. */
const SLICE = 400;
const itself = (id: Buffer): Buffer => id;
const always = (): boolean => true;

/*
 * An invalidation first sets a mark, which refuses every load that began before it. Then it walks over the entries in
 * slices, each a transaction, and removes those that were stored before the mark; entries stored after it stay. The
 * invalidation is acknowledged at the end of the walk. A process that is killed before that has acknowledged nothing.
 */
export class Invalidator {
  readonly #settings: InvalidatorSettings;

  constructor(settings: InvalidatorSettings) {
    this.#settings = settings;
  }

  /** @returns how many live entries were meant */
  async invalidate(target: InvalidationTarget, manner: Manner): Promise<number> {
    if (target.kind === 'expired') return this.#removeExpired(manner);
    if (target.kind === 'keys') return this.#invalidateKeys(target, manner);
    const { rows, isMeant, mark } = this.#searchFor(target);
    if (rows.length === 0) return 0;
    const { write } = this.#settings;
    const before = manner.dryRun ? Infinity : await write((session) => session.invalidate(mark));
    const seen = new Set<string>();
    let count = 0;
    for (const each of rows) {
      for await (const ids of this.#slices(each)) {
        // Only a dry run finds an entry with two of the tags twice, because it removes none.
        const fresh = rows.length === 1 || !manner.dryRun ? ids : ids.filter((id) => isNew(seen, id));
        count += await write((session) => this.#take(session, fresh, { isMeant, before, manner }));
      }
    }
    return count;
  }

  #invalidateKeys({ keys, namespace }: Extract<InvalidationTarget, { kind: 'keys' }>, manner: Manner): Promise<number> {
    const ids = [...new Set(keys)].map((key) => this.#settings.keys.entry(key, namespace));
    return this.#settings.write((session) => {
      const count = this.#take(session, ids, { isMeant: always, before: Infinity, manner });
      if (!manner.dryRun)
        for (const id of ids) session.invalidate((marks, writer, revision) => marks.markKey(writer, id, revision));
      return count;
    });
  }

  async #removeExpired({ dryRun }: Manner): Promise<number> {
    const { write } = this.#settings;
    let count = 0;
    for (let removed = SLICE; removed === SLICE;) {
      removed = await write((session) => (dryRun ? session.countExpired() : session.removeExpired(SLICE)));
      count += removed;
      if (dryRun) break;
    }
    return count;
  }

  /** Yields the ids of rows, one slice at a time. Rows that are added during the walk might be missing. */
  async *#slices({ table, prefix, idIn }: Rows): AsyncGenerator<Buffer[]> {
    let start = prefix;
    for (;;) {
      const range = { start, end: endOf(prefix), limit: SLICE };
      const rows = await this.#settings.write(({ writer }) => writer.range(table, range).map(({ key }) => key));
      if (rows.length > 0) yield rows.map(idIn);
      if (rows.length < SLICE) return;
      start = Buffer.concat([rows.at(-1) as Buffer, Buffer.of(0)]);
    }
  }

  /** Removes, expires or only counts entries. */
  #take(session: StoreSession, ids: readonly Buffer[], { isMeant, before, manner }: Choice): number {
    const wallMs = this.#settings.wallMs();
    let count = 0;
    for (const id of ids) {
      const found = session.find(id);
      if (found === undefined || found.head.revision >= before) continue;
      const { record, head } = found;
      const header = readEntryHeader(entryIn(record));
      if (header === undefined || !isMeant(header)) continue;
      // A soft invalidation does not change an entry that is expired already.
      if (manner.soft && head.freshUntilWallMs <= wallMs) continue;
      if (head.staleUntilWallMs > wallMs) count++;
      if (manner.dryRun) continue;
      if (manner.soft && header.staleMs > 0)
        session.setTimes(id, record, { freshUntilWallMs: wallMs, staleUntilWallMs: wallMs + header.staleMs });
      else session.remove(id, record, head);
    }
    return count;
  }

  #searchFor(target: Exclude<InvalidationTarget, { kind: 'keys' | 'expired' }>): Search {
    const { keys } = this.#settings;
    switch (target.kind) {
      case 'tags':
        return target.mode === 'any' ? this.#searchForAny(target.tags) : this.#searchForAll(target.tags);
      case 'namespace':
        return {
          rows: [{ table: 'entries', prefix: keys.namespace(target.namespace), idIn: itself }],
          isMeant: always,
          mark: (marks, writer, revision) => marks.markNamespace(writer, target.namespace, revision),
        };
      case 'pattern': {
        const matches = compileGlob(target.pattern);
        return {
          rows: [{ table: 'entries', prefix: keys.namespace(target.namespace), idIn: itself }],
          isMeant: ({ key }) => matches(key),
          mark: (marks, writer, revision) => marks.markPattern(writer, target, revision),
        };
      }
      case 'all':
        return {
          rows: [{ table: 'entries', prefix: keys.all, idIn: itself }],
          isMeant: always,
          mark: (marks, writer, revision) => marks.markAll(writer, revision),
        };
    }
  }

  #searchForAny(tags: readonly string[]): Search {
    return {
      rows: tags.map((tag) => this.#rowsOf(tag)),
      isMeant: (header) => tags.some((tag) => header.tags.includes(tag)),
      mark: (marks, writer, revision) => {
        for (const tag of tags) marks.markTag(writer, tag, revision);
      },
    };
  }

  #searchForAll(tags: readonly string[]): Search {
    return {
      rows: tags.slice(0, 1).map((tag) => this.#rowsOf(tag)),
      isMeant: (header) => tags.every((tag) => header.tags.includes(tag)),
      mark: (marks, writer, revision) => marks.markConjunction(writer, tags, revision),
    };
  }

  #rowsOf(tag: string): Rows {
    return { table: 'tags', prefix: this.#settings.keys.tag(tag), idIn: idInTagRow };
  }
}

/** True the first time that it is asked for an id. */
function isNew(seen: Set<string>, id: Buffer): boolean {
  return seen.size < seen.add(id.toString('latin1')).size;
}
