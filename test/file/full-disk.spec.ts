import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cache-kit-full-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** KiB that a file may have in the process of the script: writes beyond fail, as on a full disk. */
const LIMIT_KIB = 1_024;
const SCRIPT = `
  import { createCache } from '${join(root, 'src/index.ts')}';
  const faults = new Set();
  const cache = await createCache({
    backend: 'file',
    file: { directory: '${directory}' },
    onError: ({ code }) => faults.add(code),
  });
  for (let i = 0; i < 400; i++) await cache.set('k' + i, 'x'.repeat(5_000), { tags: ['t'] });
  const stored = (await cache.getStats()).totalEntries;
  const loaded = await cache.getOrSet('new', () => 'loaded');
  const read = (await cache.get('k0')).length;
  const removed = await cache.invalidateTags(['t']);
  await cache.set('after', 'room again');
  console.log(JSON.stringify({ faults: [...faults], stored, loaded, read, removed, after: await cache.get('after') }));
`;

it('a full disk fails writes alone: reads and loads go on, and writes do when there is room again', async () => {
  const node = `'${process.execPath}' --import ./test/simulation/typescript.mjs`;
  const command = `ulimit -f ${LIMIT_KIB}; exec ${node} --input-type=module --eval "$SCRIPT"`;

  const { stdout } = await run('bash', ['-c', command], {
    cwd: root,
    env: { ...process.env, SCRIPT },
    maxBuffer: 10_000_000,
  });

  const { stored, removed, ...others } = JSON.parse(stdout) as { stored: number; removed: number };
  expect(others).toEqual({
    faults: ['CACHE_BACKEND_UNAVAILABLE'],
    loaded: 'loaded',
    read: 5_000,
    after: 'room again',
  });
  expect(stored).toBeGreaterThan(50);
  expect(stored).toBeLessThan(400);
  expect(removed).toBe(stored);
});
