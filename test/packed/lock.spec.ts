import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { work } from './application.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

describe('package-lock.json', () => {
  it('is complete, so that `npm ci` installs from it', async () => {
    const clone = join(work, 'clone');
    mkdirSync(clone);
    for (const file of ['package.json', 'package-lock.json', '.npmrc', 'sample-app/package.json'])
      cpSync(join(root, file), join(clone, file));

    const installed = run('npm', ['ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: clone });

    await expect(installed).resolves.toBeDefined();
  });

  it('names no host to install from', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { resolved?: string }>;
    };

    expect(Object.values(packages).flatMap(({ resolved }) => (resolved?.includes('://') ? [resolved] : []))).toEqual(
      [],
    );
  });
});
