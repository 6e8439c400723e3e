import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { CacheUnavailableError } from '../../../src/core/vocabulary/cache.errors.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import type { GetOrSetOptions } from '../../../src/core/load/call-options.js';
import { ask } from '../../support/redis/ask.js';
import { freePort } from '../../support/redis/free-port.js';
import { until } from '../../support/redis/until.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { times } from '../../support/cache-with.js';
import {
  cleanUpAfterEach,
  HEALED_WITHIN_MS,
  stopAfterTest,
  LIMIT_MS,
  afterTest,
  open,
  rawClient,
  SLACK_MS,
  timed,
  timeOfRefusals,
  untilItStores,
  untilStatus,
} from '../redis.fixture.js';

/*
 * The table of docs/redis-faults.md, row by row. Jest fails a test with an unhandled rejection, so each test also
 * proves that there is none.
 */

jest.setTimeout(30_000);
cleanUpAfterEach();

/** Limit for a read and a load together. */
const REFUSED_WITHIN_MS = 10;

/** Freezes the server until the end of the test. */
function freeze(server: RedisServer): void {
  server.pause();
  afterTest(() => server.resume());
}

describe('while there is no server', () => {
  it('an application starts, loads by its factories, and uses Redis when it is up', async () => {
    const port = await freePort();

    const { value: opened, tookMs } = await timed(() => open({ url: `redis://127.0.0.1:${port}` }));
    const { cache } = opened;
    const load = await timed(() => cache.getOrSet('k', () => 'loaded'));
    const status = (await cache.getStats()).status;
    await stopAfterTest(startRedis({ port }));
    const healedMs = await untilItStores(cache);

    expect(tookMs).toBeLessThan(1_000 + SLACK_MS);
    expect(load.value).toBe('loaded');
    expect(load.tookMs).toBeLessThan(SLACK_MS);
    expect(status).toBe('down');
    expect(healedMs).toBeLessThan(3_000);
  });

  it('reads are misses, loads run, and both are fast, until the killed server is back and empty', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await open({ url: server.url });
    await cache.getOrSet('k', () => 'before');

    server.kill('SIGKILL');
    await untilStatus(cache, 'down');
    const answers = [
      await cache.get('k'),
      await cache.getOrSet('k', () => 'without'),
      await cache.has('k'),
      (await cache.getMany(['k'])).size,
    ];
    const refusedMs = await timeOfRefusals(cache);
    await server.restart();
    await untilItStores(cache);
    const afterwards = [await cache.get('k'), await cache.getOrSet('k', () => 'after'), await cache.get('k')];

    expect(answers).toEqual([undefined, 'without', false, 0]);
    expect(refusedMs).toBeLessThan(REFUSED_WITHIN_MS);
    expect(afterwards).toEqual([undefined, 'after', 'after']);
  });

  it('no call under way rejects when the server is killed', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await open({ url: server.url });
    const calls = times(200, (i) => cache.getOrSet(`k${i % 20}`, () => i % 20));

    server.kill('SIGKILL');
    const { value, tookMs } = await timed(() => Promise.all(calls));

    expect(value).toEqual(times(200, (i) => i % 20));
    expect(tookMs).toBeLessThan(LIMIT_MS + SLACK_MS);
  });

  it('an invalidation is queued, hides its entries in this process, and is sent when the server is back', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url });
    const other = await open({ url: server.url });
    await cache.set('k', 'old', { tags: ['t'], namespace: 'n' });
    freeze(server);

    const { value: wasThere, tookMs } = await timed(() => cache.delete('k', { namespace: 'n' }));
    const reported = errors.filter((error) => error instanceof CacheUnavailableError);
    server.resume();
    await untilStatus(cache, 'up');

    expect(wasThere).toBe(false);
    expect(tookMs).toBeLessThan(LIMIT_MS + SLACK_MS);
    expect(reported.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('queued and will be retried'),
    );
    expect([await cache.get('k', { namespace: 'n' }), await other.cache.get('k', { namespace: 'n' })]).toEqual([
      undefined,
      undefined,
    ]);
  });

  const KINDS: readonly (readonly [kind: string, invalidate: (cache: CacheService) => Promise<unknown>])[] = [
    ['a key', (cache) => cache.delete('k', { namespace: 'n' })],
    ['a tag', (cache) => cache.invalidateTags(['t'])],
    ['several tags', (cache) => cache.invalidateTags(['t', 'u'], { mode: 'all' })],
    ['a namespace', (cache) => cache.invalidateNamespace('n')],
    ['a pattern', (cache) => cache.invalidatePattern('k*', { namespace: 'n' })],
    ['everything', (cache) => cache.clear()],
  ];

  it.each(KINDS)(
    'entries invalidated by %s meanwhile are not seen again, although the server has them',
    async (_, invalidate) => {
      const server = await stopAfterTest(startRedis());
      // The server is unreachable for one process and serves the other.
      const { cache } = await open({ url: server.url, options: { username: 'guest', password: 'guest' } });
      await ask(server.port, 'ACL SETUSER guest on >guest ~* &* +@all');
      const { cache: other } = await open({ url: server.url });
      await untilStatus(cache, 'up');
      await other.set('k', 'old', { tags: ['t', 'u'], namespace: 'n' });
      await ask(server.port, 'ACL SETUSER guest off');
      await ask(server.port, 'CLIENT KILL USER guest').catch(() => undefined);
      await until(
        async () => (await cache.getStats()).status !== 'up',
        HEALED_WITHIN_MS,
        () => 'The connection was not lost.',
      );

      const { tookMs } = await timed(() => invalidate(cache));
      const meanwhile = [await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })];
      await ask(server.port, 'ACL SETUSER guest on');
      await untilStatus(cache, 'up');
      const afterwards = [await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })];

      expect(tookMs).toBeLessThan(SLACK_MS);
      expect(meanwhile).toEqual([undefined, 'old']);
      expect(afterwards).toEqual([undefined, undefined]);
    },
  );
});

