import { openFileAdapter } from '../../src/adapters/file/open-file.js';
import { readFileOptions } from '../../src/adapters/file/file-options.js';
import { createCache } from '../../src/create-cache.js';
import type { CacheService } from '../../src/core/cache.service.js';
import { createEntryCodec } from '../../src/core/values/codec.js';

/** A cache on files, as one of several processes has it. Faults are thrown where nobody catches them. */
export function openCache(directory: string, maxBytes = 64 * 1024 * 1024): Promise<CacheService> {
  return createCache({
    adapter: (context) =>
      openFileAdapter(readFileOptions({ directory, maxBytes }), createEntryCodec({ types: context.types }), context),
    singleFlight: 'cluster',
    onError: (error) => {
      throw error;
    },
  });
}
