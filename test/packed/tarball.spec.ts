import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { packed, work } from './application.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const tarball = join(work, packed.filename);

describe('the tarball', () => {
  it('contains the code and the pages for users, and nothing else', () => {
    const strangers = packed.files
      .map(({ path }) => path)
      .filter((path) => !/^(dist\/|docs\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(path));

    expect(strangers).toEqual([]);
  });

  it('holds no specs, none of their fixtures, and no source maps', () => {
    expect(packed.files.filter(({ path }) => /\.(spec|fixture)\.|\.map$/.test(path))).toEqual([]);
  });

  // Each integration is an entry of its own, in both formats: nobody loads more than they import.
  // The command line holds the packages that only it needs, about 45 kB. The dashboard is 14 kB in each format.
  it('has less than 600 kB', () => {
    expect(packed.size).toBeLessThan(600_000);
  });

  it('passes publint', async () => {
    const { stdout } = await run(
      process.execPath,
      [join(root, 'node_modules/publint/src/cli.js'), 'run', '--strict', tarball],
      { cwd: root },
    );

    expect(stdout).toContain('All good!');
  });

  it('passes attw: right types for every entry and every module resolution', async () => {
    const { stdout } = await run('npx', ['-y', '@arethetypeswrong/cli@0.18.5', '--format', 'json', tarball], {
      cwd: work,
      maxBuffer: 100_000_000,
    });
    const { analysis } = JSON.parse(stdout) as {
      analysis: { entrypoints: Record<string, unknown>; problems: unknown[] };
    };

    expect(Object.keys(analysis.entrypoints)).toEqual(
      expect.arrayContaining(['.', './bullmq', './config', './file', './redis', './testing']),
    );
    expect(analysis.problems).toEqual([]);
  });
});