describe('while the server is frozen', () => {
  it('the first calls wait 250 ms in all, others are refused at once, and Redis is used again soon after', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await open({ url: server.url });
    await cache.getOrSet('k', () => 'stored');
    const load = (): Promise<{ value: unknown; tookMs: number }> =>
      timed(() => cache.getOrSet('cold', () => sleep(20, 'loaded')));
    freeze(server);

    const first = [await load(), await load(), await load(), await load()];
    const refusedMs = await timeOfRefusals(cache);
    server.resume();
    const { tookMs: healedMs } = await timed(() =>
      until(
        async () => (await cache.get('k')) === 'stored',
        HEALED_WITHIN_MS,
        () => 'The stored value was not read again in time.',
      ),
    );

    expect(first.map(({ value }) => value)).toEqual(times(4, () => 'loaded'));
    expect(Math.max(...first.map(({ tookMs }) => tookMs))).toBeLessThan(LIMIT_MS + 20 + SLACK_MS);
    expect(first[3]?.tookMs).toBeLessThan(SLACK_MS);
    expect(refusedMs).toBeLessThan(REFUSED_WITHIN_MS);
    expect(healedMs).toBeLessThan(2_000);
  });

  it('it is used again after a freeze so long that connections were closed', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache } = await open({ url: server.url });
    await cache.getOrSet('k', () => 'stored');
    freeze(server);

    const endMs = performance.now() + 4_500;
    const slowest = { ms: 0 };
    while (performance.now() < endMs) {
      const { tookMs } = await timed(() => cache.getOrSet('cold', () => sleep(20, 'loaded')));
      slowest.ms = Math.max(slowest.ms, tookMs);
    }
    server.resume();
    const { tookMs: healedMs } = await timed(() =>
      until(
        async () => (await cache.get('k')) === 'stored',
        HEALED_WITHIN_MS,
        () => 'The stored value was not read again in time.',
      ),
    );

    expect(slowest.ms).toBeLessThan(LIMIT_MS + 20 + SLACK_MS);
    expect(healedMs).toBeLessThan(3_000);
  });

  it.each(['value', 'error'])(
    'a load during a freeze waits at most 250 ms in addition to its factory (%s)',
    async (outcome) => {
      const server = await stopAfterTest(startRedis());
      const { cache } = await open({ url: server.url });

      const { value, tookMs } = await timed(() =>
        cache
          .getOrSet('k', async () => {
            freeze(server);
            await sleep(50, undefined);
            if (outcome === 'error') throw new Error('the database is down');
            return 'loaded';
          })
          .catch(String),
      );

      expect(value).toBe(outcome === 'error' ? 'Error: the database is down' : 'loaded');
      expect(tookMs).toBeLessThan(LIMIT_MS + 50 + SLACK_MS);
    },
  );

  it('a batch, a write, a touch and a hundred callers at once wait no longer than one', async () => {
    const server = await stopAfterTest(startRedis());
    const calls: readonly ((cache: CacheService) => Promise<unknown>)[] = [
      (cache) => cache.getOrSetMany(times(50, String), async (missing) => new Map(missing.map((key) => [key, key]))),
      (cache) => cache.set('k', 'v'),
      (cache) => cache.touch('k', '1m'),
      (cache) => cache.writeThrough('k', async () => 'v'),
      (cache) => cache.refresh('k', () => 'v'),
      (cache) => cache.invalidatePattern('k*'),
      (cache) => cache.invalidateTags(['a', 'b'], { mode: 'all' }),
      (cache) => Promise.all(times(100, (i) => cache.getOrSet(`k${i % 10}`, () => i))),
    ];
    const caches = await Promise.all(
      calls.map(async (_, i) => (await open({ url: server.url }, { name: `c${i}` })).cache),
    );
    freeze(server);

    const took = await Promise.all(calls.map(async (call, i) => (await timed(() => call(caches[i]!))).tookMs));

    // A write that cannot be stored also tries an invalidation, which cannot be sent.
    expect(Math.max(...took)).toBeLessThan(2 * LIMIT_MS + SLACK_MS);
    expect(took.filter((_, i) => i !== 3).filter((tookMs) => tookMs > LIMIT_MS + SLACK_MS)).toEqual([]);
  });
});

