import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach } from '../redis.fixture.js';
import { openWriting, Source, untilLanded, untilTrue, type WritingCache } from './bullmq.fixture.js';

/* Each open cache is a process of its own for the queue: it has its own connections, workers and pending writes. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const directory = mkdtempSync(join(tmpdir(), 'cache-kit-bullmq-'));

let server: RedisServer;
let source: Source;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  const client = new Redis(server.url);
  await client.flushall();
  client.disconnect();
  source = new Source();
});

const BACKENDS: [string, () => CacheKitOptions][] = [
  ['memory', () => ({})],
  ['file', () => ({ backend: 'file', file: { directory } })],
  ['redis', () => ({ backend: 'redis', redis: { url: server.url } })],
  ['hybrid', () => ({ backend: 'hybrid', redis: { url: server.url } })],
];

describe.each(BACKENDS)('write-behind on BullMQ with the backend %s', (_, options) => {
  it('keeps the value when the write lands', async () => {
    const { cache, errors } = await openWriting(server.url, { save: source.save }, options());
    await cache.writeBehind('k', { n: 1 }, 'save', { delay: 0 });

    await untilLanded(server.port);

    expect([source.rows.get('k'), await cache.get('k'), errors]).toEqual([{ n: 1 }, { n: 1 }, []]);
  });

  it('drops the old value that was loaded while the write was pending', async () => {
    const { cache } = await openWriting(server.url, { save: source.save }, options());
    source.rows.set('k', 'old');
    source.hold();
    await cache.writeBehind('k', 'new', 'save', { delay: 0 });
    await source.untilWrites(1);

    await cache.delete('k');
    const whilePending = await cache.getOrSet('k', () => source.rows.get('k'));
    const stored = await cache.get('k');
    source.release();
    await untilLanded(server.port);

    expect([whilePending, stored]).toEqual(['old', 'old']);
    expect(await cache.getOrSet('k', () => source.rows.get('k'))).toBe('new');
  });

  it('stores no old value of a load that began before the write landed', async () => {
    const { cache } = await openWriting(server.url, { save: source.save }, options());
    await cache.writeBehind('k', 'new', 'save', { delay: 100 });
    let finish = (_value: string): void => undefined;
    const loading = cache.refresh('k', () => new Promise<string>((resolve) => (finish = resolve)));

    await untilLanded(server.port);
    finish('old');

    expect([await loading, await cache.get('k')]).toEqual(['old', 'new']);
  });

  it('invalidates the value after the last retry', async () => {
    const { cache } = await openWriting(server.url, { save: source.save }, options());
    source.failNext(1);

    await cache.writeBehind('k', 1, 'save', { delay: 0, retries: 0 });
    await untilLanded(server.port);

    await untilTrue(async () => (await cache.get('k')) === undefined, 'no value');
  });
});

describe('two processes', () => {
  /** The keys that each of them has written to the source. */
  const byProcess = { one: [] as string[], other: [] as string[] };
  let one: WritingCache;
  let other: WritingCache;

  async function openBoth(write: (key: string, value: unknown) => void, options: () => CacheKitOptions): Promise<void> {
    byProcess.one = [];
    byProcess.other = [];
    const writerOf = (keys: string[]) => async (value: unknown, key: string) => {
      keys.push(key);
      write(key, value);
    };
    one = await openWriting(server.url, { save: writerOf(byProcess.one) }, options());
    other = await openWriting(server.url, { save: writerOf(byProcess.other) }, options());
    // The first write of each connects it.
    await one.cache.writeBehind('connect one', 0, 'save', { delay: 0 });
    await other.cache.writeBehind('connect other', 0, 'save', { delay: 0 });
  }

  /** Calls `act` for key after key until the other process has done one of them. @returns the keys */
  async function untilOther(act: (key: string) => Promise<unknown>): Promise<string[]> {
    const keys: string[] = [];
    while (!keys.some((key) => byProcess.other.includes(key)) && keys.length < 500) {
      keys.push(`k${keys.length}`);
      await act(keys.at(-1) as string);
      await untilLanded(server.port);
    }
    expect(byProcess.other.filter((key) => keys.includes(key)).length).toBeGreaterThan(0);
    return keys;
  }

  it("write each other's values, and the one that called drops what its memory has loaded meanwhile", async () => {
    const rows = new Map<string, unknown>();
    await openBoth(
      (key, value) => rows.set(key, value),
      () => ({}),
    );

    const keys = await untilOther(async (key) => {
      rows.set(key, 'old');
      await one.cache.writeBehind(key, 'new', 'save', { delay: 20 });
      await one.cache.delete(key);
      await one.cache.getOrSet(key, () => rows.get(key));
    });

    const stale: string[] = [];
    await untilTrue(async () => {
      stale.length = 0;
      for (const key of keys) if ((await one.cache.get(key)) === 'old') stale.push(key);
      return stale.length === 0;
    }, `no old value of ${stale.join()}`);
    expect([...rows.values()].filter((row) => row === 'old')).toEqual([]);
  });

  it('keep the value of the one that called when the other one writes it', async () => {
    await openBoth(
      () => undefined,
      () => ({ backend: 'redis', redis: { url: server.url } }),
    );

    const keys = await untilOther((key) => one.cache.writeBehind(key, key, 'save', { delay: 0 }));

    expect([...(await other.cache.getMany<string>(keys)).values()]).toEqual(keys);
  });

  it('tell `onFailed` in the one that called, and invalidate in both', async () => {
    await openBoth(
      (key) => {
        if (!key.startsWith('connect')) throw new Error(`no ${key}`);
      },
      () => ({}),
    );
    const failed: unknown[] = [];
    const onFailed = (error: unknown, key: string, value: unknown): void =>
      void failed.push([(error as Error).message, key, value]);

    const keys = await untilOther((key) => one.cache.writeBehind(key, 1, 'save', { delay: 0, retries: 0, onFailed }));

    await untilTrue(() => failed.length === keys.length, 'a call of onFailed for each key');
    expect(failed.sort()).toEqual(keys.map((key) => [`no ${key}`, key, 1]).sort());
    expect((await one.cache.getMany(keys)).size).toBe(0);
    expect(one.errors).toHaveLength(keys.length);
    expect(other.errors.length).toBeGreaterThan(0);
  });

  it('write a key in one order, whichever calls', async () => {
    const writes: number[] = [];
    await openBoth(
      (key, value) => key === 'k' && writes.push(value as number),
      () => ({ backend: 'redis', redis: { url: server.url } }),
    );

    for (let n = 1; n <= 60; n++) await (n % 2 === 0 ? one : other).cache.writeBehind('k', n, 'save', { delay: n % 4 });
    await untilLanded(server.port);

    expect(writes.at(-1)).toBe(60);
    expect(writes).toEqual([...writes].sort((first, second) => first - second));
  });
});
