import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const script = resolve(import.meta.dirname, '../../scripts/inline-page.mjs');

it('the page that the kit sends is made of its sources as they are now', async () => {
  await expect(promisify(execFile)(process.execPath, [script, '--check'])).resolves.toMatchObject({ stderr: '' });
});
