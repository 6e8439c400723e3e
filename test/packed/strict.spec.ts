import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { answersOf, generatedApplication, ONE_CACHE, packed, runTool, work } from './application.js';

const run = promisify(execFile);

it('is built and runs with node_modules in which each package sees only what it names', async () => {
  const home = join(work, 'strict');
  const generated = generatedApplication('12', 'for-strict');
  mkdirSync(home);
  for (const entry of readdirSync(generated).filter((name) => name !== 'node_modules'))
    cpSync(join(generated, entry), join(home, entry), { recursive: true });
  const { dependencies, ...manifest } = JSON.parse(readFileSync(join(generated, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const ours = {
    'nestjs-cache-kit': `file:${join(work, packed.filename)}`,
    'cache-kit-library': `file:${join(import.meta.dirname, 'fixture/library')}`,
  };
  const plain = Object.fromEntries(Object.entries(dependencies).filter(([name]) => !/swc|fastify/.test(name)));
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({
      ...manifest,
      dependencies: { ...plain, ...ours },
      devDependencies: { '@types/node': '^24.0.0', typescript: '^6.0.2' },
    }),
  );

  await run(
    'npm',
    [
      'install',
      '--install-strategy=linked',
      '--install-links',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
    ],
    { cwd: home },
  );
  await runTool(home, 'tsc', ['-p', 'tsconfig.build.json', '--types', 'node']);

  expect(readdirSync(join(home, 'node_modules')).filter((name) => name === 'iterare' || name === 'express')).toEqual(
    [],
  );
  expect(await answersOf(home, 'dist/main.js')).toEqual(ONE_CACHE);
});
