import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheAdapterContext } from '../../core/ports/cache-adapter.port.js';
import type { EntryCodec } from '../../core/values/codec.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { FileAdapter } from './file.adapter.js';
import type { ResolvedFileOptions } from './file-options.js';
import { checkFiles } from './store/file-checks.js';
import { LmdbStore } from './store/lmdb-store.js';
import type { OrderedStore } from './store/ordered-store.port.js';

/**
 * Opens the files of a cache, and creates them if they are missing.
 * @throws CacheConfigError where they cannot be opened
 */
export function openFileAdapter(
  { directory, maxBytes, isDurable }: ResolvedFileOptions,
  codec: EntryCodec,
  context: CacheAdapterContext,
): FileAdapter {
  // A name can have characters that a file system refuses.
  const place = join(directory, encodeURIComponent(context.name).replaceAll('.', '%2E').replaceAll('*', '%2A'));
  return new FileAdapter(openStore(place, isDurable), { codec, maxBytes }, context);
}

function openStore(place: string, isDurable: boolean): OrderedStore {
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CacheConfigError(
      `Expected \`file.directory\` to be a directory that this process can make and write, got \`${place}\`: ` +
        `${(error as Error).message}. Choose another one, or give its user the right to write there.`,
      { cause: error },
    );
  }
  try {
    checkFiles(place);
    return new LmdbStore(place, isDurable);
  } catch (error) {
    throw new CacheConfigError(
      `Could not open the files of the cache in \`${place}\`: ${(error as Error).message}. ` +
        'Where they are damaged, stop the processes that use them and delete the directory: it holds a cache only.',
      { cause: error },
    );
  }
}
