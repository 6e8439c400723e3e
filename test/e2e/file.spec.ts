import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { cacheKitConfig } from '../../src/config.js';
import { fileAdapter } from '../../src/file.js';
import { CacheKitModule, type CacheKitOptions, CacheService, createCache, InjectCache } from '../../src/index.js';
import { fakeClock } from '../../src/testing/index.js';
import { startApp } from '../support/nest-app.js';
import { database, Prices, startPrices } from './prices.fixture.js';

const root = mkdtempSync(join(tmpdir(), 'cache-kit-e2e-'));
let directories = 0;
let options: CacheKitOptions & { file: { directory: string } };

beforeEach(() => {
  options = { backend: 'file', file: { directory: join(root, String(++directories)) } };
  database.rows.clear();
  database.reads = 0;
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Opens a cache, uses it and closes it. */
async function using<T>(options: CacheKitOptions, work: (cache: CacheService) => Promise<T>): Promise<T> {
  const cache = await createCache({
    ...options,
    onError: (error) => {
      throw error;
    },
  });
  try {
    return await work(cache);
  } finally {
    await cache.close();
  }
}

describe('an application on files', () => {
  it('answers routes and decorated methods from the cache until they are invalidated', async () => {
    database.rows.set('1', 100);
    const { app, url } = await startPrices(options);

    const [first, second] = [await fetch(`${url}/prices/1`), await fetch(`${url}/prices/1`)];
    await app.get(Prices).change('1', 200);
    const third = await fetch(`${url}/prices/1`);

    expect([first, second, third].map(({ headers }) => headers.get('x-cache'))).toEqual(['MISS', 'HIT', 'MISS']);
    expect([await second.json(), await third.json()]).toEqual([
      { id: '1', cents: 100 },
      { id: '1', cents: 200 },
    ]);
    expect(database.reads).toBe(2);
    await app.close();
  });

  it('lists itself alone in the statistics of all processes', async () => {
    const [own, other] = [await createCache(options), await createCache(options)];
    await own.set('k', 1);
    await other.get('k');

    const { processes, total } = await own.getClusterStats();

    expect(processes.map(({ pid }) => pid)).toEqual([process.pid]);
    expect(total).toMatchObject({ backend: 'file', totalEntries: 1, sets: 1, totalHits: 0 });
    await Promise.all([own.close(), other.close()]);
  });

  it('shows the file tier in its statistics, also by the admin routes', async () => {
    @Injectable()
    class Everybody implements CanActivate {
      canActivate(): boolean {
        return true;
      }
    }
    const admin = { guards: [Everybody] };
    const { app, url } = await startApp({ imports: [CacheKitModule.forRoot({ ...options, admin })] });
    const cache = app.get(CacheService);
    await cache.set('k', 'v');
    await cache.get('k');
    await cache.get('none');

    const stats = await (await fetch(`${url}/admin/cache/stats`)).json();

    expect(stats).toMatchObject({
      backend: 'file',
      status: 'up',
      totalEntries: 1,
      tiers: [
        { name: 'file', entries: 1, hits: 1, misses: 1, bytes: expect.any(Number), maxBytes: expect.any(Number) },
      ],
    });
    await app.close();
  });

  it('finds after a restart what it had stored', async () => {
    database.rows.set('1', 100);
    const before = await startPrices(options);
    await fetch(`${before.url}/prices/1`);
    await before.app.close();

    const after = await startPrices(options);
    const answer = await fetch(`${after.url}/prices/1`);

    expect(answer.headers.get('x-cache')).toBe('HIT');
    expect(await answer.json()).toEqual({ id: '1', cents: 100 });
    expect(database.reads).toBe(1);
    await after.app.close();
  });

  it('shares the files with another application, and sees what that one invalidates', async () => {
    database.rows.set('1', 100);
    const [a, b] = await Promise.all([startPrices(options), startPrices(options)]);

    const first = await fetch(`${a.url}/prices/1`);
    const fromOther = await b.app.get(Prices).find('1');
    await b.app.get(Prices).change('1', 200);
    const second = await fetch(`${a.url}/prices/1`);

    expect([await first.json(), fromOther, await second.json()]).toEqual([
      { id: '1', cents: 100 },
      { id: '1', cents: 100 },
      { id: '1', cents: 200 },
    ]);
    expect(database.reads).toBe(2);
    await Promise.all([a.app.close(), b.app.close()]);
  });

  it('reads its options from the environment', async () => {
    const before = { ...process.env };
    const { directory } = options.file;
    Object.assign(process.env, {
      CACHE_BACKEND: 'file',
      CACHE_FILE_DIRECTORY: directory,
      CACHE_FILE_MAX_BYTES: '100000',
      CACHE_ENCRYPTION_KEYS: 'a:a secret of the environment',
    });
    try {
      const { app } = await startApp({
        imports: [
          ConfigModule.forRoot({ load: [cacheKitConfig], ignoreEnvFile: true }),
          CacheKitModule.forRootAsync(cacheKitConfig.asProvider()),
        ],
      });
      const cache = app.get(CacheService);
      for (let i = 0; i < 30; i++) await cache.set(`k${i}`, 'x'.repeat(5_000));

      expect(statSync(join(directory, 'default/data.mdb')).isFile()).toBe(true);
      const { totalEntries, evictions, tiers } = await cache.getStats();
      expect(totalEntries).toBeGreaterThan(10);
      expect(totalEntries).toBeLessThan(20);
      expect(evictions).toBe(30 - totalEntries);
      expect(tiers[0]?.bytes).toBeLessThanOrEqual(100_000);
      await app.close();
    } finally {
      process.env = before;
    }
  });

  it('gives caches with other names their own entries in one directory', async () => {
    @Injectable()
    class Both {
      constructor(
        readonly cache: CacheService,
        @InjectCache('se/ssions..*') readonly sessions: CacheService,
      ) {}
    }
    @Module({
      imports: [CacheKitModule.forRoot(options), CacheKitModule.forRoot({ ...options, name: 'se/ssions..*' })],
      providers: [Both],
    })
    class Root {}
    const { app } = await startApp({ imports: [Root] });
    const { cache, sessions } = app.get(Both);
    await cache.set('k', 'default');
    await sessions.set('k', 'session');

    expect([await cache.get('k'), await sessions.get('k')]).toEqual(['default', 'session']);
    expect(await sessions.clear()).toBe(1);
    expect(await cache.get('k')).toBe('default');
    await app.close();
  });
});

describe('the files of a cache', () => {
  it('hold entries of another version, which are not found', async () => {
    await using({ ...options, version: 1 }, (cache) => cache.set('k', 'one'));

    const inSecond = await using({ ...options, version: 2 }, async (cache) => {
      const found = await cache.get('k');
      const { totalEntries } = await cache.getStats();
      await cache.clear();
      return { found, totalEntries };
    });
    const inFirst = await using({ ...options, version: 1 }, (cache) => cache.get('k'));

    expect(inSecond).toEqual({ found: undefined, totalEntries: 0 });
    expect(inFirst).toBe('one');
  });

  it('are readable by their owner alone', async () => {
    await using(options, (cache) => cache.set('k', 'v'));

    expect(statSync(options.file.directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(options.file.directory, 'default')).mode & 0o777).toBe(0o700);
  });

  it('hold encrypted values that are read with the key alone', async () => {
    const sealed = { ...options, encryption: { keys: [{ id: 'a', secret: 'a secret of these few tests' }] } };
    await using(sealed, (cache) => cache.set('k', 'plain words'));

    const bytes = readFileSync(join(options.file.directory, 'default/data.mdb'));
    const withoutKey = await createCache({ ...options, onError: () => undefined });

    expect(bytes.includes('plain words')).toBe(false);
    expect(await withoutKey.get('k')).toBeUndefined();
    expect(await using(sealed, (cache) => cache.get('k'))).toBe('plain words');
    await withoutKey.close();
  });

  it('hold compressed values', async () => {
    const value = 'plain words '.repeat(1_000);

    await using({ ...options, compression: {} }, async (cache) => {
      await cache.set('k', value);

      expect((await cache.getStats()).tiers[0]?.bytes).toBeLessThan(1_000);
      expect(await cache.get('k')).toBe(value);
    });
  });

  it('are the same for `fileAdapter`, which allows a clock of a test', async () => {
    const clock = fakeClock();
    const byHand: CacheKitOptions = { adapter: fileAdapter(options.file), singleFlight: 'cluster', clock };

    await using(byHand, async (cache) => {
      await cache.set('k', 'v', { ttl: '1m' });
      await clock.advance(59_999);
      expect(await cache.get('k')).toBe('v');
      await clock.advance(1);
      expect(await cache.get('k')).toBeUndefined();
      expect((await cache.getStats()).backend).toBe('file');
    });
  });

  it('are flushed with `durable`, and read like any others', async () => {
    const durable = { ...options, file: { ...options.file, durable: true } };

    await using(durable, (cache) => cache.set('k', 'v'));

    expect(await using(options, (cache) => cache.get('k'))).toBe('v');
  });
});