describe('while the server is full', () => {
  async function full(): Promise<{ server: RedisServer; fill: () => Promise<string>; empty: () => Promise<string> }> {
    const server = await stopAfterTest(startRedis({ args: ['--maxmemory-policy', 'noeviction'] }));
    return {
      server,
      fill: () => ask(server.port, 'CONFIG SET maxmemory 1'),
      empty: () => ask(server.port, 'CONFIG SET maxmemory 0'),
    };
  }

  it('loads are answered and reported, and nothing is stored until there is room', async () => {
    const { server, fill, empty } = await full();
    const { cache, errors } = await open({ url: server.url });
    await cache.set('old', 'kept');
    await fill();

    const loads = [
      await timed(() => cache.getOrSet('k', () => 'one')),
      await timed(() => cache.getOrSet('k', () => 'two')),
    ];
    await cache.set('k', 'three');
    const stored = [await cache.get('k'), await cache.get('old')];
    const reported = errors.length;
    await empty();
    const healedMs = await untilItStores(cache);

    expect(loads.map(({ value }) => value)).toEqual(['one', 'two']);
    expect(Math.max(...loads.map(({ tookMs }) => tookMs))).toBeLessThan(SLACK_MS);
    expect(stored).toEqual([undefined, 'kept']);
    expect(reported).toBeGreaterThan(0);
    expect(healedMs).toBeLessThan(1_000);
  });

  const KINDS: readonly (readonly [
    kind: string,
    invalidate: (cache: CacheService) => Promise<unknown>,
    answer: unknown,
  ])[] = [
    ['a key', (cache) => cache.delete('k', { namespace: 'n' }), true],
    ['a tag', (cache) => cache.invalidateTags(['t']), 1],
    ['several tags', (cache) => cache.invalidateTags(['t', 'u'], { mode: 'all' }), 1],
    ['a namespace', (cache) => cache.invalidateNamespace('n'), 1],
    ['a pattern', (cache) => cache.invalidatePattern('k*', { namespace: 'n' }), 1],
    ['everything', (cache) => cache.clear(), 1],
  ];

  it.each(KINDS)('%s can be invalidated, for all processes, and is counted', async (_, invalidate, answer) => {
    const { server, fill } = await full();
    const { cache, errors } = await open({ url: server.url });
    const { cache: other } = await open({ url: server.url });
    await cache.set('k', 'old', { tags: ['t', 'u'], namespace: 'n' });
    await fill();

    const count = await invalidate(cache);

    expect([await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })]).toEqual([
      undefined,
      undefined,
    ]);
    expect(count).toBe(answer);
    expect(errors).toEqual([]);
  });

  const SOFT: readonly (readonly [kind: string, invalidate: (cache: CacheService) => Promise<unknown>])[] = [
    ['a tag', (cache) => cache.invalidateTags(['t'], { soft: true })],
    ['several tags', (cache) => cache.invalidateTags(['t', 'u'], { mode: 'all', soft: true })],
    ['a namespace', (cache) => cache.invalidateNamespace('n', { soft: true })],
  ];

  it.each(SOFT)('%s that is invalidated softly is not fresh any more', async (_, invalidate) => {
    const { server, fill } = await full();
    const { cache, errors } = await open({ url: server.url }, { staleIfError: '1h' });
    const { cache: other } = await open({ url: server.url });
    await cache.set('k', 'old', { tags: ['t', 'u'], namespace: 'n' });
    await fill();

    await invalidate(cache);

    expect([await cache.get('k', { namespace: 'n' }), await other.get('k', { namespace: 'n' })]).toEqual([
      undefined,
      undefined,
    ]);
    expect(errors).toEqual([]);
  });

  it('a `set` that cannot store removes the old value', async () => {
    const { server, fill } = await full();
    const { cache } = await open({ url: server.url });
    const { cache: other } = await open({ url: server.url });
    await cache.set('k', 'old');
    await fill();

    await cache.set('k', 'new');

    expect([await cache.get('k'), await other.get('k')]).not.toContain('old');
  });
});

