/**
 * The one format of everything that leaves the process. Laid out byte by byte in docs/values.md.
 *
 * An entry is marker, version, flags, header, value and checksum. The checksum makes a corrupt entry a miss rather than
 * somebody's wrong value; the key in the header makes a collision of hashed keys one. A reader that meets a version or a
 * flag that it does not know treats the entry as absent, so that a deployment may run two versions side by side.
 */
import { crc32 } from 'node:zlib';
import { readExtendedJson, writeExtendedJson } from './extended-json.js';
import { scan } from './value-scan.js';

/** An entry on its way to or from another process. */
export interface Envelope {
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
  readonly value: unknown;
}

/** What a reader asked for. */
export type EnvelopeId = Pick<Envelope, 'key' | 'namespace'>;

const MARKER = 0xca_c4;
const VERSION = 1;
/** None is known yet. */
const FLAGS = 0;
const PRELUDE_BYTES = 8;
const CHECKSUM_BYTES = 4;

/** How the value after it is written. Part of the format: a number is never given a second meaning. */
const VALUE_CODEC = { bytes: 0, text: 1, json: 2, extendedJson: 3 } as const;

/** @throws CacheSerializationError naming the path inside the value */
export function encodeEntry(entry: Envelope): Buffer {
  const header = Buffer.from(JSON.stringify(headerOf(entry)));
  const prelude = Buffer.allocUnsafe(PRELUDE_BYTES);
  prelude.writeUInt16BE(MARKER, 0);
  prelude.writeUInt8(VERSION, 2);
  prelude.writeUInt8(FLAGS, 3);
  prelude.writeUInt32LE(header.length, 4);
  const bytes = Buffer.concat([prelude, header, ...valueParts(entry.value), Buffer.allocUnsafe(CHECKSUM_BYTES)]);
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

/**
 * The entry, or `undefined` where the bytes are corrupt, truncated, of another version, or of another entry than `id`.
 * Never throws. A Buffer in the value is a view on `bytes`: hand over the bytes, or copy them first.
 */
export function decodeEntry(bytes: Buffer, id?: EnvelopeId): Envelope | undefined {
  const valueStart = checkedValueStart(bytes);
  if (valueStart === undefined) return undefined;
  try {
    const header = readHeader(JSON.parse(bytes.toString('utf8', PRELUDE_BYTES, valueStart)));
    if (header === undefined || (id !== undefined && !isSameEntry(header, id))) return undefined;
    return { ...header, value: readValue(bytes.subarray(valueStart, -CHECKSUM_BYTES)) };
  } catch {
    return undefined;
  }
}

/** The value alone, without a checksum. @throws CacheSerializationError naming the path inside the value */
export function encodeValue(value: unknown): Buffer {
  return Buffer.concat(valueParts(value));
}

/** What `encodeValue` was given, or `undefined` where the bytes cannot be read. Never throws. As for views: `decodeEntry`. */
export function decodeValue(bytes: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: readValue(bytes) };
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

/** JSON writes `Infinity` as null, and null is read as `Infinity`. */
function headerOf({ key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs }: Envelope): Header {
  return [key, namespace ?? null, tags, createdAtMs, ttlMs, staleMs, loadMs];
}

function readHeader(json: unknown): Omit<Envelope, 'value'> | undefined {
  if (!isHeader(json)) return undefined;
  const [key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs] = json;
  return { key, namespace: namespace ?? undefined, tags, createdAtMs, ttlMs: ttlMs ?? Infinity, staleMs: staleMs ?? Infinity, loadMs };
}

function isHeader(json: unknown): json is Header {
  if (!Array.isArray(json)) return false;
  const [key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs] = json as unknown[];
  return (
    typeof key === 'string' &&
    (namespace === null || typeof namespace === 'string') &&
    Array.isArray(tags) &&
    tags.every((tag) => typeof tag === 'string') &&
    typeof createdAtMs === 'number' &&
    (ttlMs === null || typeof ttlMs === 'number') &&
    (staleMs === null || typeof staleMs === 'number') &&
    typeof loadMs === 'number'
  );
}

function isSameEntry(header: EnvelopeId, id: EnvelopeId): boolean {
  return header.key === id.key && header.namespace === id.namespace;
}

/** Where the value begins, once everything that can be told without parsing is known to be right. */
function checkedValueStart(bytes: Buffer): number | undefined {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < PRELUDE_BYTES) return undefined;
  if (bytes.readUInt16BE(0) !== MARKER || bytes[2] !== VERSION || bytes[3] !== FLAGS) return undefined;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  return PRELUDE_BYTES + bytes.readUInt32LE(4);
}

function valueParts(value: unknown): Uint8Array[] {
  if (typeof value === 'string' && value.isWellFormed()) return [Buffer.of(VALUE_CODEC.text), Buffer.from(value)];
  const found = scan(value);
  if (Buffer.isBuffer(value)) return [Buffer.of(VALUE_CODEC.bytes), value];
  if (found.isJson) return [Buffer.of(VALUE_CODEC.json), Buffer.from(JSON.stringify(value))];
  const { text, blobs } = writeExtendedJson(value, found);
  const utf8 = Buffer.from(text);
  const start = Buffer.allocUnsafe(5);
  start.writeUInt8(VALUE_CODEC.extendedJson, 0);
  start.writeUInt32LE(utf8.length, 1);
  return [start, utf8, ...blobs];
}

/** @throws where the bytes are not what `valueParts` made */
function readValue(bytes: Buffer): unknown {
  switch (bytes[0]) {
    case VALUE_CODEC.bytes:
      return bytes.subarray(1);
    case VALUE_CODEC.text:
      return bytes.toString('utf8', 1);
    case VALUE_CODEC.json:
      return JSON.parse(bytes.toString('utf8', 1));
    case VALUE_CODEC.extendedJson: {
      const textEnd = 5 + bytes.readUInt32LE(1);
      return readExtendedJson(bytes.toString('utf8', 5, textEnd), bytes.subarray(textEnd));
    }
    default:
      throw new TypeError(`There is no codec ${bytes[0] ?? 'in an empty value'}.`);
  }
}
