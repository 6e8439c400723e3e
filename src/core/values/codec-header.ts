/*
 * The unencrypted beginning of an entry: marker, version, flags and the header. See docs/values.md.
 */

/** The properties of an entry without its value. */
export interface EntryHeader {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly tags: readonly string[];
  /** The time of storing, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /** `Infinity` for no expiry. */
  readonly ttlMs: number;
  /** The time after the TTL for which it is kept; `Infinity` for no expiry. */
  readonly staleMs: number;
  readonly loadMs: number;
}

/** The entry that a reader asked for. */
export type EnvelopeId = Pick<EntryHeader, 'key' | 'namespace'>;

export const PRELUDE_BYTES = 8;

/** The processing of the value after its encoding. Part of the format: a bit never gets a second meaning. */
export const FLAG = { compressed: 1, encrypted: 2 } as const;

const MARKER = [0xca, 0xc4] as const;
const VERSION = 1;
const KNOWN_FLAGS = FLAG.compressed | FLAG.encrypted;

/**
 * The end of the header, where the value begins, from the first 8 bytes alone; 0 when they do not begin an entry that
 * this version can read. The result may be greater than the length of `bytes`.
 */
export function headerEnd(bytes: Buffer): number {
  return isPrelude(bytes) ? PRELUDE_BYTES + bytes.readUInt32LE(4) : 0;
}

/**
 * Reads the header from at least the first `headerEnd` bytes of an entry; `undefined` when there are fewer bytes, or no
 * header. Checks neither checksum nor seal: use it to list, count or delete an entry, not to serve it. Never throws.
 */
export function readEntryHeader(bytes: Buffer): EntryHeader | undefined {
  const end = headerEnd(bytes);
  return end > 0 && end <= bytes.length ? parseHeader(bytes, end) : undefined;
}

/** The header as JSON. A time of `Infinity` is written as null. */
export function formatHeader({ key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs }: EntryHeader): string {
  return JSON.stringify([key, namespace ?? null, tags, createdAtMs, ttlMs, staleMs, loadMs]);
}

/** The common beginning of all headers with this key, this namespace and these tags. */
export function headerBeginning({ key, namespace, tags }: Pick<EntryHeader, 'key' | 'namespace' | 'tags'>): string {
  return `${JSON.stringify([key, namespace ?? null, tags]).slice(0, -1)},`;
}

/** Allocates the bytes of an entry, and writes everything before the value. */
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

/** Reads the header that ends at `end`; `undefined` when it is not valid. */
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
  // By index: destructuring the array would run its iterator, which costs more than the rest of this function.
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
