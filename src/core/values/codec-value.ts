/** How a value alone becomes bytes: the codec's number, then what it wrote. See docs/values.md. */
import { readExtendedJson, writeExtendedJson } from './extended-json.js';
import { copyBytes } from './value-kinds.js';
import { scan } from './value-scan.js';
import { NO_TYPES, type ValueTypes } from '../vocabulary/value-types.js';

/** How the value after it is written. Part of the format: a number is never given a second meaning. */
const VALUE_CODEC = { bytes: 0, text: 1, json: 2, extendedJson: 3 } as const;
const TEXT_LENGTH_BYTES = 4;

/** A value that only has to be written: how long it is can be known before there are bytes to write it to. */
export interface EncodedValue {
  readonly byteLength: number;
  readonly codec: (typeof VALUE_CODEC)[keyof typeof VALUE_CODEC];
  readonly text: string;
  readonly blobs: readonly Uint8Array[];
}

/** @throws CacheSerializationError naming the path inside the value */
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

/** Writes `value` to `bytes`, which have room for its `byteLength` from `start` on. */
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
 * The value between `start` and `end`, sharing no memory with `bytes`.
 * @throws where the bytes are not what `writeValue` wrote, and where `types` cannot make an instance of it
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
 * The value alone, without a checksum.
 * @param types those of `CacheAdapterContext`, whose instances may be in the value
 * @throws CacheSerializationError naming the path inside the value
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
 * What `encodeValue` was given, sharing no memory with `bytes`; `undefined` where they cannot be read. Never throws.
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
