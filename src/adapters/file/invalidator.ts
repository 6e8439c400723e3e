import type { InvalidationTarget } from '../../core/ports/cache-adapter.port.js';
import { type EntryTarget, hitBy } from '../../core/ports/invalidation-target.js';
import { type EntryHeader, readEntryHeader } from '../../core/values/codec.js';
import { entryIn } from './store/entry-record.js';
import { endOf, type FileKeys, idInTagRow } from './store/file-keys.js';
import type { KeyRange, Table } from './store/ordered-store.port.js';
import type { FoundRecord, StoreSession, Write } from './store/store-session.js';

export interface Manner {
  readonly soft: boolean;
  readonly dryRun: boolean;
}

export interface InvalidatorSettings {
  readonly keys: FileKeys;
  /** Ms since 1970. */
  readonly wallMs: () => number;
  readonly write: Write;
}

/** Rows of a table that name the entries of a target. */
interface Rows {
  readonly table: Table;
  readonly prefix: Buffer;
  readonly idIn: (row: Buffer) => Buffer;
}

/** The test for entries that were found. */
interface Choice {
  readonly isHit: (header: EntryHeader) => boolean;
  /** Only entries with a lower revision are hit. */
  readonly before: number;
  readonly manner: Manner;
  /** Ids of entries that were counted already. Only a dry run finds an entry twice, because it removes none. */
  readonly counted: Set<string>;
}

/** Rows that one transaction takes: a few milliseconds. */
const SLICE = 400;
const itself = (id: Buffer): Buffer => id;

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
    const { write } = this.#settings;
    const choose = (before: number): Choice => ({ isHit: hitBy(target), before, manner, counted: new Set() });
    if (target.kind === 'keys') return write((session) => this.#invalidateKeys(session, target, choose(Infinity)));
    const rows = this.#rowsOf(target);
    if (rows.length === 0) return 0;
    const choice = choose(manner.dryRun ? Infinity : await write((session) => session.invalidate(target)));
    let count = 0;
    for (const each of rows) count += await this.#walk(each, choice);
    return count;
  }

  #invalidateKeys(session: StoreSession, target: Extract<EntryTarget, { kind: 'keys' }>, choice: Choice): number {
    const ids = target.keys.map((key) => this.#settings.keys.entry(key, target.namespace));
    const count = this.#take(session, ids, choice);
    if (!choice.manner.dryRun) session.invalidate(target);
    return count;
  }

  async #removeExpired({ dryRun }: Manner): Promise<number> {
    const { write } = this.#settings;
    if (dryRun) return write((session) => session.countExpired());
    let count = 0;
    for (let removed = SLICE; removed === SLICE; count += removed)
      removed = await write((session) => session.removeExpired(SLICE));
    return count;
  }

  /** Takes the entries of rows, one slice at a time. Rows that are added during the walk might be missed. */
  async #walk({ table, prefix, idIn }: Rows, choice: Choice): Promise<number> {
    let count = 0;
    for (let start: Buffer | undefined = prefix; start !== undefined;) {
      const range: KeyRange = { start, end: endOf(prefix), limit: SLICE };
      start = await this.#settings.write<Buffer | undefined>((session) => {
        const rows = session.writer.range(table, range).map(({ key }) => key);
        count += this.#take(session, rows.map(idIn), choice);
        return rows.length < SLICE ? undefined : Buffer.concat([rows.at(-1) as Buffer, Buffer.of(0)]);
      });
    }
    return count;
  }

  /** Removes, expires or only counts entries. */
  #take(session: StoreSession, ids: readonly Buffer[], choice: Choice): number {
    const { manner, counted } = choice;
    const wallMs = this.#settings.wallMs();
    let count = 0;
    for (const id of ids) {
      const found = session.find(id);
      const header = found && chosenHeader(found, choice);
      if (found === undefined || header === undefined) continue;
      const { record, head } = found;
      // A soft invalidation does not change an entry that is expired already.
      if (manner.soft && head.freshUntilWallMs <= wallMs) continue;
      if (head.staleUntilWallMs > wallMs && isNew(counted, id)) count++;
      if (manner.dryRun) continue;
      const staleMs = manner.soft ? header.staleMs : 0;
      if (staleMs === 0) session.remove(id, record, head);
      else session.setTimes(id, record, { freshUntilWallMs: wallMs, staleUntilWallMs: wallMs + staleMs });
    }
    return count;
  }

  /** All rows that name an entry of the target; they can name others, too. */
  #rowsOf(target: Exclude<EntryTarget, { kind: 'keys' }>): Rows[] {
    const { keys } = this.#settings;
    switch (target.kind) {
      case 'tags':
        return (target.mode === 'any' ? target.tags : target.tags.slice(0, 1)).map((tag) => ({
          table: 'tags',
          prefix: keys.tag(tag),
          idIn: idInTagRow,
        }));
      case 'namespace':
      case 'pattern':
        return [{ table: 'entries', prefix: keys.namespace(target.namespace), idIn: itself }];
      case 'all':
        return [{ table: 'entries', prefix: keys.all, idIn: itself }];
    }
  }
}

/** The header of an entry that is hit; undefined for all others, and for a damaged record. */
function chosenHeader({ record, head }: FoundRecord, { isHit, before }: Choice): EntryHeader | undefined {
  const header = head.revision < before ? readEntryHeader(entryIn(record)) : undefined;
  return header !== undefined && isHit(header) ? header : undefined;
}

/** True the first time that it is asked for an id. */
function isNew(seen: Set<string>, id: Buffer): boolean {
  return seen.size < seen.add(id.toString('latin1')).size;
}
