import * as zlib from 'node:zlib';
import type { Awaitable } from '../../ports/cache-adapter.port.js';

/*
 * A compressed value: the number of the algorithm (1 byte), the length before compression (4 bytes, little-endian), and
 * the compressed bytes.
 */

export type CompressionAlgorithm = 'br' | 'gzip' | 'zstd';

/** `CompressionOptions`, read once. */
export interface ResolvedCompression {
  readonly algorithm: CompressionAlgorithm;
  readonly thresholdBytes: number;
}

interface Coder {
  readonly inPlace: (bytes: Buffer, options: object) => Buffer;
  readonly offLoop: (bytes: Buffer, options: object, done: (error: Error | null, result: Buffer) => void) => void;
}

interface Algorithm {
  /** Part of the format: a number never gets a second meaning. */
  readonly id: number;
  readonly level: object;
  readonly encoder: Coder;
  readonly decoder: Coder;
}

const PREFIX_BYTES = 5;
/** Longest value that is compressed, in bytes before compression. A longer length in stored bytes is refused. */
const MAX_ORIGINAL_BYTES = 64 * 1024 * 1024;
/**
 * Largest sizes that are handled on the event loop: about 0.15 ms of work. Larger ones go to the threads of libuv,
 * which costs 0.05 ms.
 */
const MAX_IN_PLACE = { compress: 16 * 1024, decompress: 64 * 1024 } as const;
const MIN_CHUNK_BYTES = 64;
const MAX_CHUNK_BYTES = 1024 * 1024;

const ALGORITHMS: Readonly<Record<CompressionAlgorithm, Algorithm | undefined>> = {
  gzip: {
    id: 1,
    level: { level: 1 },
    encoder: { inPlace: zlib.gzipSync, offLoop: zlib.gzip },
    decoder: { inPlace: zlib.gunzipSync, offLoop: zlib.gunzip },
  },
  br: {
    id: 2,
    level: { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } },
    encoder: { inPlace: zlib.brotliCompressSync, offLoop: zlib.brotliCompress },
    decoder: { inPlace: zlib.brotliDecompressSync, offLoop: zlib.brotliDecompress },
  },
  zstd: zstdOf(zlib as unknown as Partial<ZstdOfNode>),
};
const ALGORITHM_OF_ID = new Map(Object.values(ALGORITHMS).map((algorithm) => [algorithm?.id, algorithm]));

/** True when this version of Node has the algorithm. */
export function hasAlgorithm(name: CompressionAlgorithm): boolean {
  return ALGORITHMS[name] !== undefined;
}

/** Compresses a value; `undefined` when the result is not smaller, or on failure. Never throws or rejects. */
export function compress(value: Buffer, { algorithm: name }: ResolvedCompression): Awaitable<Buffer | undefined> {
  const algorithm = ALGORITHMS[name];
  if (algorithm === undefined || value.length > MAX_ORIGINAL_BYTES) return undefined;
  const isInPlace = value.length <= MAX_IN_PLACE.compress;
  try {
    const packed = run(algorithm.encoder, value, { options: algorithm.level, isInPlace });
    return packed instanceof Promise
      ? packed.then((bytes) => prefixed(bytes, value, algorithm), nothing)
      : prefixed(packed, value, algorithm);
  } catch {
    return undefined;
  }
}

/** Restores the value; `undefined` when the bytes are not valid, or their length is wrong. Never throws or rejects. */
export function decompress(packed: Buffer): Awaitable<Buffer | undefined> {
  const algorithm = ALGORITHM_OF_ID.get(packed[0]);
  if (algorithm === undefined || packed.length <= PREFIX_BYTES) return undefined;
  const length = packed.readUInt32LE(1);
  if (length === 0 || length > MAX_ORIGINAL_BYTES) return undefined;
  // One byte more than needed: the output then fits into a single chunk, which saves a copy.
  const chunkSize = Math.min(Math.max(length + 1, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  const options = { maxOutputLength: length, chunkSize };
  try {
    const value = run(algorithm.decoder, packed.subarray(PREFIX_BYTES), {
      options,
      isInPlace: length <= MAX_IN_PLACE.decompress,
    });
    return value instanceof Promise ? value.then((bytes) => ofLength(bytes, length), nothing) : ofLength(value, length);
  } catch {
    return undefined;
  }
}

function run(
  { inPlace, offLoop }: Coder,
  bytes: Buffer,
  { options, isInPlace }: { options: object; isInPlace: boolean },
): Awaitable<Buffer> {
  if (isInPlace) return inPlace(bytes, options);
  return new Promise((resolve, reject) => {
    offLoop(bytes, options, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

function prefixed(packed: Buffer, value: Buffer, { id }: Algorithm): Buffer | undefined {
  if (PREFIX_BYTES + packed.length >= value.length) return undefined;
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + packed.length);
  bytes[0] = id;
  bytes.writeUInt32LE(value.length, 1);
  bytes.set(packed, PREFIX_BYTES);
  return bytes;
}

function ofLength(bytes: Buffer, length: number): Buffer | undefined {
  return bytes.length === length ? bytes : undefined;
}

function nothing(): undefined {
  return undefined;
}

/** The members of `node:zlib` from Node 22.15 and 23.8 on, which the types of Node 20 lack. */
interface ZstdOfNode {
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
  readonly zstdCompressSync: Coder['inPlace'];
  readonly zstdCompress: Coder['offLoop'];
  readonly zstdDecompressSync: Coder['inPlace'];
  readonly zstdDecompress: Coder['offLoop'];
}

function zstdOf({
  constants,
  zstdCompressSync,
  zstdCompress,
  zstdDecompressSync,
  zstdDecompress,
}: Partial<ZstdOfNode>): Algorithm | undefined {
  if (constants === undefined || !zstdCompressSync || !zstdCompress || !zstdDecompressSync || !zstdDecompress)
    return undefined;
  return {
    id: 3,
    level: { params: { [constants.ZSTD_c_compressionLevel]: 1 } },
    encoder: { inPlace: zstdCompressSync, offLoop: zstdCompress },
    decoder: { inPlace: zstdDecompressSync, offLoop: zstdDecompress },
  };
}
