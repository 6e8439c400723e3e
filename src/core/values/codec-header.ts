/** What stands in clear at the beginning of an entry: marker, version, flags and the header. See docs/values.md. */

/** What is told of an entry besides its value. */
export interface EntryHeader {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
  /** When it was stored, as milliseconds since 1970. */
  readonly createdAtMs: number;
  /** `Infinity` for ever. */
  readonly ttlMs: number;
  /** How long beyond the TTL it is kept; `Infinity` for ever. */
  readonly staleMs: number;
  readonly loadMs: number;
}

/** What a reader asked for. */
export type EnvelopeId = Pick<EntryHeader, 'key' | 'namespace'>;

export const PRELUDE_BYTES = 8;

/** What was done to the value after it was encoded. Part of the format: a bit is never given a second meaning. */
export const FLAG = { compressed: 1, encrypted: 2 } as const;

const MARKER = [0xca, 0xc4] as const;
const VERSION = 1;
const KNOWN_FLAGS = FLAG.compressed | FLAG.encrypted;

/**
 * Where the header of an entry ends and its value begins, told by the first 8 bytes alone; 0 where they do not begin an
 * entry that this version reads. The bytes may well end before.
 */
export function headerEnd(bytes: Buffer): number {
  return isPrelude(bytes) ? PRELUDE_BYTES + bytes.readUInt32LE(4) : 0;
}

/**
 * The header of an entry of which at least the first `headerEnd` bytes are given; `undefined` where they are fewer, or
 * no header. Checks no checksum and no seal: enough to list, to count or to drop an entry, not to serve it. Never
 * throws.
 */
export function readEntryHeader(bytes: Buffer): EntryHeader | undefined {
  const end = headerEnd(bytes);
  return end > 0 && end <= bytes.length ? parseHeader(bytes, end) : undefined;
}

/** The header's JSON, in which a time of `Infinity` is null. */
export function formatHeader({ key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs }: EntryHeader): string {
  return JSON.stringify([key, namespace ?? null, tags, createdAtMs, ttlMs, staleMs, loadMs]);
}

/** What the headers of all entries begin with that have the same key, namespace and tags. */
export function headerBeginning({ key, namespace, tags }: Pick<EntryHeader, 'key' | 'namespace' | 'tags'>): string {
  return `${JSON.stringify([key, namespace ?? null, tags]).slice(0, -1)},`;
}

/** Bytes for a whole entry, in which all up to the value is written. */
export function beginEntry(header: string, flags: number, bytesAfterHeader: number): Buffer {
  const headerBytes = Buffer.byteLength(header);
  const bytes = Buffer.allocUnsafe(PRELUDE_BYTES + headerBytes + bytesAfterHeader);
  bytes[0] = MARKER[0];
  bytes[1] = MARKER[1];
  bytes[2] = VERSION;
  bytes[3] = flags;
  bytes.writeUInt32LE(headerBytes, 4);
  bytes.write(header, PRELUDE_BYTES);
  return bytes;
}

/** The header that ends at `end`, or `undefined` where it is none. */
export function parseHeader(bytes: Buffer, end: number): EntryHeader | undefined {
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8', PRELUDE_BYTES, end));
    return isHeader(header) ? named(header) : undefined;
  } catch {
    return undefined;
  }
}

type Header = readonly [
  key: string,
  namespace: string | null,
  tags: readonly string[],
  createdAtMs: number,
  ttlMs: number | null,
  staleMs: number | null,
  loadMs: number,
];

function named(header: Header): EntryHeader {
  // By index: taking an array apart by a pattern runs its iterator, which costs more than the rest of this function.
  return {
    key: header[0],
    namespace: header[1] ?? undefined,
    tags: header[2],
    createdAtMs: header[3],
    ttlMs: header[4] ?? Infinity,
    staleMs: header[5] ?? Infinity,
    loadMs: header[6],
  };
}

function isHeader(json: unknown): json is Header {
  if (!Array.isArray(json)) return false;
  const header = json as unknown[];
  return (
    typeof header[0] === 'string' &&
    (header[1] === null || typeof header[1] === 'string') &&
    Array.isArray(header[2]) &&
    header[2].every(isString) &&
    typeof header[3] === 'number' &&
    isTime(header[4]) &&
    isTime(header[5]) &&
    typeof header[6] === 'number'
  );
}

function isString(json: unknown): boolean {
  return typeof json === 'string';
}

function isTime(json: unknown): boolean {
  return json === null || typeof json === 'number';
}

function isPrelude(bytes: Buffer): boolean {
  return (
    bytes.length >= PRELUDE_BYTES &&
    bytes[0] === MARKER[0] &&
    bytes[1] === MARKER[1] &&
    bytes[2] === VERSION &&
    ((bytes[3] as number) & ~KNOWN_FLAGS) === 0
  );
}
