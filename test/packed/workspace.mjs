/*
 * Global setup of the packed suites: packs the kit, and generates an application with each of the CLIs of Nest 11 and
 * 12, with the tarball installed. The suites work in copies that share the application's node_modules, see
 * application.ts.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** Additional packages of the test cases. */
const TOOLS = {
  11: ['@nestjs/platform-fastify@11', '@swc/cli@0.8', '@swc/core@1'],
  12: ['@nestjs/platform-fastify@12', '@swc/cli@0.8', '@swc/core@1', 'jest@30', '@swc/jest@0.2'],
};

export default async function setUp() {
  const work = mkdtempSync(join(tmpdir(), 'cache-kit-packed-'));
  process.env.PACKED_WORK = work;
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], {
    cwd: root,
  });
  writeFileSync(join(work, 'pack.json'), stdout);
  const [{ filename }] = JSON.parse(stdout);
  await Promise.all(['11', '12'].map((nest) => generate(work, nest, join(work, filename))));
}

export function tearDown() {
  rmSync(process.env.PACKED_WORK, { recursive: true });
}

async function generate(work, nest, tarball) {
  const name = `nest-${nest}`;
  await run(
    'npx',
    ['-y', `@nestjs/cli@${nest}`, 'new', name, '--skip-git', '--skip-install', '--package-manager', 'npm'],
    { cwd: work },
  );
  const home = join(work, name);
  await run(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', tarball, ...TOOLS[nest]],
    { cwd: home },
  );
  cpSync(join(import.meta.dirname, 'fixture/library'), join(home, 'node_modules/cache-kit-library'), {
    recursive: true,
  });
}
