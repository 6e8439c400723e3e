/** `nestjs-cache-kit/file`: the file backend for people who compose by hand. Needs `lmdb` 3. */
import { type FileOptions, readFileOptions } from './adapters/file/file-options.js';
import { loadFileBackend } from './adapters/file/load-file-backend.js';
import type { CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import { createEntryCodec } from './core/values/codec.js';
import {
  type CompressionOptions,
  type EncryptionOptions,
  readCompression,
  readEncryption,
} from './core/values/sealing/sealing-options.js';

export interface FileAdapterOptions extends FileOptions {
  /** @default none */
  compression?: CompressionOptions;
  /** @default none */
  encryption?: EncryptionOptions;
}

/**
 * Makes the adapter of `backend: 'file'`, for `CacheKitOptions.adapter`. Set `singleFlight: 'cluster'` beside it where
 * all processes of the machine together should load a key once.
 * @throws CacheConfigError naming the option that is wrong
 */
export function fileAdapter({ compression, encryption, ...file }: FileAdapterOptions = {}): CacheAdapterFactory {
  const resolved = readFileOptions(file);
  const sealing = { compression: readCompression(compression), encryption: readEncryption(encryption) };
  return async (context) => {
    const { openFileAdapter } = await loadFileBackend();
    return openFileAdapter(resolved, createEntryCodec({ ...sealing, types: context.types }), context);
  };
}

export type { FileOptions } from './adapters/file/file-options.js';
export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/values/sealing/sealing-options.js';