describe('while the server is a replica', () => {
  it('reads continue, loads are answered, invalidations are queued until it is a master again', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url });
    await cache.set('k', 'stored');
    await cache.set('gone', 'old');
    await ask(server.port, `REPLICAOF 127.0.0.1 ${await freePort()}`);

    const loads = await Promise.all(times(20, () => timed(() => cache.getOrSet('cold', () => 'loaded'))));
    const later = await timed(() => cache.getOrSet('cold', () => 'loaded'));
    const deletion = await timed(() => cache.delete('gone'));
    const hidden = await cache.get('gone');
    const isReported = errors.some(({ message }) => message.includes('queued and will be retried'));
    await ask(server.port, 'REPLICAOF NO ONE');
    await untilItStores(cache);
    await untilStatus(cache, 'up');

    expect([...loads, later].map(({ value }) => value)).toEqual(times(21, () => 'loaded'));
    expect(Math.max(...[...loads, later, deletion].map(({ tookMs }) => tookMs))).toBeLessThan(LIMIT_MS + SLACK_MS);
    expect(hidden).toBeUndefined();
    expect(isReported).toBe(true);
    expect(await cache.get('gone')).toBeUndefined();
    expect(await ask(server.port, `EXISTS ${(await cache.explain('gone')).storedKey}`)).toBe('0');
  });
});

