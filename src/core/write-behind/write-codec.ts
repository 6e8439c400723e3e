import type { Clock } from '../ports/clock.port.js';
import type { WriteCodec } from '../ports/write-behind-queue.port.js';
import type { EntryCodec } from '../values/codec.js';

/** Makes the codec of values that wait outside the process: they look like entries that never expire. */
export function createWriteCodec(codec: EntryCodec, clock: Clock): WriteCodec {
  return {
    encode: (written) =>
      codec.encode({ ...written, tags: [], createdAtMs: clock.wallMs(), ttlMs: Infinity, staleMs: 0, loadMs: 0 }),
    decode: async (bytes) => {
      const opened = await codec.open(bytes);
      return opened && { key: opened.header.key, namespace: opened.header.namespace, value: opened.value() };
    },
  };
}
