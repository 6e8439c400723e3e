import { readExtendedJson, writeExtendedJson } from './extended-json.js';
import { copyBytes } from './value-kinds.js';
import { scan } from './value-scan.js';
import { NO_TYPES, type ValueTypes } from '../vocabulary/value-types.js';

/*
 * A value without its entry as bytes: the number of the codec, then its output. See docs/values.md.
 */

/** The number of the codec that wrote the value. Part of the format: a number never gets a second meaning. */
const VALUE_CODEC = { bytes: 0, text: 1, json: 2, extendedJson: 3 } as const;
const TEXT_LENGTH_BYTES = 4;

/** A value that is ready to be written. Its length is known before the bytes are allocated. */
export interface EncodedValue {
  readonly byteLength: number;
  readonly codec: (typeof VALUE_CODEC)[keyof typeof VALUE_CODEC];
  readonly text: string;
  readonly blobs: readonly Uint8Array[];
}

/** @throws CacheSerializationError that names the path inside the value */
export function prepareValue(value: unknown, types: ValueTypes): EncodedValue {
  if (typeof value === 'string' && value.isWellFormed()) return textual(VALUE_CODEC.text, value);
  const found = scan(value, types);
  if (Buffer.isBuffer(value))
    return { byteLength: 1 + value.length, codec: VALUE_CODEC.bytes, text: '', blobs: [value] };
  if (found.isJson) return textual(VALUE_CODEC.json, JSON.stringify(value));
  const { text, blobs } = writeExtendedJson(value, found, types);
  const byteLength =
    1 + TEXT_LENGTH_BYTES + Buffer.byteLength(text) + blobs.reduce((sum, blob) => sum + blob.length, 0);
  return { byteLength, codec: VALUE_CODEC.extendedJson, text, blobs };
}

/** Writes `value` to `bytes`, which must have room for its `byteLength` from `start`. */
export function writeValue(value: EncodedValue, bytes: Buffer, start: number): void {
  bytes[start] = value.codec;
  const textStart = start + 1 + (value.codec === VALUE_CODEC.extendedJson ? TEXT_LENGTH_BYTES : 0);
  let end = textStart + bytes.write(value.text, textStart);
  if (value.codec === VALUE_CODEC.extendedJson) bytes.writeUInt32LE(end - textStart, start + 1);
  for (const blob of value.blobs) {
    bytes.set(blob, end);
    end += blob.length;
  }
}

/**
 * Reads the value between `start` and `end`. It shares no memory with `bytes`.
 * @throws where `writeValue` did not write these bytes, and where `types` cannot make an instance in the value
 */
export function readValue(bytes: Buffer, start: number, end: number, types: ValueTypes): unknown {
  switch (start < end ? bytes[start] : undefined) {
    case VALUE_CODEC.json:
      return JSON.parse(bytes.toString('utf8', start + 1, end));
    case VALUE_CODEC.text:
      return bytes.toString('utf8', start + 1, end);
    case VALUE_CODEC.bytes:
      return Buffer.from(copyBytes(bytes.subarray(start + 1, end)));
    case VALUE_CODEC.extendedJson: {
      const textStart = start + 1 + TEXT_LENGTH_BYTES;
      const textEnd = textStart + bytes.readUInt32LE(start + 1);
      return readExtendedJson(
        bytes.toString('utf8', textStart, Math.min(textEnd, end)),
        bytes.subarray(textEnd, end),
        types,
      );
    }
    default:
      throw new TypeError('There is no such codec.');
  }
}

/**
 * Encodes a value without a checksum.
 * @param types those of `CacheAdapterContext`; their instances may be in the value
 * @throws CacheSerializationError that names the path inside the value
 */
export function encodeValue(value: unknown, types: ValueTypes = NO_TYPES): Buffer {
  return toBytes(prepareValue(value, types));
}

export function toBytes(value: EncodedValue): Buffer {
  const bytes = Buffer.allocUnsafe(value.byteLength);
  writeValue(value, bytes, 0);
  return bytes;
}

/**
 * Decodes the bytes of `encodeValue`; `undefined` when they cannot be read. The value shares no memory with `bytes`.
 * Never throws.
 */
export function decodeValue(bytes: Buffer, types: ValueTypes = NO_TYPES): { readonly value: unknown } | undefined {
  try {
    return { value: readValue(bytes, 0, bytes.length, types) };
  } catch (error) {
    types.unreadable(error);
    return undefined;
  }
}

function textual(codec: EncodedValue['codec'], text: string): EncodedValue {
  return { byteLength: 1 + Buffer.byteLength(text), codec, text, blobs: NO_BLOBS };
}

const NO_BLOBS: readonly Uint8Array[] = [];
