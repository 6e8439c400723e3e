import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { settledWithin } from '../../src/core/ports/grace.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { createCache } from '../../src/index.js';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'cache-kit-waiting-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SCRIPT = `
  import { createCache } from '${join(root, 'src/index.ts')}';
  const cache = await createCache({ backend: 'file', file: { directory: '${directory}' } });
  console.log('asks');
  console.log(await cache.getOrSet('k', () => 'loaded twice'));
`;
/** A script that nothing keeps alive ends at once. */
const WAIT_MS = 500;

it('a script stays alive while it waits for the load of another process, and not longer', async () => {
  const cache = await createCache({ backend: 'file', file: { directory } });
  let finish = (_value: string): void => undefined;
  const load = cache.getOrSet('k', () => new Promise<string>((resolve) => (finish = resolve)));
  const script = spawn(
    process.execPath,
    ['--import', './test/simulation/typescript.mjs', '--input-type=module', '--eval', SCRIPT],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  script.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(script, 'close');

  await once(script.stdout, 'data');
  await settledWithin(new SystemClock(), WAIT_MS, ended);
  finish('loaded once');

  expect(await ended).toEqual([0, null]);
  expect(output).toBe('asks\nloaded once\n');
  expect(await load).toBe('loaded once');
  await cache.close();
});
