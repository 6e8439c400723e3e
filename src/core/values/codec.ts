import { crc32 } from 'node:zlib';
import {
  beginEntry,
  FLAG,
  formatHeader,
  headerEnd,
  parseHeader,
  type EntryHeader,
  type EnvelopeId,
} from './codec-header.js';
import { prepareValue, readValue, toBytes, writeValue, type EncodedValue } from './codec-value.js';
import type { Awaitable } from '../ports/cache-adapter.port.js';
import { compress, decompress, type ResolvedCompression } from './sealing/sealing-compression.js';
import { createSealer, type ResolvedEncryption, type Sealer } from './sealing/sealing-encryption.js';
import { NO_TYPES, type ValueTypes } from '../vocabulary/value-types.js';

/*
 * The format of all entries outside of the process; docs/values.md describes every byte.
 *
 * An entry is marker, version, flags, header, value and checksum. The checksum turns a corrupt entry into a miss
 * instead of a wrong value. The key in the header does the same for a collision of hashed keys. A reader treats an
 * entry with an unknown version or flag as absent, so that two versions of the kit can run side by side during a
 * deployment.
 *
 * Only the value is compressed, and then encrypted: an operator of the store can see its keys, tags and expiry times.
 */

export { headerEnd, readEntryHeader } from './codec-header.js';
export type { EntryHeader, EnvelopeId } from './codec-header.js';
export { decodeValue, encodeValue } from './codec-value.js';

/** An entry on its way to or from another process. */
export interface Envelope extends EntryHeader {
  readonly value: unknown;
}

/** An entry whose value is decoded for each caller. */
export interface OpenEnvelope {
  readonly header: EntryHeader;
  /**
   * Returns a new value, which shares nothing with the values of other calls. Throws only when a `from` of `types`
   * fails that succeeded before.
   */
  value(): unknown;
}

/**
 * Makes and reads the bytes of entries. Returns a promise only for large compressed values, which are handled off the
 * event loop.
 */
export interface EntryCodec {
  /**
   * Encodes an entry. Reads the value before it returns, so the caller may change the value afterwards.
   * @throws CacheSerializationError that names the path inside the value
   */
  encode(entry: Envelope): Awaitable<Buffer>;
  /**
   * Opens an entry; `undefined` when the bytes are corrupt, truncated, of another version, of another entry than `id`,
   * sealed with an unknown key, or not encrypted although `encryption` is set. Never throws or rejects. Keeps a
   * reference to `bytes`.
   * @param header the header of these bytes if it was read before, so that it is not read again
   */
  open(bytes: Buffer, id?: EnvelopeId, header?: EntryHeader): Awaitable<OpenEnvelope | undefined>;
}

const CHECKSUM_BYTES = 4;
/** The CRC-32 of any bytes that are followed by their own CRC-32. */
const CHECKSUM_OF_CHECKED = 0x2144df1c;

/**
 * Makes a codec. It reads compressed values also without `compression`.
 * @param options `types` are those of `CacheAdapterContext`: without them instances are refused, and entries that
 * contain some cannot be read
 */
export function createEntryCodec({
  compression,
  encryption,
  types = NO_TYPES,
}: {
  readonly compression?: ResolvedCompression | undefined;
  readonly encryption?: ResolvedEncryption | undefined;
  readonly types?: ValueTypes | undefined;
}): EntryCodec {
  const sealer = encryption && createSealer(encryption);
  const thresholdBytes = compression?.thresholdBytes ?? Infinity;

  return {
    encode(entry) {
      const value = prepareValue(entry.value, types);
      const header = formatHeader(entry);
      if (value.byteLength > thresholdBytes && compression !== undefined)
        return encodeCompressed(header, toBytes(value), { compression, sealer });
      return sealer === undefined ? writePlain(header, value) : writeWhole(header, 0, { body: toBytes(value), sealer });
    },
    open(bytes, id, header) {
      const flags = bytes[3] as number;
      return flags === 0 && sealer === undefined
        ? openPlain(bytes, types, id, header)
        : openSealed(bytes, { sealer, types }, id, header);
    },
  };
}

/**
 * Encodes an entry without compression or encryption.
 * @param types those of `CacheAdapterContext`; their instances may be in the value
 * @throws CacheSerializationError that names the path inside the value
 */
export function encodeEntry(entry: Envelope, types: ValueTypes = NO_TYPES): Buffer {
  return writePlain(formatHeader(entry), prepareValue(entry.value, types));
}

/** Decodes an entry; `undefined` as for `EntryCodec.open`, and when it is compressed or encrypted. Never throws. */
export function decodeEntry(bytes: Buffer, id?: EnvelopeId, types: ValueTypes = NO_TYPES): Envelope | undefined {
  const entry = bytes[3] === 0 ? openPlain(bytes, types, id) : undefined;
  return entry && { ...entry.header, value: entry.value() };
}

