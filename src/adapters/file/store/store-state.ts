import type { StoreView, StoreWriter } from './ordered-store.port.js';

/** Figures of the store; one record for all processes. */
export interface StoreState {
  /** Number of the last write. */
  revision: number;
  /** Bytes of all records. */
  bytes: number;
  /** The revision of the last mark: a load that began later needs no comparison. */
  markedAt: number;
  /** The table for new marks: 0 or 1. */
  youngMarks: number;
  /** Time of the last exchange of the tables of marks, ms since 1970. */
  rotatedAtWallMs: number;
  /** The revision at which the older table of marks began; earlier marks are gone. */
  marksFrom: number;
  /** The revision at which the younger table of marks began. */
  youngMarksFrom: number;
}

const KEY = Buffer.from('state');
const FIELDS = 7;

export function readState(view: StoreView): StoreState {
  const record = view.get('state', KEY) ?? Buffer.alloc(8 * FIELDS);
  return {
    revision: record.readDoubleBE(0),
    bytes: record.readDoubleBE(8),
    markedAt: record.readDoubleBE(16),
    youngMarks: record.readDoubleBE(24),
    rotatedAtWallMs: record.readDoubleBE(32),
    marksFrom: record.readDoubleBE(40),
    youngMarksFrom: record.readDoubleBE(48),
  };
}

export function writeState(writer: StoreWriter, state: Readonly<StoreState>): void {
  const record = Buffer.allocUnsafe(8 * FIELDS);
  record.writeDoubleBE(state.revision, 0);
  record.writeDoubleBE(state.bytes, 8);
  record.writeDoubleBE(state.markedAt, 16);
  record.writeDoubleBE(state.youngMarks, 24);
  record.writeDoubleBE(state.rotatedAtWallMs, 32);
  record.writeDoubleBE(state.marksFrom, 40);
  record.writeDoubleBE(state.youngMarksFrom, 48);
  writer.put('state', KEY, record);
}
