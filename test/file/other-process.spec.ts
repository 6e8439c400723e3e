import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { openCache } from './open-cache.js';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cache-kit-other-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SCRIPT = `
  import { createCache } from '${join(root, 'src/index.ts')}';
  const cache = await createCache({ backend: 'file', file: { directory: '${directory}' } });
  await cache.set('k', 'new');
  await cache.close();
`;

it('sees what another process has stored, also when no timer has run since its last read', async () => {
  const cache = await openCache(directory);
  await cache.set('k', 'old');
  const before = await cache.get('k');

  // The event loop stands still meanwhile, so nothing but the read itself can end its snapshot.
  const { status } = spawnSync(
    process.execPath,
    ['--import', './test/simulation/typescript.mjs', '--input-type=module', '--eval', SCRIPT],
    { cwd: root },
  );
  const after = await cache.get('k');
  await cache.close();

  expect({ status, before, after }).toEqual({ status: 0, before: 'old', after: 'new' });
});