describe('a foreign value under a name of the cache', () => {
  const FOREIGN: readonly (readonly [type: string, write: (client: Redis, name: string) => Promise<unknown>])[] = [
    ['string', (client, name) => client.set(name, 'foreign')],
    ['list', (client, name) => client.rpush(name, 'foreign')],
    ['hash', (client, name) => client.hset(name, 'foreign', 'foreign')],
    ['set', (client, name) => client.sadd(name, 'foreign')],
    ['zset', (client, name) => client.zadd(name, 1, 'foreign')],
    ['stream', (client, name) => client.xadd(name, '*', 'foreign', 'foreign')],
  ];
  const NAMES: readonly (readonly [what: string, nameOf: (root: string) => string])[] = [
    ['entry', (root) => `${root}:e:n:k`],
    ['generation of a tag', (root) => `${root}:g:{tag:t}`],
    ['generation of a namespace', (root) => `${root}:g:{ns:n}`],
    ['generation of everything', (root) => `${root}:g:{all:0}`],
    ['index of a tag', (root) => `${root}:i:{tag:t}`],
    ['index of a namespace', (root) => `${root}:i:{ns:n}`],
    ['index of everything', (root) => `${root}:i:{all:0}`],
    ['index by creation', (root) => `${root}:c:{all:0}`],
    ['ids of all tags', (root) => `${root}:epochs`],
    ['list of trash', (root) => `${root}:trash`],
  ];

  it.each(NAMES)('as the %s breaks no call, and is replaced when it is found', async (_, nameOf) => {
    const server = await stopAfterTest(startRedis());
    const client = rawClient(server);
    const { cache, errors } = await open({ url: server.url });
    const { storedKey } = await cache.explain('k', { namespace: 'n' });
    const root = storedKey.slice(0, storedKey.indexOf(':e:'));
    const options: GetOrSetOptions<string> = { namespace: 'n', tags: () => ['t'] };

    for (const [type, write] of FOREIGN) {
      for (const isStored of [false, true]) {
        await client.flushall();
        if (isStored) await cache.getOrSet('k', () => 'old', options);
        await client.del(nameOf(root));
        await write(client, nameOf(root));

        const read = await cache.get<string>('k', { namespace: 'n' });
        const first = await cache.getOrSet('k', () => 'first', options);
        const second = await cache.getOrSet('k', () => 'second', options);
        const third = await cache.getOrSet('k', () => 'third', options);
        await write(client, nameOf(root)).catch(() => undefined);
        await cache.invalidateTags(['t']);
        await cache.invalidateTags(['t', 'u'], { mode: 'all' });
        await cache.invalidateNamespace('n');
        await cache.invalidatePattern('k*', { namespace: 'n' });
        await cache.delete('k', { namespace: 'n' });
        await cache.clear();
        const afterwards = await cache.getOrSet('k', () => 'new', options);
        const { status } = await cache.getStats();

        const messages = errors.map(({ message }) => message).join(' | ');
        const about = `${type}, stored before: ${isStored}, errors: ${messages}`;
        expect([about, ['old', undefined].includes(read)]).toEqual([about, true]);
        expect([about, ['old', 'first'].includes(first)]).toEqual([about, true]);
        expect([about, third]).toEqual([about, second]);
        expect([about, afterwards, status]).toEqual([about, 'new', 'up']);
      }
    }
  });
});

