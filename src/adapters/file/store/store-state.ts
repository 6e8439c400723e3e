import type { StoreView, StoreWriter } from './ordered-store.port.js';

/** What the store knows about itself; one record for all processes. */
export interface StoreState {
  /** Number of the last write. */
  readonly revision: number;
  /** Bytes of all records. */
  readonly bytes: number;
  /** The revision of the last mark: a load that began at it or later has nothing to compare. */
  readonly markedAt: number;
  /** The table that new marks go to: 0 or 1. */
  readonly youngMarks: number;
  /** When the tables of marks changed places, ms since 1970. */
  readonly rotatedAtWallMs: number;
  /** The revision at which the older table of marks began; marks from before are forgotten. */
  readonly marksFrom: number;
  /** The revision at which the younger table of marks began. */
  readonly youngMarksFrom: number;
}

const KEY = Buffer.from('state');
const FIELDS = [
  'revision',
  'bytes',
  'markedAt',
  'youngMarks',
  'rotatedAtWallMs',
  'marksFrom',
  'youngMarksFrom',
] as const satisfies (keyof StoreState)[];

export function readState(view: StoreView): StoreState {
  const record = view.get('state', KEY);
  const read = (field: number): number => record?.readDoubleBE(8 * field) ?? 0;
  return Object.fromEntries(FIELDS.map((name, field) => [name, read(field)])) as unknown as StoreState;
}

export function writeState(writer: StoreWriter, state: StoreState): void {
  const record = Buffer.allocUnsafe(8 * FIELDS.length);
  FIELDS.forEach((name, field) => record.writeDoubleBE(state[name], 8 * field));
  writer.put('state', KEY, record);
}
