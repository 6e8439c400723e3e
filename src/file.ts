/** `nestjs-cache-kit/file`: the file backend for the option `adapter`. Needs `lmdb` 3. */
import { type FileOptions, readFileOptions } from './adapters/file/file-options.js';
import { loadFileBackend } from './adapters/file/load-file-backend.js';
import type { CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import { createEntryCodec } from './core/values/codec.js';
import { readSealing, type SealingOptions } from './core/values/sealing/sealing-options.js';

/** The options of `fileAdapter`. */
export interface FileAdapterOptions extends FileOptions, SealingOptions {}

/**
 * Makes the adapter of `backend: 'file'`, for `CacheKitOptions.adapter`. Set `singleFlight: 'cluster'` beside it where
 * a key must load once for all processes of the machine together.
 * @throws CacheConfigError that names the wrong option
 */
export function fileAdapter({ compression, encryption, ...file }: FileAdapterOptions = {}): CacheAdapterFactory {
  const resolved = readFileOptions(file);
  const sealing = readSealing({ compression, encryption });
  return async (context) => {
    const { openFileAdapter } = await loadFileBackend();
    return openFileAdapter(resolved, createEntryCodec({ ...sealing, types: context.types }), context);
  };
}

export type { FileOptions } from './adapters/file/file-options.js';
export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/values/sealing/sealing-options.js';
