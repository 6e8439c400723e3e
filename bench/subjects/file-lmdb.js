import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The lower bound: lmdb and the kit's codec for values, without tags, expiry or fences. The same settings as the kit's.
 * @param {{ kit: string }} settings
 */
export async function open({ kit }) {
  const { decodeValue, encodeValue } = await import(kit);
  const lmdb = createRequire(kit)('lmdb');
  const path = mkdtempSync(join(tmpdir(), 'cache-kit-bench-'));
  const store = lmdb.open({
    path,
    noSubdir: false,
    encoding: 'binary',
    noSync: true,
    overlappingSync: false,
    eventTurnBatching: false,
  });
  const read = (/** @type {string} */ key) => {
    const bytes = store.get(key);
    return bytes === undefined ? undefined : decodeValue(bytes);
  };
  return {
    // Without the reset a read would not see the writes of other processes.
    get: async (/** @type {string} */ key) => {
      store.resetReadTxn();
      return read(key);
    },
    getMany: async (/** @type {string[]} */ keys) => {
      store.resetReadTxn();
      return keys.map(read);
    },
    set: (/** @type {string} */ key, /** @type {unknown} */ value) => store.put(key, encodeValue(value)),
    close: async () => {
      await store.close();
      rmSync(path, { recursive: true });
    },
  };
}
