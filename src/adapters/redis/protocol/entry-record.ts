import {
  type EntryHeader,
  headerBeginning,
  headerEnd,
  PRELUDE_BYTES,
  readEntryHeader,
} from '../../../core/values/codec-header.js';
import { MARK_LENGTH } from './generation.js';

/*
 * The bytes under the name of an entry. Everything before the envelope is ASCII of fixed width, because scripts change
 * it in place:
 *
 *    0  kind: V for an entry, S for one that was softly invalidated, L for the placeholder of one that is being loaded
 *    1  lease: - none, x exclusive, s shared, w write
 *    2  1 when a caller waits for the end of the lease, otherwise 0
 *    3  end of the lease, 13 digits (time of the server, in ms)
 *   16  token of the lease, 12 characters                                 end of a placeholder
 *   28  revision, 12 characters, another one at each storing
 *   40  end of freshness, 16 digits (time of the server, in ms): as many as the longest TTL has
 *   56  stale window after it, 16 digits (ms)
 *   72  number of bytes before the value, 7 digits
 *   79  number of marks, 3 digits
 *   82  the marks of its generations (generation.ts), 16 characters each, then the envelope (codec.ts)
 */

const LEASE_LENGTH = 28;
const TIMES_START = { fresh: 40, stale: 56 } as const;
const TIME_DIGITS = 16;
const HEAD_BYTES_START = 72;
const MARK_COUNT_START = 79;
const MARKS_START = 82;
const KIND = { entry: 0x56, softened: 0x53 } as const;
const NO_LEASE = `V-0${'0'.repeat(25)}`;
/** The digits of a time without end. */
const FOREVER_DIGITS = '9'.repeat(TIME_DIGITS);
const FOREVER = Number(FOREVER_DIGITS);
/** Bytes of an entry that nearly always contain its whole head. */
export const USUAL_HEAD_BYTES = 1024;

export interface EntryTimes {
  /** Time of the server; `Infinity` for ever. */
  readonly freshUntilMs: number;
  readonly staleMs: number;
  /** True when the entry was softly invalidated: it is stale, even if the clocks of client and server differ. */
  readonly isSoftened: boolean;
}

/** A stored entry without its value. */
export interface EntryHead extends EntryTimes {
  readonly revision: string;
  readonly marks: string;
  readonly key: string;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
}

/** Makes the bytes that are stored for an entry, without a lease. */
export function entryRecord(
  revision: string,
  times: Omit<EntryTimes, 'isSoftened'>,
  marks: readonly string[],
  envelope: Buffer,
): Buffer {
  const headBytes = MARKS_START + marks.length * MARK_LENGTH + headerEnd(envelope);
  const lengths = String(headBytes).padStart(7, '0') + String(marks.length).padStart(3, '0');
  const fixed = NO_LEASE + revision + digits(times.freshUntilMs) + digits(times.staleMs) + lengths;
  const front = Buffer.from(fixed + marks.join(''), 'latin1');
  return Buffer.concat([front, envelope], front.length + envelope.length);
}

/** True when the bytes are an entry, and not a placeholder or foreign data. */
export function isEntry(bytes: Buffer): boolean {
  // With fewer bytes than the fixed part, the position of the envelope is NaN.
  return (bytes[0] === KIND.entry || bytes[0] === KIND.softened) && bytes.length > envelopeStart(bytes);
}

/** Position of the envelope, in bytes. */
export function envelopeStart(bytes: Buffer): number {
  return MARKS_START + numberAt(bytes, MARK_COUNT_START, MARKS_START) * MARK_LENGTH;
}

export function revisionOf(bytes: Buffer): string {
  return bytes.toString('latin1', LEASE_LENGTH, TIMES_START.fresh);
}

/** The marks of all groups, one after the other. */
export function marksOf(bytes: Buffer): string {
  return bytes.toString('latin1', MARKS_START, envelopeStart(bytes));
}

export function timesOf(bytes: Buffer): EntryTimes {
  return {
    freshUntilMs: timeAt(bytes, TIMES_START.fresh),
    staleMs: timeAt(bytes, TIMES_START.stale),
    isSoftened: bytes[0] === KIND.softened,
  };
}

/** Position of the mark for the group with this index, in bytes. */
export function markPlace(group: number): number {
  return MARKS_START + group * MARK_LENGTH;
}

/** Reads the head of an entry from its first bytes; `undefined` when they are no entry's, or too few. */
export function readHead(bytes: Buffer): EntryHead | undefined {
  if (!isEntry(bytes)) return undefined;
  const header = readEntryHeader(bytes.subarray(envelopeStart(bytes)));
  if (header === undefined) return undefined;
  const { key, namespace, tags } = header;
  return { ...timesOf(bytes), revision: revisionOf(bytes), marks: marksOf(bytes), key, namespace, tags };
}

/** True when a head has the key, namespace and tags of `other`. Much cheaper than `readHead`. */
export function isOfGroupsOf(bytes: Buffer, other: Pick<EntryHeader, 'key' | 'namespace' | 'tags'>): boolean {
  const beginning = headerBeginning(other);
  const start = envelopeStart(bytes) + PRELUDE_BYTES;
  return isEntry(bytes) && bytes.toString('utf8', start, start + Buffer.byteLength(beginning)) === beginning;
}

/** Bytes of the head of an entry. */
export function headBytesOf(bytes: Buffer): number {
  return numberAt(bytes, HEAD_BYTES_START, MARK_COUNT_START);
}

function digits(timeMs: number): string {
  return timeMs >= FOREVER ? FOREVER_DIGITS : String(Math.max(0, Math.ceil(timeMs))).padStart(TIME_DIGITS, '0');
}

function timeAt(bytes: Buffer, start: number): number {
  const time = numberAt(bytes, start, start + TIME_DIGITS);
  return time === FOREVER ? Infinity : time;
}

/** Reads digits as a number, without making a string. */
function numberAt(bytes: Buffer, start: number, end: number): number {
  let number = 0;
  for (let i = start; i < end; i++) number = number * 10 + ((bytes[i] as number) - 0x30);
  return number;
}
