import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { openFileAdapter } from '../../src/adapters/file/open-file.js';
import { createEntryCodec } from '../../src/core/values/codec.js';
import { readCompression, readEncryption } from '../../src/core/values/sealing/sealing-options.js';
import { describeCacheAdapter, fakeClock } from '../../src/testing/index.js';

const directory = mkdtempSync(join(tmpdir(), 'cache-kit-file-'));
let opened = 0;
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const MAX_BYTES = 64 * 1024 * 1024;

/** An adapter over files that nobody else uses. */
const freshOptions = () => ({ directory: join(directory, String(opened++)), maxBytes: MAX_BYTES, isDurable: false });

function describeFile(name: string, sealing: Parameters<typeof createEntryCodec>[0] = {}): void {
  describeCacheAdapter(
    `FileAdapter (${name})`,
    (context) => {
      const clock = fakeClock();
      const codec = createEntryCodec({ ...sealing, types: context.types });
      const adapter = openFileAdapter(freshOptions(), codec, { ...context, clock });
      return { adapter, clock, pass: (ms) => clock.advance(ms) };
    },
    { keepsTypes: true },
  );
}

describeFile('plain');
describeFile('compressed and encrypted', {
  compression: readCompression({ threshold: 16 }),
  encryption: readEncryption({ keys: [{ id: 'a', secret: 'a secret of the contract suite' }] }),
});
