import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { emptyHome, end, serve, type Served } from './application.js';

const run = promisify(execFile);

describe.each([
  { nest: '12', platforms: ['express'] },
  { nest: '11', platforms: ['express', 'fastify'] },
] as const)('an application in ES modules with Nest $nest', ({ nest, platforms }) => {
  let home: string;

  beforeAll(() => {
    home = emptyHome(nest, 'es-modules');
    cpSync(join(import.meta.dirname, 'fixture/es-modules'), home, { recursive: true });
    writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  });

  it('has none of the optional peers', () => {
    const installed = [
      ...readdirSync(join(home, 'node_modules')),
      ...readdirSync(join(home, 'node_modules/@nestjs')).map((name) => `@nestjs/${name}`),
    ];

    expect(installed).toContain('nestjs-cache-kit');
    expect(
      installed.filter((name) =>
        [
          'ioredis',
          'lmdb',
          '@nestjs/config',
          '@nestjs/terminus',
          'typeorm',
          'drizzle-orm',
          'prom-client',
          '@opentelemetry',
        ].includes(name),
      ),
    ).toEqual([]);
  });

  it('compiles against the declarations of the kit, and these compile themselves', async () => {
    const complaints = await compile(home);

    // Errors in declarations of other packages, which may name types that are not installed, do not count.
    expect(
      complaints.filter((line) => !line.includes('node_modules/') || line.includes('node_modules/nestjs-cache-kit/')),
    ).toEqual([]);
    expect(existsSync(join(home, 'out/app.module.js'))).toBe(true);
  });

  describe.each(platforms)('on %s', (platform) => {
    let app: Served;
    let url: string;

    beforeAll(async () => {
      app = await serve(home, `out/${platform}.js`);
      ({ url } = app);
    });

    beforeEach(async () => {
      await fetch(`${url}/admin/cache/clear`, { method: 'POST', headers: { 'x-admin': 'yes' } });
    });

    afterAll(() => end(app));

    it('answers a route from the cache', async () => {
      const first = await fetch(`${url}/pages/1`);
      const second = await fetch(`${url}/pages/1`);

      expect([first.headers.get('x-cache'), second.headers.get('x-cache')]).toEqual(['MISS', 'HIT']);
      expect(await second.json()).toEqual(await first.json());
    });

    it('answers a decorated method from the cache until it is invalidated', async () => {
      const loads = async (): Promise<number> =>
        ((await (await fetch(`${url}/products/1`)).json()) as { loads: number }).loads;

      const before = [await loads(), await loads()];
      await fetch(`${url}/products/1/change`, { method: 'POST' });

      expect([...before, await loads()].map((count) => count - before[0]!)).toEqual([0, 0, 1]);
    });

    it('gives the service to a controller', async () => {
      const first = await fetch(`${url}/visits`);
      const second = await fetch(`${url}/visits`);

      expect([await first.json(), await second.json()]).toEqual([{ loaded: 1 }, { known: 1, loaded: 1 }]);
    });

    it('shows its statistics to requests that the guard accepts', async () => {
      await fetch(`${url}/pages/1`);
      await fetch(`${url}/pages/1`);

      const refused = await fetch(`${url}/admin/cache/stats`);
      const shown = await fetch(`${url}/admin/cache/stats`, { headers: { 'x-admin': 'yes' } });

      expect(refused.status).toBe(403);
      expect(await shown.json()).toMatchObject({ name: 'default', backend: 'memory', status: 'up', totalEntries: 1 });
    });

    it('ends by itself after SIGTERM', async () => {
      const ended = once(app.process, 'exit');

      app.process.kill('SIGTERM');

      expect(await ended).toEqual([null, 'SIGTERM']);
    });
  });
});

/** Compiles the project in `home`, and returns the compiler's errors. */
async function compile(home: string): Promise<string[]> {
  const answer = await run(process.execPath, ['node_modules/typescript/bin/tsc', '--pretty', 'false'], {
    cwd: home,
  }).catch((error: unknown) => error);
  return (answer as { stdout: string }).stdout.split('\n').filter((line) => line.includes('error TS'));
}