describe('a payload', () => {
  it('that was truncated, changed or made of random bytes is a miss, and the next load replaces it', async () => {
    const server = await stopAfterTest(startRedis());
    const client = rawClient(server);
    const { cache } = await open({ url: server.url });
    const value = { name: 'a value', numbers: [1, 2, 3], when: new Date(0), map: new Map([['a', 1n]]) };
    await cache.set('k', value, { tags: ['t'], ttl: 'forever' });
    const { storedKey } = await cache.explain('k');
    const whole = (await client.getBuffer(storedKey))!;
    const changed = [
      ...times(whole.length, (length) => whole.subarray(0, length)),
      // Every third bit: all bytes, and each bit position in turn.
      ...times(Math.floor((whole.length * 8) / 3), (third) => flipped(whole, 3 * third)),
      ...times(200, (i) => pseudoRandomBytes(i, 1 + ((i * 37) % 400))),
      Buffer.concat([whole, whole]),
      Buffer.alloc(0),
    ];
    const wrong: string[] = [];
    const served = { count: 0 };
    const check = (about: string, bytes: Buffer, isRight: boolean): void => {
      if (!isRight) wrong.push(`${about}: ${bytes.toString('latin1')}`);
    };

    for (const bytes of changed) {
      await client.set(storedKey, bytes);
      const read = await cache.get('k');
      if (read === undefined) {
        check('not loaded', bytes, (await cache.getOrSet('k', () => 'again', { ttl: 'forever' })) === 'again');
        check('not replaced', bytes, (await cache.get('k')) === 'again');
        continue;
      }
      served.count++;
      check('not what was stored', bytes, isDeepStrictEqual(read, value));
      await cache.delete('k');
      check('not deleted', bytes, (await cache.get('k')) === undefined);
    }

    expect(wrong).toEqual([]);
    // Only flips in a lease or in a time are served; other tests cover them.
    expect(served.count).toBeLessThan(changed.length / 3);
  });

  it('of another version of the format, of another key, namespace or version of the cache is a miss', async () => {
    const server = await stopAfterTest(startRedis());
    const client = rawClient(server);
    const { cache } = await open({ url: server.url });
    const { cache: next } = await open({ url: server.url }, { version: 2 });
    for (const key of ['mine', 'theirs']) await cache.set(key, `value of ${key}`, { namespace: 'n' });
    await cache.set('mine', 'without a namespace');
    await next.set('mine', 'of the next version', { namespace: 'n' });
    const nameOf = async (from: CacheService, key: string, namespace?: string): Promise<string> =>
      (await from.explain(key, namespace === undefined ? {} : { namespace })).storedKey;
    const mine = await nameOf(cache, 'mine', 'n');
    const own = (await client.getBuffer(mine))!;
    const marker = own.indexOf(Buffer.from([0xca, 0xc4]));
    const other = [
      Buffer.from(own).fill(own[marker + 2]! + 1, marker + 2, marker + 3),
      (await client.getBuffer(await nameOf(cache, 'theirs', 'n')))!,
      (await client.getBuffer(await nameOf(cache, 'mine')))!,
      (await client.getBuffer(await nameOf(next, 'mine', 'n')))!,
    ];

    const reads: unknown[] = [];
    for (const bytes of other) {
      await client.set(mine, bytes);
      reads.push(
        await cache.get('mine', { namespace: 'n' }),
        await cache.getOrSet('mine', () => 'again', { namespace: 'n' }),
      );
    }

    expect(marker).toBeGreaterThan(0);
    expect(reads).toEqual(other.flatMap(() => [undefined, 'again']));
  });

  it('of more than 32 MiB is returned and reported, and the old value is removed', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url, commandTimeout: '2s' });
    const huge = Buffer.alloc(33 * 1024 * 1024, 1);
    await cache.set('k', 'old', { ttl: 1 });
    await until(
      async () => (await cache.get('k')) === undefined,
      1_000,
      () => 'The entry did not expire in time.',
    );

    const loaded = await cache.getOrSet('k', () => huge);
    const left = await cache.get('k');
    const written = await cache.writeThrough('k', async () => huge);

    expect(loaded).toHaveLength(huge.length);
    expect(written).toHaveLength(huge.length);
    expect(left).toBeUndefined();
    expect(await cache.get('k')).toBeUndefined();
    expect(errors.map(({ message }) => message)).toContainEqual(expect.stringMatching(/at most 33554432 bytes/));
  });

  it('of more than 32 MiB removes the value that it should replace', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url });
    await cache.set('refreshed', 'old');
    await cache.set('set', 'old');

    await cache.refresh('refreshed', () => Buffer.alloc(33 * 1024 * 1024, 1));
    const isRefused = await cache.set('set', Buffer.alloc(33 * 1024 * 1024, 1)).then(
      () => false,
      () => true,
    );

    expect(await cache.get('refreshed')).toBeUndefined();
    // A `set` that rejects has changed nothing.
    expect([isRefused, await cache.get('set')]).toEqual([true, 'old']);
    expect(errors.map(({ code }) => code)).toContain('CACHE_CONFIG_INVALID');
  });
});

