import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'cache-kit-packed-'));

interface Packed {
  filename: string;
  files: { path: string }[];
}
let packed: Packed;

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: root });
  packed = (JSON.parse(stdout) as Packed[])[0]!;
});

afterAll(() => {
  rmSync(work, { recursive: true });
});

describe('the tarball', () => {
  it('holds what runs and what users read, and nothing else', () => {
    const strangers = packed.files.map(({ path }) => path).filter((path) => !/^(dist\/|docs\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(path));

    expect(strangers).toEqual([]);
  });

  it('holds no specs and none of their fixtures', () => {
    expect(packed.files.filter(({ path }) => /\.(spec|fixture)\./.test(path))).toEqual([]);
  });
});

describe.each([
  { nest: '12', platforms: ['express'] },
  { nest: '11', platforms: ['express', 'fastify'] },
])('an application with Nest $nest that installed the tarball', ({ nest, platforms }) => {
  const home = join(work, `nest-${nest}`);

  beforeAll(async () => {
    cpSync(join(import.meta.dirname, 'fixture'), home, { recursive: true });
    if (!platforms.includes('fastify')) rmSync(join(home, 'src/fastify.ts'));
    writeFileSync(join(home, 'package.json'), JSON.stringify(consumer(nest, platforms), null, 2));
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: home });
  });

  it('has none of the optional peers', () => {
    const installed = [...readdirSync(join(home, 'node_modules')), ...readdirSync(join(home, 'node_modules/@nestjs')).map((name) => `@nestjs/${name}`)];

    expect(installed).toContain('nestjs-cache-kit');
    expect(installed.filter((name) => ['ioredis', '@nestjs/config', '@nestjs/terminus', 'typeorm', 'drizzle-orm', 'prom-client', '@opentelemetry'].includes(name))).toEqual([]);
  });

  it('compiles against the declarations of the kit, and these compile themselves', async () => {
    const complaints = await compile(home);

    // Declarations of other packages may name types that nobody installed: that is theirs.
    expect(complaints.filter((line) => !line.startsWith('node_modules/') || line.startsWith('node_modules/nestjs-cache-kit/'))).toEqual([]);
    expect(existsSync(join(home, 'out/app.module.js'))).toBe(true);
  });

  describe.each(platforms)('on %s', (platform) => {
    let app: ChildProcess;
    let url: string;

    beforeAll(async () => {
      app = spawn(process.execPath, [`out/${platform}.js`], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
      url = await addressOf(app);
    });

    beforeEach(async () => {
      await fetch(`${url}/admin/cache/clear`, { method: 'POST', headers: { 'x-admin': 'yes' } });
    });

    afterAll(() => {
      app.kill('SIGKILL');
    });

    it('answers a route from the cache', async () => {
      const first = await fetch(`${url}/pages/1`);
      const second = await fetch(`${url}/pages/1`);

      expect([first.headers.get('x-cache'), second.headers.get('x-cache')]).toEqual(['MISS', 'HIT']);
      expect(await second.json()).toEqual(await first.json());
    });

    it('answers a decorated method from the cache until it is invalidated', async () => {
      const loads = async (): Promise<number> => ((await (await fetch(`${url}/products/1`)).json()) as { loads: number }).loads;

      const before = [await loads(), await loads()];
      await fetch(`${url}/products/1/change`, { method: 'POST' });

      expect([...before, await loads()].map((count) => count - before[0]!)).toEqual([0, 0, 1]);
    });

    it('gives the service to a controller', async () => {
      const first = await fetch(`${url}/visits`);
      const second = await fetch(`${url}/visits`);

      expect([await first.json(), await second.json()]).toEqual([{ loaded: 1 }, { known: 1, loaded: 1 }]);
    });

    it('shows its statistics to whom the guard lets in', async () => {
      await fetch(`${url}/pages/1`);
      await fetch(`${url}/pages/1`);

      const refused = await fetch(`${url}/admin/cache/stats`);
      const shown = await fetch(`${url}/admin/cache/stats`, { headers: { 'x-admin': 'yes' } });

      expect(refused.status).toBe(403);
      expect(await shown.json()).toMatchObject({ name: 'default', backend: 'memory', status: 'up', totalEntries: 1 });
    });

    it('ends by itself when it is told to', async () => {
      const ended = once(app, 'exit');

      app.kill('SIGTERM');

      expect(await ended).toEqual([null, 'SIGTERM']);
    });
  });
});

function consumer(nest: string, platforms: string[]): object {
  return {
    name: 'consumer',
    private: true,
    type: 'module',
    dependencies: {
      '@nestjs/common': `^${nest}`,
      '@nestjs/core': `^${nest}`,
      ...Object.fromEntries(platforms.map((platform) => [`@nestjs/platform-${platform}`, `^${nest}`])),
      'nestjs-cache-kit': `file:${join(work, packed.filename)}`,
      'reflect-metadata': '^0.2.2',
      rxjs: '^7.8.2',
    },
    devDependencies: { '@types/node': '^20.19.43', typescript: '^6.0.3' },
  };
}

/** Compiles what is in `home` and gives the compiler's complaints. */
async function compile(home: string): Promise<string[]> {
  const answer = await run(process.execPath, ['node_modules/typescript/bin/tsc', '--pretty', 'false'], { cwd: home }).catch((error: unknown) => error);
  return (answer as { stdout: string }).stdout.split('\n').filter((line) => line.includes('error TS'));
}

async function addressOf(app: ChildProcess): Promise<string> {
  for await (const line of createInterface(app.stdout!)) {
    const [, url] = /^listening on (\S+)/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error('The application ended before it listened.');
}
