import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { CacheKitModule, CacheService, createCache } from '../../src/index.js';
import { PLATFORMS, type RunningApp, startApp } from '../support/nest-app.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';

const command = resolve(import.meta.dirname, '../../dist/cli.js');
const SECRET = 's3cret-and-long';

interface Ended {
  code: number | null;
  out: string;
  err: string;
  lines: Record<string, unknown>[];
}

async function run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [command, ...args], { env: { PATH: process.env['PATH'], ...env } });
  child.stdin.end();
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const lines = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code: code as number | null, out, err, lines };
}

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-token'] === SECRET;
  }
}

describe.each(PLATFORMS)('the command line, by the admin routes on %s', (platform) => {
  let running: RunningApp;
  let cache: CacheService;
  let at: string[];
  beforeAll(async () => {
    running = await startApp({ imports: [CacheKitModule.forRoot({ admin: { guards: [TokenGuard] } })] }, platform);
    cache = running.app.get(CacheService);
    at = ['--admin', `${running.url}/admin/cache`, '--header', `x-token: ${SECRET}`];
  });
  beforeEach(async () => {
    await cache.clear();
    await cache.set('a', 'value', { tags: ['t'] });
    await cache.set('b', 'value', { namespace: 'n' });
  });
  afterAll(() => running.app.close());

  it('prints JSON lines in a pipe', async () => {
    expect((await run(['stats', ...at])).lines).toMatchObject([{ name: 'default', totalEntries: 2 }]);
    expect((await run(['stats', '--cluster', ...at])).lines).toMatchObject([{ processes: [{}], total: {} }]);
    expect((await run(['list', ...at])).lines).toHaveLength(2);
    expect((await run(['list', '--limit', '1', ...at])).lines).toHaveLength(1);
    expect((await run(['explain', 'a', ...at])).lines).toMatchObject([{ state: 'fresh', nextRead: 'hit' }]);
  });

  it('prints an entry, and says that its value is hidden', async () => {
    const { code, lines, err } = await run(['get', 'b', '--namespace', 'n', ...at]);

    expect(code).toBe(0);
    expect(lines).toMatchObject([{ key: 'b', namespace: 'n' }]);
    expect(err).toContain('hides values');
  });

  it.each([
    [['--tag', 't'], 'a', undefined],
    [['--namespace', 'n'], 'b', 'n'],
    [['--pattern', '?'], 'a', undefined],
    [['--key', 'b', '--namespace', 'n'], 'b', 'n'],
  ])('invalidates by %j, or only counts', async (by, key, namespace) => {
    const where = namespace === undefined ? {} : { namespace };
    expect((await run(['invalidate', ...by, '--dry-run', ...at])).lines).toEqual([{ invalidated: 1, dryRun: true }]);
    expect(await cache.has(key, where)).toBe(true);

    const first = await run(['invalidate', ...by, ...at]);
    const second = await run(['invalidate', ...by, ...at]);

    expect(await cache.has(key, where)).toBe(false);
    expect([first.code, second.code]).toEqual([0, 1]);
  });

  it('clears only with --yes', async () => {
    expect((await run(['clear', ...at])).code).toBe(2);
    expect((await run(['clear', '--yes', ...at])).lines).toEqual([{ invalidated: 2 }]);
  });

  it('exits with 1 for an absent key, and with 3 where the guards refuse or the path is not full', async () => {
    expect((await run(['get', 'absent', ...at])).code).toBe(1);
    expect((await run(['stats', '--admin', `${running.url}/admin/cache`])).code).toBe(3);
    expect(await run(['stats', '--admin', running.url])).toMatchObject({
      code: 3,
      err: expect.stringContaining('full path'),
    });
  });

  it('reads the address and the header from the environment', async () => {
    const env = { CACHE_ADMIN_URL: `${running.url}/admin/cache`, CACHE_ADMIN_HEADER: `x-token: ${SECRET}` };

    expect((await run(['list'], env)).code).toBe(0);
  });
});

describe('the command line, over Redis', () => {
  let redis: RedisServer;
  let at: string[];
  const folder = mkdtempSync(join(tmpdir(), 'cache-kit-cli-'));
  beforeAll(async () => {
    redis = await startRedis();
    at = ['--redis', redis.url, '--prefix', 'shop', '--cache', 'goods', '--cache-version', '2'];
  });
  beforeEach(async () => {
    const cache = await createCache({
      backend: 'redis',
      name: 'goods',
      version: '2',
      redis: { url: redis.url, keyPrefix: 'shop' },
    });
    await cache.clear();
    await cache.set('a', { price: 1 }, { tags: ['t'] });
    await cache.close();
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true });
  });

  it('finds the cache of the prefix, name and version, and shows values', async () => {
    expect((await run(['get', 'a', ...at])).lines).toMatchObject([{ key: 'a', value: { price: 1 } }]);
    expect((await run(['list', '--redis', redis.url])).code).toBe(1);
    expect((await run(['invalidate', '--tag', 't', ...at])).lines).toEqual([{ invalidated: 1, dryRun: false }]);
  });

  it('draws a table on a terminal', () => {
    const { stdout } = spawnSync(
      'script',
      ['-qec', `${process.execPath} ${command} list ${at.join(' ')}`, '/dev/null'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    );

    expect(stdout).toMatch(/│ a\s+│/);
  });

  it('loads the keys of a module, and counts loads that fail', async () => {
    const file = join(folder, 'plan.mjs');
    writeFileSync(
      file,
      "export const plan = async () => ({ keys: ['x', 'y'], load: (key) => { " +
        "if (key === 'y') throw new Error('no y'); return key; } });",
    );

    const { code, lines } = await run(['warm', file, 'plan', ...at]);

    expect(code).toBe(1);
    expect(lines).toMatchObject([
      { key: 'y', error: 'no y' },
      { total: 2, loaded: 1, failed: 1 },
    ]);
    expect((await run(['get', 'x', ...at])).lines).toMatchObject([{ value: 'x' }]);
  });
});

describe('the command line', () => {
  it.each([
    [2, ['stast']],
    [2, ['stats', `--heder=${SECRET}`]],
    [2, ['stats', '--admin', 'http://localhost', '--header', SECRET]],
    [2, ['stats', '--admin', SECRET]],
    [2, ['stats']],
    [2, ['invalidate', '--tag', 't', '--key', 'k', '--redis', 'redis://localhost']],
    [3, ['stats', '--redis', `redis://user:${SECRET}@127.0.0.1:2`]],
    [3, ['stats', '--admin', `http://user:${SECRET}@127.0.0.1:2/admin/cache`]],
  ])('exits with %d, and shows no secret: %j', async (expected, args) => {
    const { code, out, err } = await run(args);

    expect(code).toBe(expected);
    expect(err).not.toBe('');
    expect(out + err).not.toContain(SECRET);
  });

  it('suggests the command that was meant', async () => {
    expect((await run(['stast'])).err).toContain('stats');
  });

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(command, '../../package.json'), 'utf8')) as { version: string };

    expect(await run(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  });
});
