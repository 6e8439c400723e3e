import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { bullmqWriteBehind } from '../../../src/bullmq.js';
import { CacheConfigError, CacheSerializationError } from '../../../src/core/vocabulary/cache.errors.js';
import { createCache } from '../../../src/create-cache.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { afterTest, cleanUpAfterEach, rawClient } from '../redis.fixture.js';
import { leave, openWriting, Source, untilLanded, untilTrue } from './bullmq.fixture.js';

jest.setTimeout(60_000);
cleanUpAfterEach();

const ROOT = 'cache-kit-write-behind:{default}';

let server: RedisServer;
let source: Source;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  const client = new Redis(server.url);
  await client.flushall();
  client.disconnect();
  source = new Source();
});

describe('write-behind on BullMQ', () => {
  it('has the value in the cache at once, and writes it after the delay with the named writer', async () => {
    const { cache } = await openWriting(server.url, { other: async () => undefined, save: source.save });

    await cache.writeBehind('k', { n: [1] }, 'save', { delay: 400, namespace: 'ns' });
    const stored = await cache.get('k', { namespace: 'ns' });
    const takenMs = performance.now();
    await source.untilWrites(1);
    const waitedMs = performance.now() - takenMs;

    expect(stored).toEqual({ n: [1] });
    expect(source.writes).toEqual([{ key: 'k', value: { n: [1] }, namespace: 'ns' }]);
    expect(waitedMs).toBeGreaterThan(350);
  });

  it('writes the last of several values of a key, once per delay', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    const startedMs = performance.now();

    await cache.writeBehind('k', 1, 'save', { delay: '1s' });
    await sleep(600);
    await cache.writeBehind('k', 2, 'save', { delay: '1s' });
    await source.untilWrites(1);
    const waitedMs = performance.now() - startedMs;
    await untilLanded(server.port);

    expect([source.values, await cache.get('k')]).toEqual([[2], 2]);
    expect(waitedMs).toBeLessThan(1_550);
  });

  it('writes earlier when a later value has a shorter delay', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    await cache.writeBehind('k', 1, 'save', { delay: '1h' });

    await cache.writeBehind('k', 2, 'save', { delay: 0 });

    await source.untilWrites(1);
    expect(source.values).toEqual([2]);
  });

  it('never writes a key twice at the same time, nor in another order', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    source.hold();
    await cache.writeBehind('k', 1, 'save', { delay: 0 });
    await source.untilWrites(1);

    await cache.writeBehind('k', 2, 'save', { delay: 0 });
    await cache.writeBehind('k', 3, 'save', { delay: 0 });
    await sleep(200);
    const whileFirstRuns = source.values;
    source.release();
    await untilLanded(server.port);

    expect([whileFirstRuns, source.values, source.mostOverlapping]).toEqual([[1], [1, 3], 1]);
    expect([source.rows.get('k'), await cache.get('k')]).toEqual([3, 3]);
  });

  it('gives a value that comes while an earlier one is written its own delay', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    source.hold();
    await cache.writeBehind('k', 1, 'save', { delay: 0 });
    await source.untilWrites(1);

    await cache.writeBehind('k', 2, 'save', { delay: 500 });
    const takenMs = performance.now();
    source.release();
    await source.untilWrites(2);

    expect(performance.now() - takenMs).toBeGreaterThan(450);
    expect(source.values).toEqual([1, 2]);
  });

  it('writes every last value when many keys change all the time', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);

    for (let n = 1; n <= 20; n++)
      await Promise.all(keys.map((key) => cache.writeBehind(key, n, 'save', { delay: n % 3 })));
    await untilLanded(server.port);

    expect(keys.filter((key) => source.rows.get(key) !== 20)).toEqual([]);
    expect(source.mostOverlapping).toBe(1);
    for (const key of keys) {
      const order = source.writes.filter((write) => write.key === key).map(({ value }) => value as number);
      expect(order).toEqual([...order].sort((one, other) => one - other));
    }
  });

  it('takes a key in two namespaces for two keys', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });

    await cache.namespace('a').writeBehind('k', 1, 'save', { delay: 0 });
    await cache.namespace('b').writeBehind('k', 2, 'save', { delay: 0 });
    await source.untilWrites(2);

    expect(source.writes.map(({ namespace, value }) => [namespace, value]).sort()).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('writes what it was given, and keeps it in the cache, whatever its caller or the writer changes', async () => {
    const seen: unknown[] = [];
    const { cache } = await openWriting(server.url, {
      save: async (value) => {
        seen.push([...(value as number[])]);
        (value as number[]).push(99);
      },
    });
    const given = [1];

    const writing = cache.writeBehind('k', given, 'save', { delay: 0 });
    given.push(2);
    await writing;
    await untilTrue(() => seen.length > 0, 'a write');
    await untilLanded(server.port);

    expect([seen, await cache.get('k')]).toEqual([[[1]], [1]]);
  });

  it('gives writers the values that were stored, instances of listed classes among them', async () => {
    class Money {
      constructor(readonly cents: number) {}
    }
    const { cache } = await openWriting(server.url, { save: source.save }, { types: [Money] });
    const value = { price: new Money(5), at: new Date(7), seen: new Map([[1n, new Set(['a'])]]), none: undefined };

    await cache.writeBehind('k', value, 'save', { delay: 0 });
    await source.untilWrites(1);

    expect(source.values).toEqual([value]);
    expect((source.values[0] as typeof value).price).toBeInstanceOf(Money);
  });
});

