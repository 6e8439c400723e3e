/*
 * A record holds an entry in the store:
 *
 *   0  revision   8  number of the write that stored it, counted over all processes
 *   8  fresh      8  end of being fresh, ms since 1970; Infinity for ever
 *  16  stale      8  end of being stale
 *  24  tags       1  1 if it carries tags
 *  25  entry         the entry in the one format of all stores, see docs/values.md
 *
 * Numbers are doubles, big-endian. Times are those of the wall clock, because files stay when processes end and the
 * machine restarts, and no other clock goes on then.
 */
const HEAD_BYTES = 25;

export interface RecordHead {
  readonly revision: number;
  readonly freshUntilWallMs: number;
  readonly staleUntilWallMs: number;
  readonly hasTags: boolean;
}

export function formatRecord(head: RecordHead, entry: Buffer): Buffer {
  const record = Buffer.allocUnsafe(HEAD_BYTES + entry.length);
  record.writeDoubleBE(head.revision, 0);
  record.writeDoubleBE(head.freshUntilWallMs, 8);
  record.writeDoubleBE(head.staleUntilWallMs, 16);
  record[24] = Number(head.hasTags);
  record.set(entry, HEAD_BYTES);
  return record;
}

/** Reads the head; `undefined` if the bytes are too few for a record. */
export function readHead(record: Buffer): RecordHead | undefined {
  if (record.length < HEAD_BYTES) return undefined;
  return {
    revision: record.readDoubleBE(0),
    freshUntilWallMs: record.readDoubleBE(8),
    staleUntilWallMs: record.readDoubleBE(16),
    hasTags: record[24] === 1,
  };
}

export function entryIn(record: Buffer): Buffer {
  return record.subarray(HEAD_BYTES);
}

/*
 * The table `expiry` orders entries by the end of being stale. A key is that time and the id of the entry; a value is
 * the time of creation and the size. The bytes of positive doubles have the order of the numbers.
 */
const TIME_BYTES = 8;

export function expiryKey(staleUntilWallMs: number, id: Buffer): Buffer {
  const key = Buffer.allocUnsafe(TIME_BYTES + id.length);
  key.writeDoubleBE(staleUntilWallMs, 0);
  key.set(id, TIME_BYTES);
  return key;
}

/** Returns the first possible key of entries that are kept longer than until `wallMs`. */
export function expiryBound(wallMs: number): Buffer {
  const bound = Buffer.allocUnsafe(TIME_BYTES);
  bound.writeDoubleBE(wallMs, 0);
  return bound;
}

export function idIn(expiryKey: Buffer): Buffer {
  return expiryKey.subarray(TIME_BYTES);
}

export function staleUntilIn(expiryKey: Buffer): number {
  return expiryKey.readDoubleBE(0);
}

export interface EntryFigures {
  readonly createdAtMs: number;
  readonly sizeBytes: number;
}

export function formatFigures({ createdAtMs, sizeBytes }: EntryFigures): Buffer {
  const value = Buffer.allocUnsafe(16);
  value.writeDoubleBE(createdAtMs, 0);
  value.writeDoubleBE(sizeBytes, 8);
  return value;
}

export function readFigures(value: Buffer): EntryFigures {
  return { createdAtMs: value.readDoubleBE(0), sizeBytes: value.readDoubleBE(8) };
}
