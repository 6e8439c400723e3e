import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The kit on files. @param {{ kit: string }} settings */
export async function open({ kit }) {
  const { createCache } = await import(kit);
  const directory = mkdtempSync(join(tmpdir(), 'cache-kit-bench-'));
  const cache = await createCache({ backend: 'file', file: { directory } });
  return {
    get: (/** @type {string} */ key) => cache.get(key),
    getMany: async (/** @type {string[]} */ keys) => [...(await cache.getMany(keys)).values()],
    set: (/** @type {string} */ key, /** @type {unknown} */ value) => cache.set(key, value),
    close: async () => {
      await cache.close();
      rmSync(directory, { recursive: true });
    },
  };
}
