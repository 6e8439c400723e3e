import type { CacheService } from '../../src/core/cache.service.js';
import { createCache } from '../../src/create-cache.js';

/** A cache on files, as one of several processes has it. Faults are thrown where nobody catches them. */
export function openCache(directory: string): Promise<CacheService> {
  return createCache({
    backend: 'file',
    file: { directory },
    onError: (error) => {
      throw error;
    },
  });
}
