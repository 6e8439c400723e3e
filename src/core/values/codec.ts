/**
 * The one format of everything that leaves the process. Laid out byte by byte in docs/values.md.
 *
 * An entry is marker, version, flags, header, value and checksum. The checksum makes a corrupt entry a miss rather than
 * somebody's wrong value; the key in the header makes a collision of hashed keys one. A reader that meets a version or
 * a flag that it does not know treats the entry as absent, so that a deployment may run two versions side by side.
 *
 * Only the value is compressed, and then encrypted: whoever operates the store can see what is in it, and when it goes.
 */
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

export { headerEnd, readEntryHeader } from './codec-header.js';
export type { EntryHeader, EnvelopeId } from './codec-header.js';
export { decodeValue, encodeValue } from './codec-value.js';

/** An entry on its way to or from another process. */
export interface Envelope extends EntryHeader {
  readonly value: unknown;
}

/** An entry whose value is decoded for whoever asks. */
export interface OpenEnvelope {
  readonly header: EntryHeader;
  /**
   * A value of the caller's own, sharing nothing with that of another call. Throws only where a `from` of `types` fails
   * that did not before.
   */
  value(): unknown;
}

/**
 * Makes and reads the bytes of entries, at once unless a large value is compressed: that is done off the event loop.
 */
export interface EntryCodec {
  /**
   * The bytes of an entry. Takes what it needs of it before it returns.
   * @throws CacheSerializationError naming the path inside the value
   */
  encode(entry: Envelope): Awaitable<Buffer>;
  /**
   * The entry; `undefined` where the bytes are corrupt, truncated, of another version, of another entry than `id`,
   * sealed with a key that is not known, or not encrypted where encryption is asked for. Never throws or rejects. Keeps
   * `bytes`.
   * @param header what is known to stand in these very bytes, from an earlier look at them: it is not read again
   */
  open(bytes: Buffer, id?: EnvelopeId, header?: EntryHeader): Awaitable<OpenEnvelope | undefined>;
}

const CHECKSUM_BYTES = 4;
/** What CRC-32 makes of any bytes that are followed by their own CRC-32. */
const CHECKSUM_OF_CHECKED = 0x2144df1c;

/**
 * @param options what is not given is not written; what is compressed is read all the same. `types` are those of
 * `CacheAdapterContext`: without them instances are refused, and entries that hold some cannot be read
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
 * The bytes of an entry that is neither compressed nor encrypted.
 * @param types those of `CacheAdapterContext`, whose instances may be in the value
 * @throws CacheSerializationError naming the path inside the value
 */
export function encodeEntry(entry: Envelope, types: ValueTypes = NO_TYPES): Buffer {
  return writePlain(formatHeader(entry), prepareValue(entry.value, types));
}

/**
 * What `encodeEntry` was given; `undefined` as for `EntryCodec.open`, and where it is compressed or encrypted. Never
 * throws.
 */
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
  // An entry in clear is refused too once there are keys: anybody who can write to the store could have made it.
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

/** Where the value begins, once everything that can be told without parsing is known to be right; 0 where it is not. */
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

/** Decodes at once, so that what cannot be decoded is a miss. */
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

/** The first caller gets the value that was decoded already, others one of their own. */
class Opened implements OpenEnvelope {
  #isTaken = false;
  #first: unknown;

  constructor(
    readonly header: EntryHeader,
    first: unknown,
    private readonly decode: () => unknown,
  ) {
    this.#first = first;
  }

  value(): unknown {
    if (this.#isTaken) return this.decode();
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

/** Compresses where that makes it smaller. */
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