function openPlain(
  bytes: Buffer,
  types: ValueTypes,
  id: EnvelopeId | undefined,
  known?: EntryHeader,
): OpenEnvelope | undefined {
  const start = valueStart(bytes);
  const header = start > 0 ? (known ?? matchingHeader(bytes, start, id)) : undefined;
  return header && opened(header, types, bytes, start, bytes.length - CHECKSUM_BYTES);
}

interface Opening {
  readonly sealer: Sealer | undefined;
  readonly types: ValueTypes;
}

function openSealed(
  bytes: Buffer,
  { sealer, types }: Opening,
  id: EnvelopeId | undefined,
  known: EntryHeader | undefined,
): Awaitable<OpenEnvelope | undefined> {
  const start = valueStart(bytes);
  const flags = bytes[3] as number;
  const isEncrypted = (flags & FLAG.encrypted) !== 0;
  // With keys, an unencrypted entry is refused too: anybody who can write to the store could have made it.
  if (start === 0 || isEncrypted !== (sealer !== undefined)) return undefined;
  const header = known ?? matchingHeader(bytes, start, id);
  if (header === undefined) return undefined;
  const end = bytes.length - CHECKSUM_BYTES;
  const value = sealer === undefined ? bytes.subarray(start, end) : sealer.unseal(bytes, start, end);
  if (value === undefined || (flags & FLAG.compressed) === 0) return openedWhole(header, types, value);
  const unpacked = decompress(value);
  return unpacked instanceof Promise
    ? unpacked.then((whole) => openedWhole(header, types, whole))
    : openedWhole(header, types, unpacked);
}

/** The start of the value if all checks without parsing succeed; 0 otherwise. */
function valueStart(bytes: Buffer): number {
  const start = headerEnd(bytes);
  return start < bytes.length - CHECKSUM_BYTES && crc32(bytes) === CHECKSUM_OF_CHECKED ? start : 0;
}

function matchingHeader(bytes: Buffer, end: number, id: EnvelopeId | undefined): EntryHeader | undefined {
  const header = parseHeader(bytes, end);
  if (header === undefined || id === undefined) return header;
  return header.key === id.key && header.namespace === id.namespace ? header : undefined;
}

function openedWhole(header: EntryHeader, types: ValueTypes, value: Buffer | undefined): OpenEnvelope | undefined {
  return value && opened(header, types, value, 0, value.length);
}

/** Decodes the value now, so that a value that cannot be decoded is a miss. */
function opened(
  header: EntryHeader,
  types: ValueTypes,
  bytes: Buffer,
  start: number,
  end: number,
): OpenEnvelope | undefined {
  const decode = (): unknown => readValue(bytes, start, end, types);
  try {
    return new Opened(header, decode(), decode);
  } catch (error) {
    types.unreadable(error);
    return undefined;
  }
}

/** The first caller gets the value that is decoded already; each other caller gets a new one. */
class Opened implements OpenEnvelope {
  #isTaken = false;
  #first: unknown;
  readonly #decode: () => unknown;

  constructor(
    readonly header: EntryHeader,
    first: unknown,
    decode: () => unknown,
  ) {
    this.#first = first;
    this.#decode = decode;
  }

  value(): unknown {
    if (this.#isTaken) return this.#decode();
    this.#isTaken = true;
    const first = this.#first;
    this.#first = undefined;
    return first;
  }
}

interface Sealing {
  readonly compression: ResolvedCompression;
  readonly sealer: Sealer | undefined;
}

/** Stores the compressed value only if it is smaller. */
function encodeCompressed(header: string, value: Buffer, { compression, sealer }: Sealing): Awaitable<Buffer> {
  const finish = (packed: Buffer | undefined): Buffer =>
    packed === undefined
      ? writeWhole(header, 0, { body: value, sealer })
      : writeWhole(header, FLAG.compressed, { body: packed, sealer });
  const packed = compress(value, compression);
  return packed instanceof Promise ? packed.then(finish) : finish(packed);
}

function writePlain(header: string, value: EncodedValue): Buffer {
  const bytes = beginEntry(header, 0, value.byteLength + CHECKSUM_BYTES);
  writeValue(value, bytes, headerEnd(bytes));
  return checked(bytes);
}

function writeWhole(
  header: string,
  flags: number,
  { body, sealer }: { body: Buffer; sealer: Sealer | undefined },
): Buffer {
  const isPlain = sealer === undefined;
  const bodyBytes = body.length + (isPlain ? 0 : sealer.overheadBytes);
  const bytes = beginEntry(header, isPlain ? flags : flags | FLAG.encrypted, bodyBytes + CHECKSUM_BYTES);
  if (isPlain) bytes.set(body, headerEnd(bytes));
  else sealer.seal(body, bytes, headerEnd(bytes));
  return checked(bytes);
}

function checked(bytes: Buffer): Buffer {
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}