describe('while access is denied', () => {
  it('by a wrong password, loads are answered at once, and Redis is used when the password is right', async () => {
    const server = await stopAfterTest(startRedis());
    await ask(server.port, 'ACL SETUSER kit on >right ~* &* +@all');
    const { value: opened, tookMs } = await timed(() => open({ url: `redis://kit:wrong@127.0.0.1:${server.port}` }));
    const { cache, errors } = opened;

    const load = await timed(() => cache.getOrSet('k', () => 'loaded'));
    const refusedMs = await timeOfRefusals(cache);
    await ask(server.port, 'ACL SETUSER kit >wrong');
    const healedMs = await untilItStores(cache);

    expect(tookMs).toBeLessThan(1_000 + SLACK_MS);
    expect(load.value).toBe('loaded');
    expect(load.tookMs).toBeLessThan(SLACK_MS);
    expect(refusedMs).toBeLessThan(REFUSED_WITHIN_MS);
    expect(String(errors[0]?.cause) + String((errors[0]?.cause as Error).cause)).toMatch(/WRONGPASS/);
    expect(healedMs).toBeLessThan(HEALED_WITHIN_MS);
  });

  it('by a missing password, loads are answered at once, and Redis is used when none is needed', async () => {
    const server = await stopAfterTest(startRedis({ args: ['--requirepass', 'secret'] }));
    const { cache, errors } = await open({ url: server.url });
    const client = rawClient(server, 'secret');

    const load = await timed(() => cache.getOrSet('k', () => 'loaded'));
    const refusedMs = await timeOfRefusals(cache);
    await client.config('SET', 'requirepass', '');
    await untilItStores(cache);

    expect(load.value).toBe('loaded');
    expect(load.tookMs).toBeLessThan(SLACK_MS);
    expect(refusedMs).toBeLessThan(REFUSED_WITHIN_MS);
    expect(errors.length).toBeGreaterThan(0);
  });

  it.each(['~other:* &* +@all', '~* &* +ping +info', '~* &* +@all -@write', '~* &* +@all -@scripting'])(
    'to keys or commands (%s), loads are answered, and Redis is used when access is granted',
    async (rules) => {
      const server = await stopAfterTest(startRedis());
      await ask(server.port, `ACL SETUSER kit on >secret ${rules}`);
      const { cache, errors } = await open({ url: `redis://kit:secret@127.0.0.1:${server.port}` });

      const loads = [
        await timed(() => cache.getOrSet('k', () => 'loaded')),
        await timed(() => cache.getOrSet('k', () => 'loaded')),
      ];
      const deletion = await timed(() => cache.delete('k'));
      await ask(server.port, 'ACL SETUSER kit ~* &* +@all');
      const healedMs = await untilItStores(cache);
      await untilStatus(cache, 'up');

      expect(loads.map(({ value }) => value)).toEqual(['loaded', 'loaded']);
      expect(Math.max(...loads.map(({ tookMs }) => tookMs), deletion.tookMs)).toBeLessThan(SLACK_MS);
      expect(errors.length).toBeGreaterThan(0);
      expect(healedMs).toBeLessThan(HEALED_WITHIN_MS);
    },
  );

  it('to the wake channel, everything works, and a waiter for the load of another process polls', async () => {
    const server = await stopAfterTest(startRedis());
    await ask(server.port, 'ACL SETUSER kit on >secret ~* resetchannels +@all');
    const url = `redis://kit:secret@127.0.0.1:${server.port}`;
    const [{ cache: one }, { cache: other }] = await Promise.all([open({ url }), open({ url })]);
    const loads = { count: 0 };
    const load = (): Promise<string> => {
      loads.count++;
      return sleep(200, 'loaded');
    };

    const leading = one.getOrSet('k', load);
    await until(
      async () => loads.count === 1,
      1_000,
      () => 'No load began in time.',
    );
    const waiting = await timed(() => other.getOrSet('k', load));

    expect([await leading, waiting.value, loads.count]).toEqual(['loaded', 'loaded', 1]);
    expect(waiting.tookMs).toBeLessThan(200 + 500 + SLACK_MS);
  });
});