describe('a call that cannot be used', () => {
  it.each<[string, unknown, RegExp]>([
    ['an unknown name', 'store', /one of|\('save', 'log'\), got `store`\. Add it: `writers: \{ store: async/],
    ['a function', async () => undefined, /\('save', 'log'\), got `function .*`\. A function cannot be run by another/],
    ['a name of Object', 'toString', /got `toString`\./],
  ])('is refused with %s', async (_, writer, message) => {
    const { cache } = await openWriting(server.url, { save: source.save, log: source.save });

    const writing = cache.writeBehind('k', 1, writer as string);

    await expect(writing).rejects.toThrow(CacheConfigError);
    await expect(writing).rejects.toThrow(message);
    expect(await cache.has('k')).toBe(false);
  });

  it('is refused with a value that cannot be stored in Redis, also where memory could keep it', async () => {
    class Unlisted {
      readonly n = 1;
    }
    const { cache } = await openWriting(server.url, { save: source.save });

    await expect(cache.writeBehind('k', { save: () => 1 }, 'save')).rejects.toThrow(CacheSerializationError);
    await expect(cache.writeBehind('k', new Unlisted(), 'save')).rejects.toThrow(CacheSerializationError);
    expect(await cache.has('k')).toBe(false);
  });
});

describe('a write that fails', () => {
  it('is tried again until it lands', async () => {
    const { cache, errors } = await openWriting(server.url, { save: source.save });
    source.failNext(2);

    await cache.writeBehind('k', 1, 'save', { delay: 0, retries: 2, backoff: 100 });
    await untilLanded(server.port);

    expect([source.values, source.rows.get('k'), await cache.get('k'), errors]).toEqual([[1, 1, 1], 1, 1, []]);
  });

  it('is invalidated and told to `onFailed` after the last retry, with its error', async () => {
    const { cache, errors } = await openWriting(server.url, { save: source.save });
    const onFailed = jest.fn();
    source.failNext(3);

    await cache.writeBehind('k', { n: 1 }, 'save', { delay: 0, retries: 2, backoff: 10, onFailed });
    await untilTrue(() => onFailed.mock.calls.length > 0, 'a call of onFailed');
    await untilLanded(server.port);

    expect([source.writes.length, await cache.get('k')]).toEqual([3, undefined]);
    expect(onFailed.mock.calls).toEqual([[new Error('the source is away'), 'k', { n: 1 }]]);
    expect(errors.map(({ message }) => message)).toEqual([
      'The write of `k` failed for the last time: the source is away',
    ]);
  });

  it('makes way for a later value, which has all its retries', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    const onFailed = jest.fn();
    source.failNext(2);
    await cache.writeBehind('k', 1, 'save', { delay: 0, retries: 1, backoff: 400, onFailed });
    await source.untilWrites(1);

    await cache.writeBehind('k', 2, 'save', { delay: 0, retries: 1, backoff: 10, onFailed });
    await untilLanded(server.port);

    expect([source.values, source.rows.get('k'), onFailed.mock.calls]).toEqual([[1, 2, 2], 2, []]);
  });
});

describe('a pending write', () => {
  it.each(['delete', 'clear'] as const)('is written although %s took its value out of the cache', async (method) => {
    const { cache } = await openWriting(server.url, { save: source.save });
    await cache.writeBehind('k', 1, 'save', { delay: 300 });

    await cache[method]('k');
    const stored = await cache.get('k');
    await source.untilWrites(1);

    expect([stored, source.values]).toEqual([undefined, [1]]);
  });

  it('lets callers wait while `maxPending` keys are pending, and drops nothing', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    source.hold();
    const taken: string[] = [];
    const call = (key: string): Promise<void> =>
      cache.writeBehind(key, key, 'save', { delay: 0, maxPending: 2 }).then(() => void taken.push(key));
    await call('a');
    await call('b');
    const calls = ['c', 'd'].map(call);
    await source.untilWrites(2);
    // A key that is pending needs no room.
    await call('a');
    await sleep(300);
    const whileFull = [...taken, await cache.get('c')];

    source.release();
    await Promise.all(calls);
    await untilLanded(server.port);

    expect(whileFull).toEqual(['a', 'b', 'a', undefined]);
    expect([...source.rows.keys()].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('counts for `maxPending` in all processes together', async () => {
    const one = await openWriting(server.url, { save: source.save });
    const other = await openWriting(server.url, { save: source.save });
    await one.cache.writeBehind('a', 1, 'save', { delay: 1_000 });
    let isTaken = false;

    const writing = other.cache.writeBehind('b', 2, 'save', { delay: 0, maxPending: 1 }).then(() => (isTaken = true));
    await sleep(300);
    const whileFull = isTaken;
    await writing;

    expect([whileFull, source.rows.get('a')]).toEqual([false, 1]);
  });

  it('is a job that shows nothing of its key and has no value, and leaves nothing behind', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    const client = rawClient(server);
    await cache.writeBehind('secret key', 'secret value', 'save', { delay: 500 });

    const [id = ''] = await client.zrange(`${ROOT}:delayed`, '0', '-1');
    const job = await client.hgetall(`${ROOT}:${id}`);
    await source.untilWrites(1);
    await untilLanded(server.port);
    await untilTrue(async () => (await client.exists(`${ROOT}:${id}`)) === 0, 'no job');
    const left = await client.keys('*');

    expect(id).toMatch(/^k[\w-]{43}$/);
    expect([job['data'], JSON.stringify(job).includes('secret')]).toEqual(['{}', false]);
    expect(left.map((key) => key.replace(`${ROOT}:`, '')).sort()).toEqual(
      expect.arrayContaining(['cache-kit:outcomes', 'cache-kit:version']),
    );
    expect(
      left.filter((key) => /write:|pending|delayed|wait|active|completed|failed/.test(key.slice(ROOT.length))),
    ).toEqual([]);
  });
});

describe('the queues', () => {
  it('of caches with different names and versions are apart, also when one option makes them', async () => {
    const writeBehind = bullmqWriteBehind({ connection: server.url, writers: { save: source.save }, name: 'shop' });
    const open = async (name: string, version?: string): Promise<void> => {
      const cache = await createCache({ name, writeBehind, ...(version === undefined ? {} : { version }) });
      afterTest(() => cache.close());
      await cache.writeBehind('k', `${name} ${version}`, 'save', { delay: 300 });
    };

    await Promise.all([open('a'), open('b:c'), open('a', '2')]);
    const queues = await rawClient(server).keys('shop:*:cache-kit:pending');
    await source.untilWrites(3);

    expect(queues.sort()).toEqual([
      'shop:{a@2}:cache-kit:pending',
      'shop:{a}:cache-kit:pending',
      'shop:{b%3Ac}:cache-kit:pending',
    ]);
    expect([...source.values].sort()).toEqual(['a 2', 'a undefined', 'b:c undefined']);
  });

  it.each(['the cache', 'the queue'])('keep values sealed when %s is', async (which) => {
    const encryption = { keys: [{ id: 'a', secret: '0123456789abcdef0123' }] };
    const writeBehind = bullmqWriteBehind({
      connection: server.url,
      writers: { save: source.save },
      ...(which === 'the queue' ? { encryption } : {}),
    });
    const cache = await createCache({
      writeBehind,
      ...(which === 'the cache' ? { backend: 'redis', redis: { url: server.url }, encryption } : {}),
    });
    afterTest(() => cache.close());
    const client = rawClient(server);

    await cache.writeBehind('k', 'plain text', 'save', { delay: 500 });
    const [name = ''] = await client.keys(`${ROOT}:cache-kit:write:*`);
    const bytes = await client.hgetBuffer(name, 'value');
    await source.untilWrites(1);

    expect(bytes?.includes('k') && !bytes.includes('plain text')).toBe(true);
    expect(source.values).toEqual(['plain text']);
  });

  it('write what a process has left that died before it added a job', async () => {
    await leave(server, { key: 'k', value: 1, writer: 'save' });

    const { cache } = await openWriting(server.url, { save: source.save });
    await source.untilWrites(1);
    await untilLanded(server.port);

    expect([source.writes, await cache.get('k')]).toEqual([[{ key: 'k', value: 1, namespace: undefined }], undefined]);
  });

  it('report a value that they cannot write, and keep it for a process that can', async () => {
    const encryption = { keys: [{ id: 'a', secret: '0123456789abcdef0123' }] };
    await leave(server, { key: 'unknown', value: 1, writer: 'gone' });
    await leave(server, { key: 'sealed', value: 2, writer: 'save', encryption });
    const client = rawClient(server);
    const left = await client.zrange(`${ROOT}:cache-kit:pending`, '0', '-1');

    const { errors } = await openWriting(server.url, { save: source.save });
    await untilTrue(() => errors.length >= 2, 'two reports');
    const kept = await client.zrange(`${ROOT}:cache-kit:pending`, '0', '-1');

    expect([kept.sort(), source.writes]).toEqual([left.sort(), []]);
    expect(errors.map(({ code, message }) => `${code}: ${message}`).sort()).toEqual([
      expect.stringContaining('CACHE_CONFIG_INVALID: A value that another process has left cannot be read.'),
      'CACHE_CONFIG_INVALID: The value of `unknown` waits for the writer `gone`, which this process does not have: ' +
        'save. Add it to `writers` until nothing is pending for it.',
    ]);
  });

  it('add a job that was lost while they work', async () => {
    const { cache } = await openWriting(server.url, { save: source.save });
    const client = rawClient(server);
    await cache.writeBehind('k', 1, 'save', { delay: 500 });

    const [id = ''] = await client.zrange(`${ROOT}:delayed`, '0', '-1');
    await client.del(`${ROOT}:delayed`, `${ROOT}:${id}`);
    await source.untilWrites(1, 20_000);

    expect(source.values).toEqual([1]);
  });
});