describe('while the server loads its data', () => {
  it('loads are answered at once, and it is used when it has loaded', async () => {
    const server = await stopAfterTest(
      startRedis({ args: ['--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024'] }),
    );
    const client = rawClient(server);
    const { cache, errors } = await open({ url: server.url });
    // Not `set`: after a lost connection, its outcome is unknown and it is undone.
    await cache.getOrSet('k', () => 'kept', { ttl: 'forever' });
    const filler = client.pipeline();
    for (let i = 0; i < 2_500; i++) filler.set(`filler-${i}`, 'x'.repeat(100));
    await filler.exec();
    await client.save();
    client.disconnect();

    await server.restart();
    const isLoading = (await ask(server.port, 'INFO persistence')).includes('loading:1');
    const load = await timed(() => cache.getOrSet('cold', () => 'loaded'));
    const stillLoading = (await ask(server.port, 'INFO persistence')).includes('loading:1');
    const { cache: late } = await open({ url: server.url }, { name: 'late' });
    const lateLoad = await timed(() => late.getOrSet('cold', () => 'loaded'));
    await until(
      async () => (await ask(server.port, 'INFO persistence')).includes('loading:0'),
      20_000,
      () => 'The server did not load its data in time.',
    );
    const { tookMs: healedMs } = await timed(() =>
      until(
        async () => (await cache.get('k')) === 'kept',
        HEALED_WITHIN_MS,
        () => 'The stored value was not read again in time.',
      ),
    );
    await untilItStores(late);

    expect([isLoading, stillLoading]).toEqual([true, true]);
    expect([load.value, lateLoad.value]).toEqual(['loaded', 'loaded']);
    expect(Math.max(load.tookMs, lateLoad.tookMs)).toBeLessThan(LIMIT_MS + SLACK_MS);
    expect(errors.length).toBeGreaterThan(0);
    expect(healedMs).toBeLessThan(HEALED_WITHIN_MS);
  });
});

describe('when the server has forgotten its scripts', () => {
  it('no call fails', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url });
    const forget = (): Promise<string> => ask(server.port, 'SCRIPT FLUSH');
    const answers: unknown[] = [];

    for (const call of [
      () => cache.getOrSet('k', () => 'loaded', { tags: (value) => [value], namespace: 'n' }),
      () => cache.get('k', { namespace: 'n' }),
      () => cache.getOrSet('l', async () => (await forget(), 'loaded')),
      () => cache.get('l'),
      () => cache.invalidateTags(['loaded']),
      () => cache.get('k', { namespace: 'n' }),
      () => cache.set('k', 'set', { tags: ['t'] }),
      () => cache.delete('k'),
      () => cache.clear(),
    ]) {
      await forget();
      answers.push(await call());
    }

    expect(answers).toEqual(['loaded', 'loaded', 'loaded', 'loaded', 1, undefined, undefined, true, 1]);
    expect(errors).toEqual([]);
  });

  it('a load under way is stored once, and all concurrent calls succeed', async () => {
    const server = await stopAfterTest(startRedis());
    const { cache, errors } = await open({ url: server.url, commandTimeout: '2s' });
    const flushing = { isOn: true };
    const flush = (async () => {
      while (flushing.isOn) await ask(server.port, 'SCRIPT FLUSH');
    })();

    const values = await Promise.all(
      times(300, (i) => cache.getOrSet(`k${i}`, () => sleep(i % 10, i), { tags: ['t'] })),
    );
    const count = await cache.invalidateTags(['t']);
    flushing.isOn = false;
    await flush;

    expect(values).toEqual(times(300, (i) => i));
    expect(count).toBe(300);
    expect(errors).toEqual([]);
  });
});

describe("a client of the user's own", () => {
  it('is used, stays open when the cache is closed, and is never closed by a fault', async () => {
    const server = await stopAfterTest(startRedis());
    const client = rawClient(server);
    await until(
      async () => client.status === 'ready',
      1_000,
      () => client.status,
    );
    const listeners = (): number[] => client.eventNames().map((event) => client.listenerCount(event));
    const before = listeners();
    const { cache } = await open({ client });
    await cache.getOrSet('k', () => 'stored');
    freeze(server);
    for (let i = 0; i < 4; i++) await cache.getOrSet('cold', () => i);
    server.resume();
    await untilItStores(cache);

    await cache.close();

    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
    expect(listeners()).toEqual(before);
    // One connection of the user, none of the kit.
    const connections = async (): Promise<boolean> =>
      ((await client.call('CLIENT', 'LIST')) as string).trim().split('\n').length === 1;
    await until(connections, 2_000, () => 'A connection of the kit was left.');
  });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy;
}

/** Generates the same bytes in every run. */
function pseudoRandomBytes(seed: number, length: number): Buffer {
  let state = seed + 1;
  return Buffer.from(times(length, () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16));
}
